"""The target environment: its interpreter, its scheme, what kind it is. Facts, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class TargetKind(StrEnum):
    """How the target was chosen (design section 2)."""

    VENV = "venv"
    SYSTEM = "system"
    PYTHON = "python"
    TARGET = "target"
    PREFIX = "prefix"
    USER = "user"


class SchemeKey(StrEnum):
    """The installation scheme's directories that a wheel can address (PEP 427)."""

    PURELIB = "purelib"
    PLATLIB = "platlib"
    SCRIPTS = "scripts"
    HEADERS = "headers"
    DATA = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """Absolute directories. ``headers`` is the parent: a distribution's headers go to ``headers/<name>``."""

    purelib: str
    platlib: str
    scripts: str
    headers: str
    data: str

    def directory(self, key: SchemeKey) -> str:
        """The directory of one scheme key."""
        directory: str = getattr(self, key.value)
        return directory

    def anchors(self) -> frozenset[str]:
        """The directories that an environment is made of: they stay when nothing is left in them.

        Of a ``headers`` below ``data`` that is the first part alone (``include``): what follows (``site/python3.12``)
        comes with the first distribution that has headers, and goes with the last.
        """
        below = self.headers.removeprefix(f"{self.data.rstrip('/')}/")
        headers = self.headers if below == self.headers else f"{self.data.rstrip('/')}/{below.partition('/')[0]}"
        return frozenset({self.purelib, self.platlib, self.scripts, self.data, headers})


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """What the probe learnt of the target's Python.

    Attributes:
        executable: Absolute, not resolved: the path that scripts' shebangs name.
        version: ``3.12.1``.
        implementation: ``cpython`` or ``pypy``.
        markers: The PEP 508 environment, all keys but ``extra``.
        tags: Compatible wheel tags as strings, best first (PEP 425/600/656).
        prefix: ``sys.prefix``.
        base_prefix: ``sys.base_prefix``; differs from prefix in a virtual environment.
        scheme: The default installation scheme.
        user_scheme: For ``--user``; None when user site is disabled.
        stdlib: The standard library's directory (EXTERNALLY-MANAGED lies there).
        externally_managed: PEP 668: the message, an empty string for a marker file without one, or None.
        site_packages: Directories on sys.path that hold distributions, in order (system ones too when visible).
        cache_tag: ``sys.implementation.cache_tag``, for ``__pycache__``.
        base_executable: The Python that a virtual environment made from this one is based on.
        prefix_scheme: What ``--prefix`` uses; its directories are relative to the prefix.
        venv_scheme: What a virtual environment made from this one has; relative to its root.
        is_64bit: On Linux such an environment gets ``lib64``.
    """

    executable: str
    version: str
    implementation: str
    markers: Mapping[str, str]
    tags: tuple[str, ...]
    prefix: str
    base_prefix: str
    scheme: Scheme
    user_scheme: Scheme | None
    stdlib: str
    externally_managed: str | None
    site_packages: tuple[str, ...]
    cache_tag: str
    base_executable: str = ""
    prefix_scheme: Scheme | None = None
    venv_scheme: Scheme | None = None
    is_64bit: bool = True

    @property
    def is_virtual(self) -> bool:
        """Whether it is a virtual environment's interpreter (PEP 405)."""
        return self.prefix != self.base_prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRequest:
    """How the user names the target; the first field that is set applies, ``root`` on top of any.

    Attributes:
        python: A path to an interpreter or environment, or a version such as ``3.12``.
        virtual_env: ``$VIRTUAL_ENV``; conda_prefix: ``$CONDA_PREFIX``; cwd: where a ``.venv`` is looked for, upwards.
    """

    python: str | None = None
    system: bool = False
    target: str | None = None
    prefix: str | None = None
    user: bool = False
    root: str | None = None
    virtual_env: str | None = None
    conda_prefix: str | None = None
    cwd: str = "."
    break_system_packages: bool = False
    require_virtualenv: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where this command installs.

    Attributes:
        kind: How it was chosen.
        interpreter: Whose tags, markers and shebang count.
        scheme: Where files go now (with ``--root`` already joined in).
        root: The environment root: where the work area is made first (``sys.prefix``, ``--target DIR`` ...).
        relocation: ``--root``: what to strip from paths when they are written into files; empty otherwise.
        visible: Directories whose distributions count as installed, the target's own first.
    """

    kind: TargetKind
    interpreter: Interpreter
    scheme: Scheme
    root: str
    relocation: str = ""
    visible: tuple[str, ...] = ()

    @property
    def library_directories(self) -> tuple[str, ...]:
        """The distinct directories that hold dist-infos: purelib, and platlib where it differs."""
        return tuple(dict.fromkeys((self.scheme.purelib, self.scheme.platlib)))
