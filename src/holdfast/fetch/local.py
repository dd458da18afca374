"""``file:`` URLs and the paths behind them.

**Guarantees**: only reads.

**On crash**: changes nothing.

**Limits**: a ``file:`` URL with a host other than localhost is refused.
"""

from __future__ import annotations

import os
from urllib.parse import quote, unquote, urlsplit

from holdfast.errors import TargetError, UsageError


def path_of(url: str) -> str:
    """The path of a ``file:`` URL.

    Raises:
        UsageError: It names another host, or is malformed.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError(f"{url} is no URL: {error}.") from error
    if parts.netloc not in {"", "localhost"}:
        raise UsageError(f"{url} names a host; only file:///PATH is supported.")
    return unquote(parts.path)


def url_of(path: str) -> str:
    """The ``file:`` URL of a path, which is made absolute."""
    return "file://" + quote(os.path.abspath(path))


def read_file(path: str) -> bytes | None:
    """The content of a file; None: there is none.

    Raises:
        TargetError: It is there and cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise TargetError(f"{path} cannot be read: {reason}.") from error
