"""``python -m tests.support.fuse.serve BACKING MOUNT FLOCK VALID REFUSED...``: mounts, says so, serves.

FLOCK is ``here`` (the kernel keeps the locks of this mount by itself), ``through`` (asked of the backing file) or an
errno. Each REFUSED is ``OPCODE=ERRNO``. When its standard input ends, it unmounts: so nothing is left of it when
whoever started it dies.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import struct
import sys
import threading
from collections.abc import Callable

from tests.support.fuse import protocol
from tests.support.fuse.handles import Handles
from tests.support.fuse.protocol import Opcode, Request
from tests.support.fuse.tree import Tree

_LIBC = ctypes.CDLL(None, use_errno=True)
_OPEN = struct.Struct("=I")  # flags
_MNT_DETACH = 2
_NO_ANSWER = frozenset({Opcode.FORGET, Opcode.BATCH_FORGET, Opcode.INTERRUPT})


class Server:
    """Answers the kernel, one request after the other."""

    def __init__(self, device: int, tree: Tree, handles: Handles, *, locks: bool, refused: dict[Opcode, int]) -> None:
        self._device = device
        self._locks = locks
        self._refused = refused
        self._answers: dict[Opcode, Callable[[Request], bytes | None]] = {
            Opcode.INIT: self._begin,
            Opcode.LOOKUP: tree.lookup,
            Opcode.FORGET: tree.forget,
            Opcode.BATCH_FORGET: tree.forget,
            Opcode.GETATTR: tree.attributes,
            Opcode.SETATTR: tree.set_attributes,
            Opcode.READLINK: tree.read_link,
            Opcode.SYMLINK: tree.make,
            Opcode.MKNOD: tree.make,
            Opcode.MKDIR: tree.make,
            Opcode.UNLINK: tree.remove,
            Opcode.RMDIR: tree.remove,
            Opcode.RENAME: tree.rename,
            Opcode.RENAME2: tree.rename,
            Opcode.LINK: tree.link,
            Opcode.STATFS: tree.room,
            Opcode.CREATE: tree.create,
            Opcode.OPEN: lambda asked: handles.open(tree.path(asked.node), *_OPEN.unpack_from(asked.payload)),
            Opcode.OPENDIR: lambda asked: handles.open(tree.path(asked.node), os.O_RDONLY | os.O_DIRECTORY),
            Opcode.READ: handles.read,
            Opcode.READDIR: handles.read_listing,
            Opcode.WRITE: handles.write,
            Opcode.FSYNC: handles.sync,
            Opcode.FSYNCDIR: handles.sync,
            Opcode.RELEASE: handles.close,
            Opcode.RELEASEDIR: handles.close_listing,
            Opcode.SETLK: handles.lock,
            Opcode.SETLKW: lambda asked: handles.wait_for_lock(asked, lambda error: self._say(asked, error=error)),
            Opcode.INTERRUPT: handles.interrupt,
            Opcode.FLUSH: lambda _: None,
            Opcode.DESTROY: lambda _: None,
        }

    def serve(self) -> None:
        """Until it is unmounted."""
        while True:
            try:
                asked = os.read(self._device, protocol.MAX_WRITE + 65536)
            except OSError as error:
                if error.errno in {errno.ENOENT, errno.EINTR, errno.EAGAIN}:  # taken back, or interrupted
                    continue
                return  # ENODEV: unmounted
            self._answer(asked)

    def _answer(self, asked: bytes) -> None:
        _, number, unique, node, uid, gid, *_ = protocol.IN_HEADER.unpack_from(asked)
        payload = asked[protocol.IN_HEADER.size :]
        try:
            opcode = Opcode(number)
        except ValueError:
            return self._write(unique, error=errno.ENOSYS)
        request = Request(opcode=opcode, unique=unique, node=node, uid=uid, gid=gid, payload=payload)
        if opcode in self._refused:
            return self._say(request, error=self._refused[opcode])
        try:
            data = self._answers[opcode](request)
        except OSError as error:
            return self._say(request, error=error.errno or errno.EIO)
        if opcode is not Opcode.SETLKW:
            self._say(request, data or b"")
        return None

    def _say(self, request: Request, data: bytes = b"", *, error: int = 0) -> None:
        if request.opcode not in _NO_ANSWER:
            self._write(request.unique, data, error=error)

    def _write(self, unique: int, data: bytes = b"", *, error: int = 0) -> None:
        with contextlib.suppress(FileNotFoundError):  # nobody waits for it any more
            size = protocol.OUT_HEADER.size + len(data)
            os.write(self._device, protocol.OUT_HEADER.pack(size, -error, unique) + data)

    def _begin(self, request: Request) -> bytes:
        _, _, ahead, offered = protocol.INIT_IN.unpack_from(request.payload)
        wanted = protocol.ASYNC_READ | protocol.ATOMIC_O_TRUNC | protocol.BIG_WRITES | protocol.AUTO_INVAL_DATA
        wanted |= protocol.FLOCK_LOCKS if self._locks else 0
        return protocol.INIT_OUT.pack(
            protocol.MAJOR, protocol.MINOR, ahead, offered & wanted, 16, 12, protocol.MAX_WRITE, 1, *[0] * 10
        )


def mount(device: int, path: str) -> None:
    """Put the file system that ``device`` speaks for at a path."""
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
    if _LIBC.mount(b"tests", os.fsencode(path), b"fuse.passthrough", 0, options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)


def main() -> None:
    """Serve."""
    backing, path, flock, valid, *refused = sys.argv[1:]
    os.umask(0)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    tree = Tree(backing, valid=float(valid))
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    mount(device, path)
    os.write(1, b"mounted\n")

    def unmount_in_the_end() -> None:
        while os.read(0, 4096):
            pass
        _LIBC.umount2(os.fsencode(path), _MNT_DETACH)
        os._exit(0)  # files that are open through the mount answer ENOTCONN from now on

    threading.Thread(target=unmount_in_the_end, daemon=True).start()
    Server(
        device,
        tree,
        Handles(refused=int(flock) if flock.isdigit() else 0),
        locks=flock != "here",
        refused={Opcode[name]: int(number) for name, _, number in (each.partition("=") for each in refused)},
    ).serve()


if __name__ == "__main__":
    main()
