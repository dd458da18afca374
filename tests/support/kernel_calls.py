"""The system calls that change files, as the kernel sees them: by number, with the paths behind their arguments.

A seccomp filter stops a traced process at these alone, so that it runs at nearly its own speed.
"""

from __future__ import annotations

import ctypes
import os
import platform
from dataclasses import dataclass

O_CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
FICLONE, FICLONERANGE = 0x40049409, 0x4020940D
AT_FDCWD = -100
REGISTERS = 27
ARGUMENTS = (14, 13, 12, 7, 9, 8)
"""Where `PTRACE_GETREGS` of x86_64 has rdi, rsi, rdx, r10, r8, r9."""
RESULT, NUMBER = 10, 15
_ALLOW, _TRACE, _NOTHING = 0x7FFF0000, 0x7FF00000, 0x00050000
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ARCH_X86_64 = 0xC000003E


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a system call is about.

    Args:
        name: Its name.
        paths: Which arguments are a directory's descriptor (None: there is none) and a path in it.
        fd: Which argument is a descriptor of what it changes.
        flags: Which argument says whether it changes anything (open).
    """

    name: str
    paths: tuple[tuple[int | None, int], ...] = ()
    fd: int | None = None
    flags: int | None = None


SHAPES: dict[int, Shape] = {
    1: Shape(name="write", fd=0),
    2: Shape(name="open", paths=((None, 0),), flags=1),
    16: Shape(name="ficlone", fd=0),
    18: Shape(name="pwrite64", fd=0),
    20: Shape(name="writev", fd=0),
    40: Shape(name="sendfile", fd=0),
    74: Shape(name="fsync", fd=0),
    75: Shape(name="fdatasync", fd=0),
    76: Shape(name="truncate", paths=((None, 0),)),
    77: Shape(name="ftruncate", fd=0),
    82: Shape(name="rename", paths=((None, 0), (None, 1))),
    83: Shape(name="mkdir", paths=((None, 0),)),
    84: Shape(name="rmdir", paths=((None, 0),)),
    85: Shape(name="creat", paths=((None, 0),)),
    86: Shape(name="link", paths=((None, 0), (None, 1))),
    87: Shape(name="unlink", paths=((None, 0),)),
    88: Shape(name="symlink", paths=((None, 1),)),
    90: Shape(name="chmod", paths=((None, 0),)),
    91: Shape(name="fchmod", fd=0),
    92: Shape(name="chown", paths=((None, 0),)),
    93: Shape(name="fchown", fd=0),
    94: Shape(name="lchown", paths=((None, 0),)),
    132: Shape(name="utime", paths=((None, 0),)),
    133: Shape(name="mknod", paths=((None, 0),)),
    188: Shape(name="setxattr", paths=((None, 0),)),
    189: Shape(name="lsetxattr", paths=((None, 0),)),
    190: Shape(name="fsetxattr", fd=0),
    197: Shape(name="removexattr", paths=((None, 0),)),
    198: Shape(name="lremovexattr", paths=((None, 0),)),
    199: Shape(name="fremovexattr", fd=0),
    235: Shape(name="utimes", paths=((None, 0),)),
    257: Shape(name="openat", paths=((0, 1),), flags=2),
    258: Shape(name="mkdirat", paths=((0, 1),)),
    259: Shape(name="mknodat", paths=((0, 1),)),
    260: Shape(name="fchownat", paths=((0, 1),)),
    261: Shape(name="futimesat", paths=((0, 1),)),
    263: Shape(name="unlinkat", paths=((0, 1),)),
    264: Shape(name="renameat", paths=((0, 1), (2, 3))),
    265: Shape(name="linkat", paths=((0, 1), (2, 3))),
    266: Shape(name="symlinkat", paths=((1, 2),)),
    268: Shape(name="fchmodat", paths=((0, 1),)),
    280: Shape(name="utimensat", paths=((0, 1),)),
    285: Shape(name="fallocate", fd=0),
    296: Shape(name="pwritev", fd=0),
    306: Shape(name="syncfs", fd=0),
    316: Shape(name="renameat2", paths=((0, 1), (2, 3))),
    326: Shape(name="copy_file_range", fd=2),
    328: Shape(name="pwritev2", fd=0),
    452: Shape(name="fchmodat2", paths=((0, 1),)),
}
SYNCING = frozenset({"fsync", "fdatasync", "syncfs"})
"""They make a change last, and change nothing: an error there counts, a kill there is none of its own."""
IOCTL = 16


def supported() -> bool:
    """Whether the numbers and registers of this module are this machine's."""
    return platform.system() == "Linux" and platform.machine() == "x86_64"


