"""The commands, as strings: nothing is imported to know what there is."""

COMMANDS = {
    "install": "install packages",
    "uninstall": "remove packages",
    "list": "list what is installed",
    "freeze": "what is installed, as requirements",
    "show": "details of installed packages",
    "check": "verify requirements, and files with --files",
    "repair": "restore damaged and missing files, and broken dist-infos",
    "venv": "create a virtual environment",
    "recover": "finish or undo an interrupted transaction",
    "history": "what was changed when, by whom, by which command",
    "undo": "take the last change back",
    "doctor": "what a directory is worth for an installation",
    "cache": "the cache: dir, clean",
    "config": "every setting in force and where it came from",
}
"""Name -> summary; each is the module of that name in ``holdfast.cli.commands`` (``list``: ``list_``)."""

OVERVIEW = """\
holdfast installs Python packages in one transaction, under a lock.

usage: holdfast COMMAND [options]

{commands}

holdfast COMMAND --help tells more. Options may stand before or after the command.
"""


def overview() -> str:
    """What ``holdfast --help`` prints."""
    return OVERVIEW.format(commands="\n".join(f"  {name:<10} {text}" for name, text in COMMANDS.items()))
