"""What a command module is made of, and what it gets to run with."""

from __future__ import annotations

from holdfast.config.settings import Setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from holdfast.cli.parse import Parsed
    from holdfast.config.settings import Settings

HELP = Setting("help", "flag", "show this text", flags=("-h", "--help"), ambient=False)
VERSION = Setting("version", "flag", "show the version", flags=("-V", "--version"), ambient=False)


class Command:
    """One command.

    Args:
        usage: The one ``usage:`` line.
        text: What it does, for ``--help``.
        groups: Its options, as help shows them. Network, cache and output options are accepted by every command.
        run: Does it; returns the exit code.
        arguments: Words that are no options are accepted.
    """

    __slots__ = ("arguments", "groups", "run", "text", "usage")

    def __init__(
        self,
        *,
        usage: str,
        text: str,
        groups: tuple[tuple[str, tuple[Setting, ...]], ...],
        run: Callable[[Invocation], int],
        arguments: bool = True,
    ) -> None:
        self.usage = usage
        self.text = text
        self.groups = groups
        self.run = run
        self.arguments = arguments


class Invocation:
    """One run of a command.

    Args:
        command: Its name.
        parsed: The command line.
        settings: What is in force.
        environ: Environment variables.
        cwd: Working directory, absolute.
    """

    __slots__ = ("command", "cwd", "environ", "parsed", "settings")

    def __init__(
        self, *, command: str, parsed: Parsed, settings: Settings, environ: Mapping[str, str], cwd: str
    ) -> None:
        self.command = command
        self.parsed = parsed
        self.settings = settings
        self.environ = environ
        self.cwd = cwd

    @property
    def quiet(self) -> bool:
        """Whether less is to be said."""
        return self.verbosity < 0

    @property
    def verbosity(self) -> int:
        """-1 with ``-q``, 1 with ``-v``."""
        loudness = self.settings.count("verbose") - self.settings.count("quiet")
        return max(-1, min(1, loudness))
