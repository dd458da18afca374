"""What a setting is, and how its value is chosen from several layers, with the place that it came from. Pure.

Plain slotted classes and strings instead of dataclasses and enums: every command passes here before it knows whether
there is anything to do, and those two modules cost as much as the interpreter's own start.
"""

from __future__ import annotations

from holdfast.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Literal

    Kind = Literal["flag", "text", "number", "integer", "choice", "list", "count", "optional"]
    Raw = str | bool | int | float | Sequence[object]

Value = str | bool | int | float | tuple[str, ...] | None

COMMAND_LINE = "command line"
DEFAULT = "default"
_EMPTY: dict[str, Value] = {"flag": False, "list": (), "count": 0}
_TRUE = frozenset({"1", "true", "yes", "on", "y", "t"})
_FALSE = frozenset({"0", "false", "no", "off", "n", "f"})


class Setting:
    """One thing that can be set: on the command line, in the environment, in a file.

    Args:
        name: Its long option without dashes; also its key in our configuration file.
        kind: How its text is read. A ``list`` gathers; a ``count`` counts its flags; an ``optional`` is "1" unless it
            has a value after ``=``.
        text: One line of help.
        default: The value when nobody says anything.
        flags: The spellings on the command line; ``--name`` when not given.
        off: Spellings that set a flag to false.
        choices: The values of a ``choice``.
        metavar: Names the value in help.
        pip: pip's environment variables and configuration files count too ("where packages come from").
        ambient: Our environment variables and configuration file count; False for what belongs to one run only.
    """

    __slots__ = ("ambient", "choices", "default", "flags", "kind", "metavar", "name", "off", "pip", "text")

    def __init__(
        self,
        name: str,
        kind: Kind,
        text: str,
        *,
        default: Value = None,
        flags: tuple[str, ...] = (),
        off: tuple[str, ...] = (),
        choices: tuple[str, ...] = (),
        metavar: str = "",
        pip: bool = False,
        ambient: bool = True,
    ) -> None:
        self.name = name
        self.kind = kind
        self.text = text
        self.default: Value = _EMPTY.get(kind) if default is None else default
        self.flags = flags or (f"--{name}",)
        self.off = off
        self.choices = choices
        self.metavar = metavar or ("" if kind in {"flag", "count"} else name.rpartition("-")[2].upper())
        self.pip = pip
        self.ambient = ambient

    @property
    def takes_value(self) -> bool:
        """Whether a value follows its flag, as the next word if not after ``=``."""
        return self.kind not in {"flag", "count", "optional"}

    def spellings(self) -> Iterator[tuple[str, bool]]:
        """(key, inverted): the words by which files and variables name it, the setting's own name first."""
        yield self.name, False
        for flag in self.flags:
            if flag.startswith("--") and flag != f"--{self.name}":
                yield flag[2:], False
        for flag in self.off:
            if flag.startswith("--"):
                yield flag[2:], True


class Reading:
    """One value as found, not yet understood.

    Args:
        raw: Text from a variable or an INI file; a TOML value from our own.
        origin: Where: ``HOLDFAST_INDEX_URL``, ``/etc/pip.conf [global] index-url``.
        inverted: It was found under a name that says the opposite (``no-compile``).
    """

    __slots__ = ("inverted", "origin", "raw")

    def __init__(self, raw: Raw, origin: str, *, inverted: bool = False) -> None:
        self.raw = raw
        self.origin = origin
        self.inverted = inverted


class Chosen:
    """The value in force.

    Args:
        value: Of the setting's kind.
        origin: Where it came from; several places for a list that the command line adds to.
        rank: 0 for the command line, then the layers from the strongest on; the default is last.
    """

    __slots__ = ("origin", "rank", "value")

    def __init__(self, value: Value, origin: str, rank: int) -> None:
        self.value = value
        self.origin = origin
        self.rank = rank


