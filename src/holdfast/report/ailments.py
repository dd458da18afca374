"""Broken dist-infos and leftovers in words: what it is, why, and one command. Pure."""

from __future__ import annotations

import shlex
from typing import assert_never

from holdfast.model.ailments import Ailment, AilmentKind

Json = dict[str, object]


def ailment_text(ailment: Ailment) -> str:
    """What it is and how it came to be, in one sentence without a full stop."""
    found = ailment.distribution
    what = f"{found.metadata.display_name} {found.version}" if found else "it"
    match ailment.kind:
        case AilmentKind.NO_RECORD:
            return f"{ailment.path} has no RECORD that can be read, so nobody knows the files of {what}"
        case AilmentKind.NO_METADATA:
            return f"{ailment.path} has no METADATA that can be read, so {what} counts as not installed"
        case AilmentKind.EMPTY:
            return f"{ailment.path} is empty: {what} was installed or removed halfway"
        case AilmentKind.UNFINISHED:
            return f"{ailment.path} was not finished: {what} has no scripts yet"
        case AilmentKind.DUPLICATE:
            return f"{ailment.path} is one dist-info of several of {found.name if found else 'a project'}"
        case AilmentKind.LEFTOVER:
            return f"{ailment.path} is left over from an interrupted pip"
        case AilmentKind.UNKNOWN:
            return f"{ailment.path} is no distribution, and nothing tells whose it is: it is left alone"
        case _:
            assert_never(ailment.kind)


def ailment_command(ailment: Ailment) -> str:
    """What to type against it."""
    match ailment.kind:
        case AilmentKind.UNKNOWN:
            return f"ls -la {shlex.quote(ailment.path)}"
        case AilmentKind.LEFTOVER:
            return "holdfast repair"
        case _:
            return f"holdfast repair {ailment.distribution.name}" if ailment.distribution else "holdfast repair"


def ailment_json(ailment: Ailment) -> Json:
    """One ailment of ``check --files --json`` and ``repair --json``."""
    found = ailment.distribution if ailment.kind is not AilmentKind.LEFTOVER else ailment.stashed
    return {
        "kind": ailment.kind.value,
        "path": ailment.path,
        "name": str(found.name) if found else None,
        "version": str(found.version) if found else None,
        "text": ailment_text(ailment),
        "command": ailment_command(ailment),
    }
