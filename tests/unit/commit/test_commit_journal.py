"""The journal says what was planned, and nothing that a stranger writes into it leads out of the schemes."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import NormalizedName

from holdfast.commit.journal import JOURNAL_LIMIT, Journal, parse_journal, read_journal, to_bytes
from holdfast.errors import InterruptedTransactionError
from holdfast.model.changes import Place, ProjectChange, Step, StepKind
from holdfast.model.target import SchemeKey

ID = "0123456789abcdef" * 2
PROJECT = NormalizedName("a")


def journal(path: str = "a/x.py", info: str = "a-1.dist-info") -> Journal:
    place = Place(scheme=SchemeKey.PURELIB, path=path)
    return Journal(
        id=ID,
        rooms=((SchemeKey.PURELIB, SchemeKey.PLATLIB), (SchemeKey.SCRIPTS,)),
        projects=(
            ProjectChange(name=PROJECT, old=(Place(scheme=SchemeKey.PURELIB, path=info), "a" * 64), new=None),
            ProjectChange(name=NormalizedName("b"), old=None, new=(Place(scheme=SchemeKey.PURELIB, path="b"), "")),
        ),
        steps=(
            Step(n=0, kind=StepKind.REMOVE, place=place, directory=False, owners=(PROJECT,), dist_info=True),
            Step(
                n=1,
                kind=StepKind.PLACE,
                place=replace(place, path="c"),
                directory=True,
                owners=(PROJECT, NormalizedName("c")),
            ),
        ),
        identities={0: (1, 2, 3)},
    )


def test_what_is_written_is_read() -> None:
    assert parse_journal(to_bytes(journal()), identifier=ID) == journal()


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/.", "a\0b", "x" * 5000, ".holdfast.lock/x", ".holdfast-1/x"],
)
def test_a_path_that_leads_astray_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="a path in it"):
        parse_journal(to_bytes(journal(path)), identifier=ID)


def test_a_dist_info_that_is_a_path_is_refused() -> None:
    with pytest.raises(ValueError, match="dist-info"):
        parse_journal(to_bytes(journal(info="deep/a-1.dist-info")), identifier=ID)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "f" * 32},
        {"rooms": []},
        {"rooms": [["purelib", "etc"]]},
        {"steps": [["place", "purelib", "a", 0, [-1]]]},
        {"steps": [["place", "purelib", "a", 0, [9]]]},
        {"steps": [["place", "purelib", "a", True, [0]]]},
        {"steps": [["place", "purelib", 1, 0, [0]]]},
        {"steps": [["place", "etc", "a", 0, [0]]]},
        {"steps": [["drop", "purelib", "a", 0, [0]]]},
        {"steps": [["place"]]},
        {"steps": {"place": 1}},
        {"projects": [[0, ["purelib", "a", "short"], None]]},
        {"steps": [["place", "purelib", "a", 0, [0]], ["place", "purelib", "a", 0, [0]]]},
        {"steps": [["place", "purelib", "\ud800", 0, [0]]]},
        {"rooms": [["purelib", "purelib"]]},
        {"rooms": [["purelib"], [], []]},
        {"projects": [[0, ["purelib", "a", ""], None], [1, ["purelib", "a", ""], None]]},
        {"journal": True},
        {"journal": 1.0},
        {"names": [1]},
        {"names": None},
        {"journal": 2},
        {"journal": "1"},
    ],
    ids=str,
)
def test_anything_else_is_refused(change: dict[str, object]) -> None:
    data = json.loads(to_bytes(journal())) | change
    with pytest.raises(ValueError, match=r"\b(it|its|a|is)\b"):
        parse_journal(json.dumps(data).encode(), identifier=ID)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b"[" + b"[]," * 5_000_000,
        b"1" * 9999,
        b" " * (JOURNAL_LIMIT + 1),
    ],
)
def test_what_is_no_journal_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="it is"):
        parse_journal(content, identifier=ID)


def test_no_word_of_a_journal_comes_into_a_message() -> None:
    word = "x" * 100_000
    for change in ({"rooms": [[word]]}, {"steps": [[word, "purelib", "a", 0, [0]]]}, {"id": word}):
        data = json.loads(to_bytes(journal())) | change
        with pytest.raises(ValueError, match="it") as caught:
            parse_journal(json.dumps(data).encode(), identifier=ID)
        assert len(str(caught.value)) < 100


def test_a_journal_of_another_version_is_left_alone_and_named(tmp_path: Path) -> None:
    directory = tmp_path / f".holdfast-{ID}"
    directory.mkdir()
    (directory / "journal").write_bytes(b'{"journal":99}')
    with pytest.raises(InterruptedTransactionError, match="version"):
        read_journal(str(directory))
    assert (directory / "journal").read_bytes() == b'{"journal":99}'


@pytest.mark.parametrize("kind", ["fifo", "symlink", "directory"])
def test_a_planted_journal_is_neither_followed_nor_waited_for(tmp_path: Path, kind: str) -> None:
    directory = tmp_path / f".holdfast-{ID}"
    directory.mkdir()
    path = str(directory / "journal")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "symlink":
        os.symlink("/etc/passwd", path)
    else:
        os.mkdir(path)
    with pytest.raises(InterruptedTransactionError):
        read_journal(str(directory))
