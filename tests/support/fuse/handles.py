"""What is open through the mount: files, listings, and the locks of files."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
import time
from collections.abc import Callable

from tests.support.fuse import protocol
from tests.support.fuse.protocol import Request

_KEPT = ~(os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | getattr(os, "O_DIRECT", 0))
_POLL = 0.005


class Handles:
    """Open files (by the backing descriptor) and listings.

    Args:
        refused: What flock answers; 0: what the backing file says.
    """

    def __init__(self, *, refused: int) -> None:
        self._refused = refused
        self._listings: dict[int, list[bytes]] = {}
        self._interrupted: set[int] = set()

    def open(self, path: str, flags: int) -> bytes:
        """OPEN, OPENDIR."""
        return protocol.OPEN_OUT.pack(os.open(path, flags & _KEPT | os.O_CLOEXEC), 0, 0)

    def read(self, request: Request) -> bytes:
        """READ."""
        fd, offset, size, *_ = protocol.READ_IN.unpack_from(request.payload)
        return os.pread(fd, size, offset)

    def write(self, request: Request) -> bytes:
        """WRITE."""
        fd, offset, size, *_ = protocol.READ_IN.unpack_from(request.payload)
        start = protocol.READ_IN.size
        return protocol.WRITE_OUT.pack(os.pwrite(fd, request.payload[start : start + size], offset), 0)

    def sync(self, request: Request) -> None:
        """FSYNC, FSYNCDIR."""
        os.fsync(protocol.HANDLE_IN.unpack_from(request.payload)[0])

    def close(self, request: Request) -> None:
        """RELEASE: the backing flock goes with the descriptor."""
        os.close(protocol.HANDLE_IN.unpack_from(request.payload)[0])

    def read_listing(self, request: Request) -> bytes:
        """READDIR: from the beginning the directory is listed anew."""
        fd, offset, size, *_ = protocol.READ_IN.unpack_from(request.payload)
        if offset == 0 or fd not in self._listings:
            self._listings[fd] = self._listed(fd)
        answer = b""
        for packed in self._listings[fd][offset:]:
            if len(answer) + len(packed) > size:
                break
            answer += packed
        return answer

    @staticmethod
    def _listed(fd: int) -> list[bytes]:
        inode = os.fstat(fd).st_ino
        found = [(inode, stat.S_IFDIR >> 12, "."), (inode, stat.S_IFDIR >> 12, "..")]
        with os.scandir(fd) as entries:
            for entry in entries:
                kind = stat.S_IFLNK if entry.is_symlink() else stat.S_IFDIR if entry.is_dir() else stat.S_IFREG
                found.append((entry.inode(), kind >> 12, entry.name))
        return [protocol.dirent(number, n, kind, name) for n, (number, kind, name) in enumerate(found, 1)]

    def close_listing(self, request: Request) -> None:
        """RELEASEDIR."""
        (fd,) = protocol.HANDLE_IN.unpack_from(request.payload)
        self._listings.pop(fd, None)
        os.close(fd)

    def lock(self, request: Request) -> None:
        """SETLK: flock without waiting."""
        fd, _, _, _, kind, _, flags, _ = protocol.LK_IN.unpack_from(request.payload)
        if not flags & protocol.LK_FLOCK:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        if self._refused:
            raise OSError(self._refused, os.strerror(self._refused))
        wanted = {fcntl.F_RDLCK: fcntl.LOCK_SH, fcntl.F_WRLCK: fcntl.LOCK_EX, fcntl.F_UNLCK: fcntl.LOCK_UN}[kind]
        fcntl.flock(fd, wanted | fcntl.LOCK_NB)

    def wait_for_lock(self, request: Request, answer: Callable[[int], None]) -> None:
        """SETLKW: the same in a thread of its own, until it is had or interrupted; ``answer`` gets the errno."""

        def wait() -> None:
            while request.unique not in self._interrupted:
                try:
                    self.lock(request)
                except BlockingIOError:
                    time.sleep(_POLL)
                except OSError as error:
                    return answer(error.errno or errno.EIO)
                else:
                    return answer(0)
            self._interrupted.discard(request.unique)
            return answer(errno.EINTR)

        threading.Thread(target=wait, daemon=True).start()

    def interrupt(self, request: Request) -> None:
        """INTERRUPT: only who waits for a lock can be."""
        self._interrupted.add(protocol.INTERRUPT_IN.unpack_from(request.payload)[0])