class Settings:
    """The values in force, chosen when asked for: a broken setting harms only the commands that need it.

    The command line wins, then the strongest layer that has the setting, then the default. A list on the command line
    comes before what the strongest layer says instead of replacing it, as with pip.

    Args:
        table: The settings that exist.
        command_line: Understood already.
        layers: Strongest first; setting names to what was found.
    """

    __slots__ = ("_chosen", "_command_line", "_layers", "_table")

    def __init__(
        self,
        table: Iterable[Setting],
        command_line: Mapping[str, Value],
        layers: Sequence[Mapping[str, Reading]] = (),
    ) -> None:
        self._table = {setting.name: setting for setting in table}
        self._command_line = command_line
        self._layers = layers
        self._chosen: dict[str, Chosen] = {}

    def chosen(self, name: str) -> Chosen:
        """Value and origin.

        Raises:
            UsageError: The value that counts cannot be understood; the error names where it stands.
        """
        if name not in self._chosen:
            self._chosen[name] = self._choose(self._table[name])
        return self._chosen[name]

    def _choose(self, setting: Setting) -> Chosen:
        if setting.name not in self._command_line:
            return self._below(setting)
        value = self._command_line[setting.name]
        below = self._below(setting) if isinstance(value, tuple) else None
        if isinstance(value, tuple) and below is not None and isinstance(below.value, tuple) and below.value:
            return Chosen(value + below.value, f"{COMMAND_LINE}, {below.origin}", 0)
        return Chosen(value, COMMAND_LINE, 0)

    def _below(self, setting: Setting) -> Chosen:
        for rank, layer in enumerate(self._layers, start=1):
            reading = layer.get(setting.name)
            if reading is not None:
                return Chosen(convert(setting, reading), reading.origin, rank)
        return Chosen(setting.default, DEFAULT, len(self._layers) + 1)

    def flag(self, name: str) -> bool:
        """A flag's value."""
        return bool(self.chosen(name).value)

    def maybe(self, name: str) -> bool | None:
        """A flag's value, None when nobody said anything."""
        found = self.chosen(name)
        return None if found.origin == DEFAULT else bool(found.value)

    def text(self, name: str) -> str | None:
        """A text's or choice's value."""
        value = self.chosen(name).value
        return None if value is None else str(value)

    def number(self, name: str) -> float:
        """A number's value."""
        value = self.chosen(name).value
        assert isinstance(value, int | float), name  # noqa: S101 - the table gives every number a default
        return value

    def count(self, name: str) -> int:
        """An integer's or count's value."""
        return int(self.number(name))

    def words(self, name: str) -> tuple[str, ...]:
        """A list's values."""
        value = self.chosen(name).value
        assert isinstance(value, tuple), name  # noqa: S101 - the table gives every list a default
        return value


def convert(setting: Setting, reading: Reading) -> Value:
    """Understand a value as its setting's kind says; pip's own rules for booleans and lists.

    Raises:
        UsageError: It is not of that kind; the error names where it was found.
    """
    raw = reading.raw
    match setting.kind:
        case "flag":
            return _boolean(raw, reading) is not reading.inverted
        case "count":
            return _count(raw, reading)
        case "integer":
            return _integer(raw, reading)
        case "number":
            return _number(raw, reading)
        case "list":
            return _list(raw, reading)
        case "choice":
            if raw not in setting.choices:
                raise _wrong(reading, f"one of {', '.join(setting.choices)}")
            return str(raw)
        case "text" | "optional":
            return _text(raw, reading, flag=setting.kind == "optional")


def _boolean(raw: Raw, reading: Reading) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise _wrong(reading, "1, true, yes, on, 0, false, no or off")


def _count(raw: Raw, reading: Reading) -> int:
    if isinstance(raw, str) and raw.strip().lower() in _TRUE | _FALSE - {"1", "0"}:
        return int(_boolean(raw, reading))
    return _integer(int(raw) if isinstance(raw, bool) else raw, reading)


def _integer(raw: Raw, reading: Reading) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    try:
        return int(str(raw))
    except ValueError:
        raise _wrong(reading, "a whole number") from None


def _number(raw: Raw, reading: Reading) -> float:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        value = float(raw)
    else:
        try:
            value = float(str(raw))
        except ValueError:
            raise _wrong(reading, "a number") from None
    if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124 - nan, without importing math
        raise _wrong(reading, "a finite number")
    return value


def _text(raw: Raw, reading: Reading, *, flag: bool) -> str:
    if flag and isinstance(raw, bool):
        return str(int(raw))
    if not isinstance(raw, str):
        raise _wrong(reading, "a string")
    return raw


def _list(raw: Raw, reading: Reading) -> tuple[str, ...]:
    if isinstance(raw, str):
        return tuple(raw.split())
    if isinstance(raw, list | tuple) and all(isinstance(item, str) for item in raw):
        return tuple(str(item) for item in raw)
    raise _wrong(reading, "a list of strings")


def _wrong(reading: Reading, wanted: str) -> UsageError:
    return UsageError(f"{reading.origin} is {_shown(reading.raw)}, but must be {wanted}.")


def _shown(raw: Raw) -> str:
    text = repr(raw)
    limit = 60
    return text if len(text) <= limit else f"{text[:limit]}..."
