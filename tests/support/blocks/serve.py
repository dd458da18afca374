"""``python -m tests.support.blocks.serve IMAGE LOG MOUNT``: shows the image as ``MOUNT/disk``, logs what is written.

A loop device over that file hands down every block that a file system writes, before the write is complete, and turns
each flush of the disk into an fsync of the file (it has no FUA: the kernel flushes instead). One request is answered
after the other, so the log has them in their order. When its standard input ends, it unmounts.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import sys
import threading
import time

from tests.support.blocks.log import packed
from tests.support.fuse import protocol
from tests.support.fuse.protocol import Opcode
from tests.support.fuse.serve import mount

_LIBC = ctypes.CDLL(None, use_errno=True)
_MNT_DETACH = 2
_DISK = 2
_NAME = b"disk\0"
_FOR_EVER = 1 << 30
_SILENT = frozenset({Opcode.FORGET, Opcode.BATCH_FORGET, Opcode.INTERRUPT})
_PLAIN = frozenset({Opcode.OPENDIR, Opcode.OPEN})
_NOTHING = frozenset({Opcode.FLUSH, Opcode.RELEASE, Opcode.RELEASEDIR, Opcode.DESTROY, Opcode.FSYNCDIR})


class Disk:
    """A directory with one file in it.

    Args:
        device: Of the kernel's questions.
        image: Descriptor of the file that the blocks are kept in.
        log: Descriptor of the log.
    """

    def __init__(self, device: int, image: int, log: int) -> None:
        self._device = device
        self._image = image
        self._log = log

    def serve(self) -> None:
        """Until it is unmounted."""
        while True:
            try:
                asked = os.read(self._device, protocol.MAX_WRITE + 65536)
            except OSError as error:
                if error.errno in {errno.ENOENT, errno.EINTR, errno.EAGAIN}:
                    continue
                return
            _, number, unique, node, *_ = protocol.IN_HEADER.unpack_from(asked)
            try:
                answer, refused = self._answer(number, node, asked[protocol.IN_HEADER.size :]), 0
            except OSError as error:
                answer, refused = b"", error.errno or errno.EIO
            if number in _SILENT:
                continue
            with contextlib.suppress(FileNotFoundError):
                size = protocol.OUT_HEADER.size + len(answer)
                os.write(self._device, protocol.OUT_HEADER.pack(size, -refused, unique) + answer)

    def _answer(self, number: int, node: int, asked: bytes) -> bytes:
        match number:
            case Opcode.WRITE:
                return self._write(asked)
            case Opcode.FSYNC:
                os.write(self._log, packed(time.monotonic_ns(), 0, b""))
                return b""
            case Opcode.READ:
                _, offset, size, *_ = protocol.READ_IN.unpack_from(asked)
                return os.pread(self._image, size, offset)
            case Opcode.GETATTR | Opcode.SETATTR:
                return protocol.ATTR_OUT.pack(_FOR_EVER, 0, 0) + self._attributes(node)
            case Opcode.LOOKUP if asked == _NAME:
                return protocol.ENTRY.pack(_DISK, 0, _FOR_EVER, _FOR_EVER, 0, 0) + self._attributes(_DISK)
            case Opcode.LOOKUP:
                raise FileNotFoundError(errno.ENOENT, "only one file is here")
            case Opcode.INIT:
                return _begun(asked)
            case _ if number in _PLAIN:
                return protocol.OPEN_OUT.pack(0, 0, 0)
            case _ if number in _NOTHING:
                return b""
            case _:
                raise OSError(errno.ENOSYS, "not spoken here")

    def _write(self, asked: bytes) -> bytes:
        _, offset, size, *_ = protocol.READ_IN.unpack_from(asked)
        data = asked[protocol.READ_IN.size : protocol.READ_IN.size + size]
        os.pwrite(self._image, data, offset)
        os.write(self._log, packed(time.monotonic_ns(), offset, data))
        return protocol.WRITE_OUT.pack(size, 0)

    def _attributes(self, node: int) -> bytes:
        size = os.fstat(self._image).st_size if node == _DISK else 0
        mode = stat.S_IFREG | 0o600 if node == _DISK else stat.S_IFDIR | 0o700
        return protocol.ATTR.pack(node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def _begun(asked: bytes) -> bytes:
    _, _, ahead, offered = protocol.INIT_IN.unpack_from(asked)
    flags = offered & protocol.BIG_WRITES
    return protocol.INIT_OUT.pack(
        protocol.MAJOR, protocol.MINOR, ahead, flags, 16, 12, protocol.MAX_WRITE, 1, *[0] * 10
    )


def main() -> None:
    """Serve."""
    image, log, path = sys.argv[1:]
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    kept = os.open(image, os.O_RDWR | os.O_CLOEXEC)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    mount(device, path)
    os.write(1, b"mounted\n")

    def unmount_in_the_end() -> None:
        while os.read(0, 4096):
            pass
        _LIBC.umount2(os.fsencode(path), _MNT_DETACH)
        os._exit(0)

    threading.Thread(target=unmount_in_the_end, daemon=True).start()
    Disk(device, kept, written).serve()


if __name__ == "__main__":
    main()
