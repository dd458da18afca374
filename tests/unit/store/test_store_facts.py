"""Remembered facts: whole or not at all, and nothing of a dead writer stays."""

from __future__ import annotations

import os
from pathlib import Path

from holdfast.store.facts import DIRECTORY, StoredFacts
from holdfast.store.sweep import LITTER_AGE_NS

KEY = "ab" * 32


def test_what_is_put_is_got(tmp_path: Path) -> None:
    facts = StoredFacts(str(tmp_path / "cache"))
    assert facts.get(KEY) is None
    facts.put(KEY, b"one")
    facts.put(KEY, b"two")
    assert facts.get(KEY) == b"two"
    assert len(list((tmp_path / "cache" / DIRECTORY).iterdir())) == 1


def test_what_a_dead_writer_left_goes(tmp_path: Path) -> None:
    directory = tmp_path / DIRECTORY
    directory.mkdir()
    old, fresh = directory / ".adding-old", directory / ".adding-fresh"
    old.write_bytes(b"{")
    fresh.write_bytes(b"{")
    long_ago = fresh.stat().st_mtime_ns - 2 * LITTER_AGE_NS
    os.utime(old, ns=(long_ago, long_ago))
    StoredFacts(str(tmp_path)).put(KEY, b"one")
    assert sorted(each.name for each in directory.iterdir()) == [fresh.name, f"{KEY}-{os.geteuid()}.json"]


def test_a_cache_that_is_a_file_remembers_nothing(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"")
    facts = StoredFacts(str(tmp_path / "cache"))
    facts.put(KEY, b"one")
    assert facts.get(KEY) is None
