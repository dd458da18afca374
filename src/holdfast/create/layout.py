"""What a new environment contains (PEP 405), as data: directories, links, files.

The same as ``python -m venv --without-pip`` makes, and a ``.gitignore`` as since Python 3.13. Pure.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.create.activate import activation_scripts
from holdfast.model.target import Interpreter, Scheme

CONFIG = "pyvenv.cfg"

TOP = frozenset({"bin", "include", "lib", "lib64", ".gitignore", CONFIG})
"""The names in the directory of a new environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Relative paths, parents before children.

    Attributes:
        directories: To be made.
        links: Path to the text of the symlink.
        files: Path to content; `CONFIG` makes the directory an environment.
    """

    directories: tuple[str, ...]
    links: Mapping[str, str]
    files: Mapping[str, bytes]


def layout(
    root: str, interpreter: Interpreter, *, prompt: str | None = None, system_site_packages: bool = False
) -> Layout:
    """Describe an environment.

    Args:
        root: Absolute path that it will have.
        interpreter: Its base, or another environment of the same base.
        prompt: None: the directory's name, in the activation scripts only.
        system_site_packages: Whether it sees the base's packages.
    """
    scheme = interpreter.venv_scheme or _scheme(interpreter)
    base = interpreter.base_executable or interpreter.executable
    library = posixpath.dirname(scheme.purelib)
    names = ("python3", posixpath.basename(library).replace("pypy", "python"))
    links = {"bin/python": base} | {f"bin/{name}": "python" for name in names}
    if interpreter.is_64bit and interpreter.markers.get("sys_platform") == "linux" and library.startswith("lib/"):
        links["lib64"] = "lib"
    separate = scheme.platlib if not scheme.platlib.startswith("lib64/") or "lib64" not in links else scheme.purelib
    paths = ("bin", "include", scheme.purelib, separate)
    scripts = activation_scripts(root, prompt or posixpath.basename(root))
    config = {
        "home": posixpath.dirname(base),
        "include-system-site-packages": "true" if system_site_packages else "false",
        "version": interpreter.version,
        "executable": base,
        **({"prompt": repr(prompt)} if prompt else {}),
    }
    return Layout(
        directories=tuple(dict.fromkeys(each for path in paths for each in _down(path))),
        links=links,
        files={
            **{f"bin/{name}": text.encode("utf-8", "surrogateescape") for name, text in scripts.items()},
            ".gitignore": b"# Made by holdfast\n*\n",
            CONFIG: "".join(f"{key} = {value}\n" for key, value in config.items()).encode("utf-8", "surrogateescape"),
        },
    )


def _scheme(interpreter: Interpreter) -> Scheme:
    """For an interpreter that does not say: the standard one."""
    library = "lib/python{}.{}/site-packages".format(*interpreter.version.split(".")[:2])
    return Scheme(purelib=library, platlib=library, scripts="bin", headers="include", data=".")


def _down(path: str) -> tuple[str, ...]:
    """``a/b/c``: ``a``, ``a/b``, ``a/b/c``."""
    parts = path.split("/")
    return tuple("/".join(parts[:n]) for n in range(1, len(parts) + 1))
