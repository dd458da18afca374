"""A file that is being downloaded: written front to back, begun anew when the server says so, gone in the end.

**Guarantees**: private to this transaction (mode 0600, made new); removed when the context ends, however it ends.

**On crash**: the file is left in the work area, which the next writer removes whole.

**Limits**: nothing is synced; what is kept of it is the store's affair.
"""

from __future__ import annotations

import os
from contextlib import suppress
from types import TracebackType
from typing import Self

from holdfast import disk
from holdfast.errors import NoRoomError, TargetError
from holdfast.store.sharing import make_directories


class PartialFile:
    """A new file in a directory (made if it is missing); a context manager.

    Args:
        directory: In the work area.

    Attributes:
        path: Where it lies.
        size: Bytes written so far.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self.path = os.path.join(directory, f"{os.urandom(16).hex()}.part")
        self.size = 0
        self._fd = -1

    def __enter__(self) -> Self:
        try:
            make_directories(self._directory, root=self._directory)
            self._fd = disk.open_new(self.path, read=True)
        except OSError as error:
            raise self._refused(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            disk.close(fd)
        with suppress(OSError):  # the work area goes whole
            disk.unlink(self.path)

    def write(self, data: bytes) -> None:
        """Append.

        Raises:
            NoRoomError: The disk is full.
            TargetError: It fails.
        """
        try:
            disk.write(self._fd, data)
        except OSError as error:
            raise self._refused(error) from error
        self.size += len(data)

    def restart(self) -> None:
        """Begin anew, empty."""
        try:
            disk.close(self._fd)
            self._fd = -1
            disk.unlink(self.path)
            self._fd = disk.open_new(self.path, read=True)
        except OSError as error:
            raise self._refused(error) from error
        self.size = 0

    def _refused(self, error: OSError) -> TargetError:
        kind = NoRoomError if disk.is_full(error) else TargetError
        return kind(
            f"{self._directory} cannot take a download: {error.strerror or error}.",
            hint="Make room there, or name another directory for temporary files with TMPDIR.",
        )
