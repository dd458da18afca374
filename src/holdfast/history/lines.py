"""A transaction as one line of JSON, and back. Values in, values out.

What is read was written by this user, perhaps by another version of holdfast, or cut off: a line that is not exactly
what it should be is no line.
"""

from __future__ import annotations

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from holdfast.model.history import KnownChange, KnownState, KnownTransaction, KnownWheel

FORMAT = 1
_HEX = frozenset("0123456789abcdef")
_SHA256 = 64
_YEAR_9999 = 253_402_300_799

Json = dict[str, Any]


def to_line(transaction: KnownTransaction) -> bytes:
    """One line, without its end."""
    return json.dumps({"format": FORMAT, **to_json(transaction)}, separators=(",", ":")).encode()


def from_line(line: bytes) -> KnownTransaction | None:
    """The transaction of a line; None: it is none."""
    try:
        value = json.loads(line)
        return _transaction(value) if value["format"] == FORMAT else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def to_json(transaction: KnownTransaction) -> Json:
    """The same as a JSON value."""
    return {
        "id": transaction.id,
        "when": transaction.when,
        "who": transaction.who,
        "host": transaction.host,
        "environment": transaction.environment,
        "command": transaction.command,
        "undoes": transaction.undoes or None,
        "changes": [
            {"project": each.project, "before": _state_json(each.before), "after": _state_json(each.after)}
            for each in transaction.changes
        ],
    }


def _state_json(state: KnownState | None) -> Json | None:
    if state is None:
        return None
    found: Json = {"version": str(state.version), "record": state.record, "requested": state.requested}
    if state.direct:
        found |= {"direct": state.direct, "editable": state.editable}
    if state.files:
        found["files"] = {path: b2a_base64(content, newline=False).decode() for path, content in state.files}
    if state.wheel is not None:
        found["wheel"] = {"filename": state.wheel.filename, "url": state.wheel.url, "sha256": state.wheel.sha256}
    return found


def _transaction(value: Mapping[str, Any]) -> KnownTransaction:
    return KnownTransaction(
        id=_text(value["id"]),
        when=_time(value["when"]),
        who=_text(value["who"]),
        host=_text(value["host"]),
        environment=_text(value["environment"]),
        command=_text(value["command"]),
        undoes=_text(value["undoes"] or ""),
        changes=tuple(
            KnownChange(
                project=canonicalize_name(_text(each["project"])),
                before=_state(each["before"]),
                after=_state(each["after"]),
            )
            for each in value["changes"]
        ),
    )


def _state(value: Mapping[str, Any] | None) -> KnownState | None:
    if value is None:
        return None
    wheel = value.get("wheel")
    return KnownState(
        version=Version(_text(value["version"])),
        record=_digest(value["record"]) if value["record"] else "",
        requested=value["requested"] is True,
        direct=_text(value.get("direct", "")),
        editable=value.get("editable") is True,
        wheel=None if wheel is None else _wheel(wheel),
        files=tuple((path, a2b_base64(_text(content))) for path, content in value.get("files", {}).items()),
    )


def _wheel(value: Mapping[str, Any]) -> KnownWheel:
    return KnownWheel(filename=_text(value["filename"]), url=_text(value["url"]), sha256=_digest(value["sha256"]))


def _time(value: object) -> float:
    if not isinstance(value, (int, float)) or not 0 <= value <= _YEAR_9999:
        raise ValueError("not a time")
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _digest(value: object) -> str:
    text = _text(value)
    if len(text) != _SHA256 or not _HEX.issuperset(text):
        raise ValueError("not a sha256")
    return text
