"""The history of an environment as a table and as JSON. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from holdfast.model.history import KnownChange, KnownState, KnownTransaction
from holdfast.report.escape import printable

Json = dict[str, object]
_SHOWN, _LONG = 3, 40
_HEAD = ("When", "Who", "Command", "Changes")


def history_lines(transactions: Sequence[KnownTransaction], *, whole: bool = False) -> tuple[str, ...]:
    """A header, a rule, a row for each transaction in the order given, times in this machine's zone.

    Args:
        transactions: To show.
        whole: Every change of each, not only the first ones.
    """
    rows = [_HEAD, *(_row(each, whole=whole) for each in transactions)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
    rows.insert(1, ("-" * widths[0], "-" * widths[1], "-" * widths[2], "-" * len(_HEAD[3])))
    return tuple("  ".join((*map(str.ljust, row, widths), row[-1])).rstrip() for row in rows)


def history_json(environment: str, transactions: Iterable[KnownTransaction], why: str) -> Json:
    """All that is known; times are in UTC."""
    return {"environment": environment, "transactions": [_json(each) for each in transactions], "why": why or None}


def change_text(change: KnownChange) -> str:
    """``+ name 1.0``, ``~ name 1.0 -> 2.0``, ``~ name 1.0 (reinstalled)``, ``- name 1.0``, as after an installation."""
    before, after = change.before, change.after
    if before is not None and after is not None:
        if before.version == after.version:
            return f"~ {change.project} {after.version} (reinstalled)"
        return f"~ {change.project} {before.version} -> {after.version}"
    return f"- {change.project} {before.version}" if before else f"+ {change.project} {after.version if after else ''}"


def _row(transaction: KnownTransaction, *, whole: bool) -> tuple[str, str, str, str]:
    shown = transaction.changes if whole else transaction.changes[:_SHOWN]
    texts = [change_text(each) for each in shown]
    if more := len(transaction.changes) - len(shown):
        texts.append(f"and {more} more")
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(transaction.when))
    who = printable(f"{transaction.who}@{transaction.host}")
    command = transaction.command
    if len(command) > _LONG and not whole:
        command = f"{command[: _LONG - 4].rpartition(' ')[0] or command[: _LONG - 4]} ..."
    return when, who, printable(command), printable(", ".join(texts))


def _json(transaction: KnownTransaction) -> Json:
    return {
        "id": transaction.id,
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(transaction.when)),
        "who": transaction.who,
        "host": transaction.host,
        "environment": transaction.environment,
        "command": transaction.command,
        "undoes": transaction.undoes or None,
        "changes": [
            {"name": each.project, "before": _state(each.before), "after": _state(each.after)}
            for each in transaction.changes
        ],
    }


def _state(state: KnownState | None) -> Json | None:
    if state is None:
        return None
    wheel = state.wheel
    return {
        "version": str(state.version),
        "record_sha256": state.record or None,
        "requested": state.requested,
        "direct_url": state.direct or None,
        "editable": state.editable,
        "wheel": wheel and {"filename": wheel.filename, "url": wheel.url, "sha256": wheel.sha256},
    }
