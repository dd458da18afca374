"""``python -m tests.support.refusing ERRNO COMMAND...``: a command for which the kernel refuses every flock.

A seccomp filter, written by hand, answers the call with the errno (a number or a name) before it reaches any file
system; it holds for all that the command starts. 524 (ENOTSUPP, which NFS servers' answers become) has no name.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Sequence

ENOTSUPP = 524
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL, ENOTSUPP)
"""What a file system says that has no locks."""

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_FLOCK = {"x86_64": (0xC000003E, 73), "aarch64": (0xC00000B7, 32)}  # AUDIT_ARCH_*, the call's number
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER_AT, _ARCH_AT = 0, 4  # in struct seccomp_data


def name_of(number: int) -> str:
    """An errno for people."""
    return errno.errorcode.get(number, str(number))


def refusing(number: int, command: Sequence[str]) -> list[str]:
    """The command, wrapped; skips the test where the machine has no such filter."""
    if os.uname().machine not in _FLOCK or not sys.platform.startswith("linux"):
        import pytest  # noqa: PLC0415 - the command would wait for it

        pytest.skip(f"no seccomp filter is known for {os.uname().machine}")
    return [sys.executable, "-c", _START, _ROOT, str(number), *command]


# Not -m: the command has the environment and the working directory that it was given.
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from tests.support import refusing; refusing.main()"


def refuse(number: int) -> None:
    """From now on flock fails with this errno, in this process and in all that it starts."""
    arch, call = _FLOCK[os.uname().machine]
    program = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_EQUAL, 0, 3, arch),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_EQUAL, 0, 1, call),
        (_RETURN, 0, 0, _ERRNO | number),
        (_RETURN, 0, 0, _ALLOW),
    ]
    filters = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in program))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(filters)))
    libc = ctypes.CDLL(None, use_errno=True)
    for option, *arguments in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(header), 0, 0),
    ):
        if libc.prctl(option, *map(ctypes.c_ulong, arguments)):
            failed = ctypes.get_errno()
            raise OSError(failed, os.strerror(failed))


def main() -> None:
    """Refuse, and become the command."""
    word, *command = sys.argv[1:]
    refuse(int(word) if word.isdigit() else getattr(errno, word))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
