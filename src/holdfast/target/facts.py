"""What a Python is, remembered from the last time it was asked.

**Guarantees**: a remembered answer is taken only if the interpreter is the same file (real path, device, inode, size,
mtime) asked by the same name, beside the same ``pyvenv.cfg``, on a machine with the same C library and architecture.
What can change without any of these is read anew each time: the kernel's release, home, EXTERNALLY-MANAGED.

**On crash**: changes nothing; a memory that cannot be read is no memory.

**Limits**: a wrapper script (pyenv's shims) may start another Python tomorrow, so it is asked every time. A change of
the standard library's installation schemes that leaves the executable alone is not noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, Protocol

from holdfast.model.target import Interpreter, Scheme
from holdfast.target.schemes import below

FORMAT = 2
_MESSAGE_LIMIT = 64 * 1024


class FactsCache(Protocol):
    """Where answers are kept. Neither call fails: what cannot be kept is asked again."""

    def get(self, key: str) -> bytes | None:
        """What was put under a key (64 hexadecimal digits)."""

    def put(self, key: str, data: bytes) -> None:
        """Keep an answer."""


def load_interpreter(executable: str, cache: FactsCache | None) -> Interpreter:
    """What the Python at a path is; asked by a subprocess only if it is not known yet.

    Args:
        executable: Absolute path; not resolved, since that tells an environment from the Python below it.
        cache: None: always ask.

    Raises:
        TargetError: It cannot be run, or is no Python that holdfast installs for.
    """
    key = _key(executable)
    if cache is not None and key is not None:
        known = _known(cache.get(key))
        if known is not None:
            return known
    from holdfast.target.probe import probe  # noqa: PLC0415 - brings subprocess, which a warm run does without

    facts = dict(probe(executable))
    facts["tags"] = _tags(facts.pop("platform"))
    interpreter = _interpreter(facts)
    if cache is not None and key is not None and _key(executable) == key:  # nothing moved while it was asked
        cache.put(key, json.dumps(facts).encode())
    return interpreter


def _tags(platform: Mapping[str, Any]) -> tuple[str, ...]:
    from holdfast.target.tags import PlatformFacts, compatible_tags  # noqa: PLC0415 - only when a Python was asked

    return compatible_tags(PlatformFacts.from_json(platform))


def _key(executable: str) -> str | None:
    """Names the answer; None for what must be asked each time."""
    try:
        with open(executable, "rb") as file:
            if file.read(2) == b"#!":
                return None
        status = os.stat(executable)
    except OSError:
        return None
    beside = os.path.dirname(executable)
    machine = os.uname()
    parts = (
        FORMAT,
        executable,
        os.path.realpath(executable),
        (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns),
        [_sight(os.path.join(place, "pyvenv.cfg")) for place in (beside, os.path.dirname(beside))],
        (machine.sysname, machine.machine, _libc()),
    )
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _sight(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        return ""


def _known(data: bytes | None) -> Interpreter | None:
    if data is None:
        return None
    try:
        return _interpreter(json.loads(data))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _interpreter(facts: Mapping[str, Any]) -> Interpreter:
    """Put facts and what is read anew together."""
    markers = dict(facts["markers"])
    if sys.platform == "linux":
        machine = os.uname()
        markers |= {"platform_release": machine.release, "platform_version": machine.version}
    prefix, virtual = facts["prefix"], facts["prefix"] != facts["base_prefix"]
    site_packages = tuple(facts["site_packages"])
    hidden = virtual and all(path.startswith(prefix + os.sep) for path in site_packages)
    return Interpreter(
        executable=facts["executable"],
        version=facts["version"],
        implementation=facts["implementation"],
        markers=markers,
        tags=tuple(facts["tags"]),
        prefix=prefix,
        base_prefix=facts["base_prefix"],
        scheme=Scheme(**facts["scheme"]),
        user_scheme=None if hidden else below(_user_base(facts["user"]["base"]), Scheme(**facts["user"]["scheme"])),
        stdlib=facts["stdlib"],
        externally_managed=None if virtual else _externally_managed(facts["stdlib"]),
        site_packages=site_packages,
        cache_tag=facts["cache_tag"],
        base_executable=facts["base_executable"],
        prefix_scheme=Scheme(**facts["prefix_scheme"]),
        venv_scheme=Scheme(**facts["venv_scheme"]),
        is_64bit=facts["is_64bit"],
    )


def _user_base(default: str) -> str:
    return os.path.abspath(os.path.expanduser(os.environ.get("PYTHONUSERBASE") or os.path.join("~", default)))


def _externally_managed(stdlib: str) -> str | None:
    """PEP 668: the message in the marker file, empty when it has none that can be read, None without the file."""
    path = os.path.join(stdlib, "EXTERNALLY-MANAGED")
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(_MESSAGE_LIMIT)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return ""
    import configparser  # noqa: PLC0415 - few Pythons have the file

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
        return parser.get("externally-managed", "Error", fallback="")
    except configparser.Error:
        return ""