class Filter:
    """A seccomp program that stops the process at the calls of `SHAPES`, as far as they change something.

    Args:
        syncing: Stop at those that make a change last, too; else they succeed and do nothing, which no kill can tell
            and a busy disk is spared.
        changes: Stop at all the others.
    """

    def __init__(self, *, syncing: bool, changes: bool = True) -> None:
        program = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _ARCH_X86_64), (_RETURN, 0, 0, _ALLOW)]
        for number, shape in SHAPES.items():
            if shape.name in SYNCING and not syncing:
                program += [(_LOAD, 0, 0, 0), (_EQUAL, 0, 1, number), (_RETURN, 0, 0, _NOTHING)]
                continue
            if not changes:
                continue
            if number == IOCTL:
                asked = [(_EQUAL, 1, 0, FICLONE), (_EQUAL, 0, 1, FICLONERANGE)]
            elif shape.flags is not None:
                asked = [(_ANY_BIT, 0, 1, O_CHANGES)]
            else:
                asked = []
            argument = 16 + 8 * (shape.flags if shape.flags is not None else 1)
            test = [(_LOAD, 0, 0, argument), *asked] if asked else []
            leave = [(_RETURN, 0, 0, _ALLOW)] if asked else []
            body = [*test, (_RETURN, 0, 0, _TRACE), *leave]
            program += [(_LOAD, 0, 0, 0), (_EQUAL, 0, len(body), number), *body]
        program.append((_RETURN, 0, 0, _ALLOW))
        self._code = ctypes.create_string_buffer(
            b"".join(
                code.to_bytes(2, "little") + bytes([yes, no]) + value.to_bytes(4, "little")
                for code, yes, no, value in program
            )
        )
        self._program = ctypes.create_string_buffer(
            len(program).to_bytes(8, "little") + ctypes.addressof(self._code).to_bytes(8, "little")
        )
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong)

    def enforce(self) -> None:
        """From here on this process and what it starts stop at those calls; they need a tracer."""
        for option, value, argument in ((38, 1, None), (22, 2, self._program)):  # no new rights; a filter
            if self._libc.prctl(option, value, argument, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "prctl")


def paths_of(pid: int, shape: Shape, arguments: tuple[int, ...]) -> tuple[str, ...]:
    """The absolute paths that a stopped call is about; what cannot be told is left out."""
    found = []
    try:
        if shape.fd is not None:
            found.append(os.readlink(f"/proc/{pid}/fd/{arguments[shape.fd] & 0xFFFFFFFF}"))
        for directory, path in shape.paths:
            if path and not arguments[path]:  # futimens: the descriptor itself
                found.append(os.readlink(f"/proc/{pid}/fd/{arguments[directory or 0] & 0xFFFFFFFF}"))
                continue
            text = _text(pid, arguments[path])
            if not text.startswith("/"):
                fd = AT_FDCWD if directory is None else ctypes.c_int(arguments[directory] & 0xFFFFFFFF).value
                parent = os.readlink(f"/proc/{pid}/cwd" if fd == AT_FDCWD else f"/proc/{pid}/fd/{fd}")
                text = os.path.join(parent, text)
            found.append(text)
    except OSError:
        return ()
    return tuple(found)


def _text(pid: int, address: int) -> str:
    content = b""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        while b"\0" not in content:
            memory.seek(address + len(content))
            content += memory.read(256 - (address + len(content)) % 256)
    return os.fsdecode(content.partition(b"\0")[0])
