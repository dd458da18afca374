"""Command-line words -> options and arguments, as getopt_long does it, without argparse.

argparse costs as much time as the interpreter's start, and answers a typo with its whole usage. Only the spellings in
the table are known: no abbreviations, which would change their meaning with the next option.
"""

from __future__ import annotations

from holdfast.config.settings import Reading, convert
from holdfast.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from holdfast.config.settings import Setting, Value


_FOR_SOURCES = frozenset(
    {"-e", "--editable", "-C", "--config-settings", "--global-option", "--no-build-isolation", "--use-pep517"}
)


class CommandLineError(UsageError):
    """A word on the command line is wrong; shown in one line, with a ``usage:`` line below."""


class Parsed:
    """A command line, understood.

    Args:
        values: Setting names to values, only those that were given.
        sequence: (setting name, value) as given, in order: for options whose order has a meaning.
        arguments: What is no option.
    """

    __slots__ = ("arguments", "sequence", "values")

    def __init__(
        self, values: Mapping[str, Value], sequence: tuple[tuple[str, Value], ...], arguments: tuple[str, ...]
    ) -> None:
        self.values = values
        self.sequence = sequence
        self.arguments = arguments

    def flag(self, name: str) -> bool:
        """Whether a flag that only the command line has was given."""
        return bool(self.values.get(name, False))

    def words(self, name: str) -> tuple[str, ...]:
        """The values of a list that only the command line has."""
        return tuple(str(value) for key, value in self.sequence if key == name)


def split_command(
    words: Sequence[str], table: Iterable[Setting]
) -> tuple[tuple[str, ...], str | None, tuple[str, ...]]:
    """Find the command among global options.

    Returns:
        The options before it, the command (None: there is none), and what follows it.

    Raises:
        CommandLineError: An option before the command is unknown, or lacks its value.
    """
    rest = list(reversed(words))
    for _, found, raw in _walk(rest, _spellings(table)):
        if found is None:
            return tuple(words[: len(words) - len(rest) - 1]), raw, tuple(reversed(rest))
    return tuple(words), None, ()


def parse(words: Sequence[str], table: Iterable[Setting]) -> Parsed:
    """Read the words of one command.

    Args:
        words: Options and arguments, mixed as one likes; after ``--`` all are arguments.
        table: What the command knows.

    Raises:
        CommandLineError: An option is unknown, lacks its value, has one too many, or a value is not of its kind.
    """
    table = tuple(table)
    values: dict[str, Value] = {}
    sequence: list[tuple[str, Value]] = []
    arguments: list[str] = []
    for flag, found, raw in _walk(list(reversed(words)), _spellings(table)):
        if found is None:
            arguments.append(raw)
            continue
        setting, positive = found
        value = _value(setting, flag, raw, values.get(setting.name), positive=positive)
        sequence.append((setting.name, raw if setting.takes_value else value))
        values[setting.name] = value
    return Parsed(values, tuple(sequence), tuple(arguments))


def _spellings(table: Iterable[Setting]) -> dict[str, tuple[Setting, bool]]:
    spellings: dict[str, tuple[Setting, bool]] = {}
    for setting in table:
        spellings |= dict.fromkeys(setting.flags, (setting, True))
        spellings |= dict.fromkeys(setting.off, (setting, False))
    return spellings


def _walk(
    rest: list[str], spellings: Mapping[str, tuple[Setting, bool]]
) -> Iterator[tuple[str, tuple[Setting, bool] | None, str]]:
    """(flag as typed, what it is, its value); an argument has no flag. ``rest`` is a stack, the next word last."""
    only_arguments = False
    while rest:
        word = rest.pop()
        if word == "--" and not only_arguments:
            only_arguments = True
            continue
        if only_arguments or not word.startswith("-") or word == "-":
            yield "", None, word
            continue
        flag, glued = _split(word)
        found = spellings.get(flag)
        if found is None:
            raise unknown_option(flag, spellings)
        if found[0].takes_value:
            if glued is None and not rest:
                raise CommandLineError(f"{flag} needs a value: {found[0].metavar}.")
            yield flag, found, rest.pop() if glued is None else glued
            continue
        if found[0].kind == "optional":
            yield flag, found, "1" if glued is None else glued
            continue
        if glued is not None and word.startswith("--"):
            raise CommandLineError(f"{flag} takes no value, but got {glued!r}.")
        if glued is not None:
            rest.append(f"-{glued}")  # -qU is -q -U
        yield flag, found, ""


def _split(word: str) -> tuple[str, str | None]:
    """``--flag=value`` and ``-fvalue`` in two; the value is None where there is none in the word."""
    if not word.startswith("--"):
        return word[:2], word[2:] or None
    flag, separator, value = word.partition("=")
    return flag, value if separator else None


def _value(setting: Setting, flag: str, raw: str, before: Value, *, positive: bool) -> Value:
    match setting.kind:
        case "flag":
            return positive
        case "count":
            return int(before or 0) + 1 if not isinstance(before, tuple) else 1
        case "list":
            return (*before, raw) if isinstance(before, tuple) else (raw,)
        case _:
            try:
                return convert(setting, Reading(raw, flag))
            except UsageError as error:
                raise CommandLineError(error.cause) from None


def unknown_option(flag: str, spellings: Iterable[str]) -> CommandLineError:
    """The error for an option that nobody knows, with the closest one that exists."""
    if flag in _FOR_SOURCES:
        return CommandLineError(f"there is no option {flag} yet: holdfast installs wheels only, for now.")
    return CommandLineError(f"there is no option {flag}{did_you_mean(flag, spellings)}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean NAME?`` or nothing."""
    import difflib  # noqa: PLC0415 - only after a typo

    close = difflib.get_close_matches(word, tuple(known), n=1)
    return f"; did you mean {close[0]}?" if close else "."
