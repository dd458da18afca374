"""The text of ``holdfast COMMAND --help``. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from holdfast.cli.command import Command
    from holdfast.config.settings import Setting

_INDENT = 30
_WIDTH = 100


def help_text(command: Command) -> str:
    """Usage, what the command does, and its options by group."""
    lines = [command.usage, "", command.text.strip()]
    for title, group in command.groups:
        lines += ["", f"{title}:"]
        for setting in group:
            lines += _option_lines(setting)
    lines += ["", "Each long option has its environment variable: --lock-timeout is HOLDFAST_LOCK_TIMEOUT."]
    return "\n".join(lines) + "\n"


def _option_lines(setting: Setting) -> list[str]:
    spellings = ", ".join((*setting.flags, *setting.off))
    if setting.choices:
        spellings += f" {'|'.join(setting.choices)}"
    elif setting.kind == "optional":
        spellings += f"[={setting.metavar}]"
    elif setting.takes_value:
        spellings += f" {setting.metavar}"
    text = setting.text
    if setting.takes_value and setting.default not in {None, ()}:
        text += f" (default: {_shown(setting.default)})"
    head = f"  {spellings}"
    if len(head) < _INDENT:
        return _wrapped(f"{head:<{_INDENT}}", text)
    return [head, *_wrapped(" " * _INDENT, text)]


def _wrapped(head: str, text: str) -> list[str]:
    lines, line = [], head
    for word in text.split():
        if len(line) + len(word) >= _WIDTH and line.strip():
            lines.append(line.rstrip())
            line = " " * _INDENT
        line += f"{word} "
    return [*lines, line.rstrip()]


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
