"""The rules of the house (docs/explanation/architecture.md), as functions from source text to violations."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "holdfast"

ROOMS = frozenset(
    {"model", "disk", "cli", "config", "requirements", "target", "resolve", "index", "plan", "fetch", "store"}
    | {"stage", "envlock", "commit", "report", "create", "history", "flows"}
)
NOUNS = frozenset({"model", "errors", "events"})

ALLOWED: dict[str, frozenset[str]] = {
    "model": frozenset(),
    "disk": frozenset({"errors"}),
    "cli": NOUNS | {"flows", "config", "requirements", "report", ""},
    "flows": NOUNS | (ROOMS - {"cli"}) | {""},
    "store": NOUNS | {"disk"},
    "stage": NOUNS | {"disk"},
    "envlock": NOUNS | {"disk"},
    "commit": NOUNS | {"disk", "envlock.held"},
    "create": NOUNS | {"disk"},
    "history": NOUNS | {"disk"},
    "report": NOUNS | {"disk", ""},
    "index": NOUNS | {"fetch"},
    "fetch": NOUNS | {"store", ""},
    "resolve": NOUNS,
    "plan": NOUNS,
    "target": NOUNS,
    "config": NOUNS,
    "requirements": NOUNS,
    "__main__": frozenset({"cli"}),
    "__init__": frozenset(),
    "errors": frozenset(),
    "events": frozenset(),
}
"""Room -> what it may import: rooms, or one module of a room; "" is ``holdfast`` itself (its version)."""

EXTRA: dict[str, frozenset[str]] = {
    "index/finder.py": frozenset({"resolve.source"}),
}
"""Modules that implement another room's Protocol and name it."""

MODEL_LIBRARIES = frozenset({"packaging"})
LIBRARY_ROOMS = {
    "httpx": frozenset({"fetch"}),
    "installer": frozenset({"stage"}),
    "filelock": frozenset({"store"}),
    "platformdirs": frozenset({"config", "history"}),
}
"""A library of ours -> the rooms that may import it."""

IMPURE = frozenset({"os", "shutil", "subprocess", "httpx", "time", "pathlib", "tempfile", "socket", "io", "glob"})
PURE = (
    "model/",
    "resolve/",
    "plan/",
    "commit/changes.py",
    "commit/layout.py",
    "config/settings.py",
    "index/simple_html.py",
    "index/simple_json.py",
    "store/keys.py",
)
"""Folders and modules without I/O and without a clock."""

MUTATORS = frozenset(
    {"rename", "replace", "renames", "unlink", "remove", "link", "symlink", "mkdir", "makedirs", "rmdir", "removedirs"}
    | {"fsync", "fdatasync", "truncate", "ftruncate", "chmod", "fchmod", "chown", "fchown", "lchown", "utime"}
    | {"mkfifo", "mknod", "write", "sendfile", "copy_file_range"}
)
"""Names in ``os`` that only ``disk`` may use."""

SIZE_LIMIT = 300


def modules() -> list[Path]:
    """Every module of the package."""
    return sorted(SOURCE.rglob("*.py"))


def name_of(path: Path) -> str:
    """``commit/execute.py`` for a module of the package."""
    return path.relative_to(SOURCE).as_posix()


def room_of(module: str) -> str:
    """The room of ``commit/execute.py`` is ``commit``; a top-level module is its own."""
    return module.split("/", 1)[0].removesuffix(".py")


def imports(text: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, wherever it stands in the module."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            if base == "holdfast":
                yield from ((node.lineno, f"holdfast.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, base


def direction_violations(module: str, text: str) -> list[str]:
    """Imports of ``module`` (``room/name.py``) that point where no arrow is."""
    room = room_of(module)
    allowed = ALLOWED.get(room, frozenset()) | EXTRA.get(module, frozenset()) | {room}
    found = []
    for line, name in imports(text):
        if name.startswith("."):
            found.append(f"{module}:{line}: relative import {name}")
        elif name == "holdfast" or name.startswith("holdfast."):
            inner = name.removeprefix("holdfast").removeprefix(".").removeprefix("__version__")
            if not any(inner == arrow or (arrow and inner.startswith(f"{arrow}.")) for arrow in allowed):
                found.append(f"{module}:{line}: {room} may not import {name}")
    return found


def library_violations(module: str, text: str) -> list[str]:
    """Third-party imports in rooms that are not theirs."""
    room = room_of(module)
    return [
        f"{module}:{line}: {name} belongs to {sorted(LIBRARY_ROOMS[top])}"
        for line, name in imports(text)
        if (top := name.split(".", 1)[0]) in LIBRARY_ROOMS and room not in LIBRARY_ROOMS[top]
    ]


def purity_violations(module: str, text: str) -> list[str]:
    """Imports of the outside world in a pure module, calls of open() included."""
    if not module.startswith(PURE):
        return []
    found = [
        f"{module}:{line}: pure, but imports {name}" for line, name in imports(text) if name.split(".")[0] in IMPURE
    ]
    return found + [
        f"{module}:{node.lineno}: pure, but opens a file"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
    ]


def mutation_violations(module: str, text: str) -> list[str]:
    """Calls that change the file system outside ``disk``."""
    if room_of(module) == "disk":
        return []
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module in {"os", "shutil"}:
            found.append(f"{module}:{node.lineno}: from {node.module} import hides what is called")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner, name = node.value.id, node.attr
            if (owner == "os" and name in MUTATORS) or (owner == "shutil" and name != "which"):
                found.append(f"{module}:{node.lineno}: {owner}.{name} belongs to disk")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
            modes = [arg.value for arg in node.args[1:2] if isinstance(arg, ast.Constant)]
            modes += [k.value.value for k in node.keywords if k.arg == "mode" and isinstance(k.value, ast.Constant)]
            if any(isinstance(mode, str) and set(mode) & set("wax+") for mode in modes):
                found.append(f"{module}:{node.lineno}: open for writing belongs to disk")
    return found


def size_violations(module: str, text: str) -> list[str]:
    """A module is one idea."""
    lines = text.count("\n")
    return [f"{module}: {lines} lines, more than {SIZE_LIMIT}"] if lines > SIZE_LIMIT else []
