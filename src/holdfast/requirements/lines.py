"""One logical line of a requirements file -> what it says. Pure; pip's rules.

https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.errors import UsageError
from holdfast.model.hashes import Hash

WHEELS_ONLY = "holdfast installs wheels only, for now"

_SPELLINGS = {
    "-r": "requirement",
    "--requirement": "requirement",
    "-c": "constraint",
    "--constraint": "constraint",
    "-i": "index-url",
    "--index-url": "index-url",
    "--pypi-url": "index-url",
    "--extra-index-url": "extra-index-url",
    "--no-index": "no-index",
    "-f": "find-links",
    "--find-links": "find-links",
    "--pre": "pre",
    "--prefer-binary": "prefer-binary",
    "--require-hashes": "require-hashes",
    "--only-binary": "only-binary",
    "--no-binary": "no-binary",
    "--trusted-host": "trusted-host",
    "--use-feature": "use-feature",
    "-e": "editable",
    "--editable": "editable",
    "--hash": "hash",
    "-C": "config-settings",
    "--config-settings": "config-settings",
    "--config-setting": "config-settings",
    "--global-option": "global-option",
}
_FLAGS = frozenset({"no-index", "pre", "prefer-binary", "require-hashes"})
_OF_A_REQUIREMENT = frozenset({"hash", "config-settings", "global-option"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementLine:
    """A requirement as written, and its ``--hash`` options."""

    text: str
    hashes: tuple[Hash, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedLine:
    """``-r`` or ``-c`` (``constraint``) and the file that it names."""

    path: str
    constraint: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionLine:
    """Options for the whole request: ``(long name, value)``, the value empty for a flag."""

    options: tuple[tuple[str, str], ...]


def parse_line(text: str, where: str) -> RequirementLine | NestedLine | OptionLine:
    """Understand one line.

    Args:
        text: Without comment, not empty.
        where: ``requirements.txt:3``, for errors.

    Raises:
        UsageError: An option is unknown, not possible yet, without its value, or in the wrong place.
    """
    requirement, option_text = _split(text)
    try:
        words = shlex.split(option_text)
    except ValueError as error:
        raise UsageError(f"{where}: {error}.", details=(text,)) from error
    options = tuple(_options(words, text, where))
    for name, _ in options:
        _refuse(name, text, where)
    if requirement:
        return _requirement_line(requirement, options, text, where)
    nested = [(name, value) for name, value in options if name in {"requirement", "constraint"}]
    if nested:
        if len(options) > 1:
            raise UsageError(f"{where}: -r and -c stand alone on their line.", details=(text,))
        return NestedLine(path=nested[0][1], constraint=nested[0][0] == "constraint")
    if any(name == "hash" for name, _ in options):
        raise UsageError(f"{where}: --hash without a requirement before it.", details=(text,))
    return OptionLine(options=tuple(option for option in options if option[0] not in _OF_A_REQUIREMENT))


def _split(text: str) -> tuple[str, str]:
    """The requirement, and the options after it: from the first word that begins with a dash on (pip)."""
    words = text.split(" ")
    for position, word in enumerate(words):
        if word.startswith("-"):
            return " ".join(words[:position]).strip(), " ".join(words[position:])
    return text.strip(), ""


def _options(words: list[str], text: str, where: str) -> Iterator[tuple[str, str]]:
    rest = list(reversed(words))
    while rest:
        word = rest.pop()
        if word.startswith("--"):
            flag, separator, glued = word.partition("=")
            value: str | None = glued if separator else None
        else:
            flag, value = word[:2], word[2:].removeprefix("=") or None
        name = _SPELLINGS.get(flag)
        if name is None:
            what = f"there is no option {flag}" if word.startswith("-") else f"{word!r} stands where an option should"
            raise UsageError(f"{where}: {what}.", details=(text,))
        if name in _FLAGS:
            if value is not None:
                raise UsageError(f"{where}: {flag} takes no value.", details=(text,))
            yield name, ""
            continue
        if value is None and rest:
            value = rest.pop()
        if not value:
            raise UsageError(f"{where}: {flag} needs a value.", details=(text,))
        yield name, value


def _refuse(name: str, text: str, where: str) -> None:
    if name in {"editable", "global-option"}:
        flag = "-e" if name == "editable" else "--global-option"
        raise UsageError(f"{where}: {flag} asks for an installation from source; {WHEELS_ONLY}.", details=(text,))


def _requirement_line(requirement: str, options: tuple[tuple[str, str], ...], text: str, where: str) -> RequirementLine:
    hashes = []
    for name, value in options:
        if name not in _OF_A_REQUIREMENT:
            raise UsageError(f"{where}: --{name} stands on a line of its own.", details=(text,))
        if name == "hash":
            hashes.append(parse_hash(value, where))
    return RequirementLine(text=requirement, hashes=tuple(hashes))


def parse_hash(value: str, where: str) -> Hash:
    """Read ``sha256:hex`` of a ``--hash`` option.

    Raises:
        UsageError: It is none, or of an algorithm that is not strong enough.
    """
    try:
        found = Hash.parse(value)
    except ValueError:
        raise UsageError(f"{where}: --hash must be sha256:HEX, sha384:HEX or sha512:HEX, not {value!r}.") from None
    if found.algorithm not in Hash.SECURE:
        wanted = ", ".join(sorted(Hash.SECURE))
        raise UsageError(f"{where}: --hash of {found.algorithm}; only {wanted} are strong enough.")
    return found
