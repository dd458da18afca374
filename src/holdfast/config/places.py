"""The user's directories, as platformdirs names them, without importing it in every command (a test compares)."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def home_directory(environ: Mapping[str, str]) -> str | None:
    """``HOME``, or what the user database says; None where neither is a directory's name."""
    home = environ.get("HOME")
    if not home:
        import pwd  # noqa: PLC0415 - only without HOME

        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            return None
    return home if os.path.isabs(home) else None


def user_config_file(environ: Mapping[str, str]) -> str | None:
    """``holdfast/config.toml`` in the user's configuration directory; None without a home."""
    directory = _user_directory(environ, "XDG_CONFIG_HOME", ".config", "Library/Application Support")
    return directory and os.path.join(directory, "holdfast", "config.toml")


def user_cache_directory(environ: Mapping[str, str]) -> str | None:
    """``holdfast`` in the user's cache directory; None without a home."""
    directory = _user_directory(environ, "XDG_CACHE_HOME", ".cache", "Library/Caches")
    return directory and os.path.join(directory, "holdfast")


def _user_directory(environ: Mapping[str, str], variable: str, linux: str, mac: str) -> str | None:
    # The XDG specification: a relative path in the variable is invalid and ignored.
    named = environ.get(variable, "").strip()
    if os.path.isabs(named):
        return named
    home = home_directory(environ)
    return home and os.path.join(home, mac if sys.platform == "darwin" else linux)
