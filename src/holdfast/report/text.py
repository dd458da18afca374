"""The result of a command as lines: what goes to stdout, and the list of changes for stderr. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.model.outcome import InstallReport
from holdfast.model.plan import Action, Install, Reinstall, Remove, Replace
from holdfast.model.resolution import AlreadyInstalled
from holdfast.report.amounts import count_text, seconds_text
from holdfast.report.escape import printable


def change_line(action: Action) -> str:
    """``+ name 1.0``, ``~ name 1.0 -> 2.0``, ``~ name 1.0 (reinstalled)``, ``- name 1.0``."""
    match action:
        case Install(pin=pin):
            return f" + {pin.name} {pin.version}"
        case Replace(pin=pin, old=old):
            return f" ~ {pin.name} {old.version} -> {pin.version}"
        case Reinstall(pin=pin):
            return f" ~ {pin.name} {pin.version} (reinstalled)"
        case Remove(old=old):
            return f" - {old.name} {old.version}"


def change_lines(actions: Sequence[Action]) -> tuple[str, ...]:
    """One line for each action, sorted by project."""
    return tuple(sorted((change_line(action) for action in actions), key=lambda line: line[3:]))


def satisfied_lines(report: InstallReport) -> tuple[str, ...]:
    """Pip's ``Requirement already satisfied: name>=1 in DIR (1.2)`` for each root that is kept."""
    if report.resolution is None:
        return ()
    kept = {
        pin.name: pin.source.distribution for pin in report.resolution.pins if isinstance(pin.source, AlreadyInstalled)
    }
    return tuple(
        printable(f"Requirement already satisfied: {root} in {found.location} ({found.version})")
        for root in report.resolution.roots
        if (found := kept.get(root.name)) is not None
    )


def _names(actions: Sequence[Action], *, removed: bool) -> str:
    if removed:
        words = [
            f"{action.old.metadata.display_name}-{action.old.version}"
            for action in actions
            if isinstance(action, Remove)
        ]
    else:
        words = [
            f"{action.pin.metadata.display_name}-{action.pin.version}"
            for action in actions
            if not isinstance(action, Remove)
        ]
    return " ".join(sorted(words, key=str.lower))


def result_lines(report: InstallReport) -> tuple[str, ...]:
    """What goes to stdout, last the line that provisioning tools look for."""
    lines: list[str] = []
    installed, removed = _names(report.actions, removed=False), _names(report.actions, removed=True)
    if report.dry_run:
        lines += [f"Would install {installed}"] if installed else []
        lines += [f"Would uninstall {removed}"] if removed else []
        return tuple(lines)
    lines += [f"Successfully uninstalled {removed}"] if removed else []
    lines += [f"Successfully installed {installed}"] if installed else []
    return tuple(lines)


def committed_line(report: InstallReport) -> str | None:
    """``Changed 3 packages; lock held for 12 ms`` for stderr; None when nothing was committed."""
    committed = report.committed
    if committed is None:
        return None
    line = (
        f"Committed {count_text(len(report.actions), 'change')}; the lock was held for {seconds_text(committed.held)}"
    )
    if committed.waited >= 1:
        line += f", waited {seconds_text(committed.waited)}"
    if committed.carried:
        line += f", {count_text(committed.carried, 'file')} moved one by one (their directory cannot be renamed)"
    return line
