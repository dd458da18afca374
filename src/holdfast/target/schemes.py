"""Installation schemes for places that the command line names: ``--target``, ``--prefix``, ``--root``.

Pure but for `resolved`, which follows symlinks, so that one directory has one spelling (a Fedora environment's
``lib64`` is ``lib``).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from holdfast.model.target import Interpreter, Scheme, SchemeKey


def below(base: str, scheme: Scheme) -> Scheme:
    """A relative scheme below a directory."""
    return _mapped(scheme, lambda path: os.path.normpath(os.path.join(base, path)))


def rooted(root: str, scheme: Scheme) -> Scheme:
    """An absolute scheme moved below ``--root``."""
    return _mapped(scheme, lambda path: join_root(root, path))


def join_root(root: str, path: str) -> str:
    """One absolute path below ``--root``."""
    return os.path.join(root, path.lstrip(os.sep)) if root else path


def resolved(scheme: Scheme) -> Scheme:
    """The same directories by their real paths; a library that is mounted at two places (``mount --bind``) is one."""
    real = _mapped(scheme, os.path.realpath)
    return replace(real, platlib=real.purelib) if _is_one(real.purelib, real.platlib) else real


def _is_one(path: str, other: str) -> bool:
    try:
        return path != other and os.path.samefile(path, other)
    except OSError:  # one is not there yet
        return False


def target_scheme(directory: str, interpreter: Interpreter) -> Scheme:
    """Where pip puts things with ``--target``: its home scheme, with the libraries moved up into the directory."""
    version = ".".join(interpreter.version.split(".")[:2])
    headers = f"include/site/python{version}" if interpreter.is_virtual else "include/python"
    return Scheme(
        purelib=directory,
        platlib=directory,
        scripts=os.path.join(directory, "bin"),
        headers=os.path.join(directory, headers),
        data=directory,
    )


def prefix_scheme(prefix: str, interpreter: Interpreter) -> Scheme:
    """The interpreter's own scheme for another prefix."""
    return below(prefix, interpreter.prefix_scheme or _relative(interpreter))


def _relative(interpreter: Interpreter) -> Scheme:
    return _mapped(interpreter.scheme, lambda path: os.path.relpath(path, interpreter.prefix))


def _mapped(scheme: Scheme, change: Callable[[str], str]) -> Scheme:
    return Scheme(**{key.value: change(scheme.directory(key)) for key in SchemeKey})
