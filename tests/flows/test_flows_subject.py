"""The command that ``doctor`` names reaches the target that it judged."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.cli.inspection import WHERE
from holdfast.cli.parse import parse
from holdfast.flows.subject import recovering
from holdfast.model.target import TargetKind
from tests.support.areas import bare_target


@pytest.mark.parametrize("root", ["", "/image"])
@pytest.mark.parametrize("kind", TargetKind)
def test_recovering_names_the_target_as_it_was_named(tmp_path: Path, kind: TargetKind, root: str) -> None:
    directory = str(tmp_path / "a b")
    bare = bare_target(directory)
    target = replace(bare, kind=kind, root=root + directory, relocation=root)
    program, command, *words = shlex.split(recovering(target))
    assert (program, command) == ("holdfast", "recover")
    values = dict(parse(words, WHERE[1]).values)
    assert values.pop("root", "") == root
    match kind:
        case TargetKind.VENV | TargetKind.PYTHON:
            assert values == {"python": directory}
        case TargetKind.TARGET | TargetKind.PREFIX:
            assert values == {kind.value: directory}
        case TargetKind.SYSTEM | TargetKind.USER:
            assert values == {kind.value: True}
