"""What the survey sees: each directory on the way, symlinks by where they lead, nothing that was not asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from holdfast.errors import TargetError
from holdfast.model.changes import EntryKind
from holdfast.target.survey import survey
from tests.crash.world import digest_of, scheme_at, write_tree


@pytest.fixture
def root(tmp_path: Path) -> str:
    made = os.path.realpath(tmp_path / "env")
    os.makedirs(f"{made}/lib/python3/site-packages")
    return made


def test_it_lists_what_leads_to_a_path_and_no_more(root: str) -> None:
    library = scheme_at(root).purelib
    write_tree({f"{library}/a/x.py": b"", f"{library}/a/__pycache__/x.pyc": b"", f"{library}/other/y.py": b""})
    os.symlink("x.py", f"{library}/a/link")
    os.mkfifo(f"{library}/a/pipe")
    os.utime(f"{library}/a", (0, 0))
    seen = survey(scheme_at(root), [f"{library}/a/x.py", f"{library}/missing/deep/z.py"])
    assert set(seen.directories) == {library, f"{library}/a", f"{library}/a/__pycache__"}
    assert seen.directories[f"{library}/a"].entries == {
        "x.py": EntryKind.FILE,
        "link": EntryKind.SYMLINK,
        "pipe": EntryKind.OTHER,
        "__pycache__": EntryKind.DIRECTORY,
    }
    status = os.stat(f"{library}/a")
    assert seen.directories[f"{library}/a"].inode == status.st_ino
    assert seen.directories[f"{library}/a"].mtime_ns == status.st_mtime_ns == 0
    assert seen.directories[library].mtime_ns is None, "so young that the next change may not show in it"


def test_of_a_missing_scheme_directory_the_nearest_parent_is_seen(root: str) -> None:
    seen = survey(scheme_at(root), [f"{root}/include/site/a/a.h", f"{root}/bin/a"])
    assert set(seen.directories) == {root}


def test_symlinks_are_resolved_inside_and_noted_outside(root: str, tmp_path: Path) -> None:
    library = scheme_at(root).purelib
    os.makedirs(f"{library}/real")
    os.symlink("real", f"{library}/inside")
    os.symlink(tmp_path, f"{library}/outside")
    os.symlink("loop", f"{library}/loop")
    paths = [f"{library}/{name}/sub/x.py" for name in ("inside", "outside", "loop")]
    seen = survey(scheme_at(root), paths)
    assert seen.links[f"{library}/inside/sub"] == f"{library}/real/sub"
    assert seen.links[f"{library}/outside/sub"] == f"{os.path.realpath(tmp_path)}/sub"
    assert f"{library}/loop/sub" not in seen.links
    assert set(seen.directories) == {library, f"{library}/real"}


def test_it_hashes_and_reads_what_it_is_asked_to(root: str) -> None:
    library = scheme_at(root).purelib
    write_tree({f"{library}/x.py": b"x", f"{library}/ns/__init__.py": b"text"})
    os.symlink("/etc/passwd", f"{library}/link.py")
    asked = [f"{library}/x.py", f"{library}/link.py", f"{library}/missing.py"]
    seen = survey(scheme_at(root), asked, digests=asked, texts=[f"{library}/ns/__init__.py", f"{library}/missing.py"])
    assert seen.digests == {f"{library}/x.py": digest_of(b"x")}
    assert seen.texts == {f"{library}/ns/__init__.py": "text"}


def test_what_lies_outside_of_the_scheme_is_not_looked_at(root: str, tmp_path: Path) -> None:
    assert survey(scheme_at(root), [f"{tmp_path}/elsewhere/x.py", "/etc/passwd"]).directories == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every directory")
def test_a_directory_that_cannot_be_read_is_named(root: str) -> None:
    library = scheme_at(root).purelib
    write_tree({f"{library}/a/x.py": b""})
    os.chmod(f"{library}/a", 0)
    with pytest.raises(TargetError, match="site-packages/a"):
        survey(scheme_at(root), [f"{library}/a/x.py"])
    os.chmod(f"{library}/a", 0o755)
