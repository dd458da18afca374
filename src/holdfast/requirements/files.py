"""Requirements files, nested ones included -> requirements, constraints and options.

**Guarantees.** Reads only; a file that contains itself is an error that names the circle.

**On crash.** Nothing to clean up.

**Limits.** URLs other than ``file:`` are read by the function that the caller passes in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urljoin, urlsplit

from holdfast.errors import UsageError
from holdfast.model.request import FileOptions, RootRequirement
from holdfast.requirements.arguments import parse_argument
from holdfast.requirements.lines import NestedLine, OptionLine, RequirementLine, parse_line
from holdfast.requirements.text import decode, logical_lines

Opener = Callable[[str], bytes]
"""URL -> content; raises NetworkError."""

_SCHEME = re.compile(r"^(https?|file|ftp):", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementsFile:
    """What some requirements files say together.

    Attributes:
        requirements: In the order of the files.
        constraints: Of ``-c`` files.
        options: For the whole request.
    """

    requirements: tuple[RootRequirement, ...] = ()
    constraints: tuple[RootRequirement, ...] = ()
    options: FileOptions = field(default_factory=FileOptions)


def read_requirements(
    files: Iterable[str],
    constraints: Iterable[str] = (),
    *,
    opener: Opener,
    environ: Mapping[str, str],
) -> RequirementsFile:
    """Read ``-r`` and ``-c`` files with everything that they include.

    Args:
        files: Paths or URLs of requirements files.
        constraints: Paths or URLs of constraints files; read first, as with pip.
        opener: Reads a URL.
        environ: For ``${VARIABLE}``.

    Raises:
        UsageError: A file is not there, not text, or a line is wrong (the error says which).
        UnsatisfiableError: A line asks for an installation from source.
        NetworkError: A URL could not be read.
    """
    reading = _Reading(opener, environ)
    for path in constraints:
        reading.take(path, constraint=True, chain=())
    for path in files:
        reading.take(path, constraint=False, chain=())
    return RequirementsFile(
        requirements=tuple(reading.requirements),
        constraints=tuple(reading.constraints),
        options=reading.options(),
    )


class _Reading:
    """Gathers while files include files."""

    def __init__(self, opener: Opener, environ: Mapping[str, str]) -> None:
        self.requirements: list[RootRequirement] = []
        self.constraints: list[RootRequirement] = []
        self._said: list[tuple[str, str]] = []
        self._opener = opener
        self._environ = environ

    def take(self, path: str, *, constraint: bool, chain: tuple[str, ...]) -> None:
        """Read one file and what it includes. ``chain`` are the files that include it, outermost first."""
        try:
            identity = path if _SCHEME.match(path) else os.path.realpath(path)
        except ValueError as error:  # a NUL in it
            raise _unreadable(path, chain, str(error)) from error
        if identity in chain:
            raise UsageError(f"{path} includes itself.", details=(*chain, identity))
        for line in logical_lines(decode(self._content(path, chain), path), self._environ):
            where = f"{path}:{line.number}"
            match parse_line(line.text, where):
                case RequirementLine(text=text, hashes=hashes):
                    root = parse_argument(text, origin=where, hashes=hashes, constraint=constraint)
                    (self.constraints if constraint else self.requirements).append(root)
                case NestedLine(path=nested, constraint=nested_constraint):
                    self.take(_beside(path, nested), constraint=nested_constraint, chain=(*chain, identity))
                case OptionLine(options=options):
                    self._said += [(name, _located(path, name, value)) for name, value in options]

    def _content(self, path: str, chain: tuple[str, ...]) -> bytes:
        if _SCHEME.match(path) and not path.lower().startswith("file:"):
            return self._opener(path)
        try:
            with open(unquote(urlsplit(path).path) if _SCHEME.match(path) else path, "rb") as file:
                return file.read()
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise _unreadable(path, chain, reason) from error

    def options(self) -> FileOptions:
        """Fold what was said, in order: ``--index-url`` takes back every index before it (pip)."""
        index: str | None = None
        extra: list[str] = []
        no_index = False
        for name, value in self._said:
            if name == "no-index":
                no_index = True
            elif name == "index-url":
                index, extra = value, []
            elif name == "extra-index-url":
                extra.append(value)
        return FileOptions(
            index_url=index,
            extra_index_urls=tuple(extra),
            no_index=no_index,
            find_links=self._all("find-links"),
            trusted_hosts=self._all("trusted-host"),
            pre=("pre", "") in self._said,
            require_hashes=("require-hashes", "") in self._said,
            formats=tuple(pair for pair in self._said if pair[0] in {"only-binary", "no-binary"}),
        )

    def _all(self, name: str) -> tuple[str, ...]:
        return tuple(value for other, value in self._said if other == name)


def _unreadable(path: str, chain: tuple[str, ...], reason: str) -> UsageError:
    included = f", included by {chain[-1]}," if chain else ""
    return UsageError(f"The requirements file {path}{included} cannot be read: {reason}.")


def _beside(path: str, nested: str) -> str:
    """A nested file is relative to the file that names it."""
    if _SCHEME.match(path):
        try:
            return urljoin(path, nested)
        except ValueError:
            return nested  # it will be said that it cannot be read
    return nested if _SCHEME.match(nested) else os.path.join(os.path.dirname(path), nested)


def _located(path: str, name: str, value: str) -> str:
    """A relative ``--find-links`` means what lies beside the file, if that exists; else it is left as it is (pip)."""
    if name != "find-links" or _SCHEME.match(path) or _SCHEME.match(value):
        return value
    beside = os.path.join(os.path.dirname(os.path.abspath(path)), value)
    return beside if os.path.exists(beside) else value
