"""From words to the command that they name, with the settings in force."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from holdfast.cli.catalogue import COMMANDS, overview
from holdfast.cli.command import HELP, VERSION, Command, Invocation
from holdfast.cli.parse import CommandLineError, did_you_mean, parse, split_command
from holdfast.config.settings import Settings
from holdfast.config.sources import find_layers
from holdfast.config.table import CACHE, IGNORED, NETWORK, OUTPUT, SETTINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from holdfast.cli.context import Context
    from holdfast.cli.parse import Parsed
    from holdfast.config.settings import Setting

_GLOBAL = (*NETWORK, *CACHE, *OUTPUT, *IGNORED, HELP)
"""pip's general options: every command takes them, so that a script may pass the same ones everywhere."""


def dispatch(words: Sequence[str], context: Context) -> int:
    """Run the command that the words name.

    Args:
        words: The command line without the program's name.
        context: Filled in as far as the words are understood.

    Raises:
        HoldfastError: The command line is wrong, or whatever the command raises.
    """
    before, name, after = split_command(words, (*SETTINGS, HELP, VERSION))
    if name == "help" and after:
        name, after = after[0], (*after[1:], "--help")
    if name is None or name == "help":
        sys.stdout.write(_without_command(parse(before, (*SETTINGS, HELP, VERSION))))
        return 0
    command = load(name)
    context.command, context.usage = name, command.usage
    parsed = parse((*before, *after), _table(command))
    context.json = parsed.flag("json")
    if parsed.flag("help"):
        from holdfast.cli.help import help_text  # noqa: PLC0415 - only when asked for

        sys.stdout.write(help_text(command))
        return 0
    if parsed.arguments and not command.arguments:
        raise CommandLineError(f"{name} takes no arguments, but got {parsed.arguments[0]!r}.")
    invocation = _invocation(name, parsed, _table(command))
    context.verbose = invocation.verbosity > 0
    return command.run(invocation)


def load(name: str) -> Command:
    """The command of that name.

    Raises:
        CommandLineError: There is none.
    """
    if name not in COMMANDS:
        raise CommandLineError(f"there is no command {name!r}{did_you_mean(name, COMMANDS)}")
    command: Command = import_module(f"holdfast.cli.commands.{'list_' if name == 'list' else name}").COMMAND
    return command


def _table(command: Command) -> tuple[Setting, ...]:
    own = [setting for _, group in command.groups for setting in group]
    flags = {flag for setting in own for flag in (*setting.flags, *setting.off)}
    # A command's own meaning of a flag (show -f) goes before the general one.
    return (*own, *(setting for setting in _GLOBAL if not flags & {*setting.flags, *setting.off}))


def _without_command(parsed: Parsed) -> str:
    if parsed.flag("version"):
        from holdfast import __version__  # noqa: PLC0415 - only when asked for

        return f"holdfast {__version__}\n"
    if parsed.values and not parsed.flag("help"):
        raise CommandLineError("there is no command among these words.")
    return overview()


def _invocation(name: str, parsed: Parsed, table: Sequence[Setting]) -> Invocation:
    environ = dict(os.environ)
    section = "install" if name == "config" else name  # config shows what install would see
    layers = find_layers(
        environ, section, isolated=parsed.flag("isolated"), site_prefix=_site_prefix(parsed.values, environ)
    )
    settings = Settings((*SETTINGS, *table), parsed.values, layers)
    return Invocation(command=name, parsed=parsed, settings=settings, environ=environ, cwd=_working_directory())


def _site_prefix(values: Mapping[str, object], environ: Mapping[str, str]) -> str | None:
    """The environment whose ``pip.conf`` counts, as far as it is known before the target is located."""
    python = values.get("python")
    if python is not None:
        return str(python) if os.path.isdir(str(python)) else os.path.dirname(os.path.dirname(str(python))) or None
    if values.get("system"):
        return None
    return environ.get("VIRTUAL_ENV") or environ.get("CONDA_PREFIX")


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed while we stand in it; only a relative path needs it
        return os.sep
