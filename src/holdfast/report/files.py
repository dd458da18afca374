"""Writes the report that ``--report FILE`` asks for.

**Guarantees**: the file is complete or as it was: written beside, renamed in.

**On crash**: at most a ``.holdfast-report-*`` beside it is left.

**Limits**: a device or a pipe (``/dev/stdout``) is written directly.
"""

from __future__ import annotations

import os
from stat import S_ISREG

from holdfast import disk
from holdfast.errors import UsageError

_MODE = 0o644


def write_report(path: str, text: str) -> None:
    """Write a text file.

    Raises:
        UsageError: It cannot be written; the environment is already what the report says.
    """
    data = text.encode()
    beside = os.path.join(os.path.dirname(os.path.abspath(path)), f".holdfast-report-{os.urandom(16).hex()}")
    try:
        if os.path.lexists(path) and not S_ISREG(os.stat(path).st_mode):
            fd = disk.open_stream(path)
            try:
                disk.write(fd, data)
            finally:
                disk.close(fd)
            return
        try:
            disk.write_new(beside, data, mode=_MODE)
            disk.rename(beside, os.path.realpath(path))
        except BaseException:
            if disk.lexists(beside):
                disk.unlink(beside)
            raise
    except OSError as error:
        raise UsageError(
            f"The report {path} could not be written: {error.strerror or error}.",
            hint="Name a file that can be written: --report FILE, or --report - for stdout.",
            state="What was asked for has been done.",
        ) from error
