from __future__ import annotations

import os
import stat

import pytest

from holdfast import disk
from holdfast.errors import TargetError
from holdfast.store.pages import PageCache
from holdfast.store.partials import PartialFile


@pytest.fixture
def root(tmp_path: object) -> str:
    return os.path.join(str(tmp_path), "cache")


def files(root: str) -> list[str]:
    return [os.path.join(directory, name) for directory, _, names in os.walk(root) for name in names]


def test_what_is_kept_is_found_again_by_kind_and_key(root: str) -> None:
    cache = PageCache(root)
    assert cache.read_page("k") is None
    cache.write_page("k", b"page")
    cache.write_metadata("k", b"metadata")
    cache.write_page("k", b"newer")
    assert (PageCache(root).read_page("k"), cache.read_metadata("k")) == (b"newer", b"metadata")
    assert cache.read_page("other") is None
    assert len(files(root)) == 2
    assert sorted(os.listdir(root)) == ["metadata-v1", "pages-v1"]


def test_private_pages_are_private(root: str) -> None:
    cache = PageCache(root)
    cache.write_page("k", b"page", private=True)
    assert [stat.S_IMODE(os.stat(path).st_mode) for path in files(root)] == [0o600]


def test_a_shared_cache_stays_shared(root: str) -> None:
    os.makedirs(root)
    os.chmod(root, 0o2775)
    PageCache(root).write_page("k", b"page")
    (path,) = files(root)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o664
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o2775


def test_without_a_cache_nothing_is_found_and_nothing_fails(tmp_path: object) -> None:
    blocked = os.path.join(str(tmp_path), "file")
    with open(blocked, "w", encoding="utf-8"):
        pass
    for root in (None, blocked, os.path.join(blocked, "below")):
        cache = PageCache(root)
        cache.write_page("k", b"page")
        assert cache.read_page("k") is None
    assert os.listdir(str(tmp_path)) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_cache_is_read(root: str) -> None:
    PageCache(root).write_page("k", b"page")
    os.chmod(root, 0o555)
    cache = PageCache(root)
    cache.write_metadata("k", b"metadata")
    assert (cache.read_page("k"), cache.read_metadata("k")) == (b"page", None)
    os.chmod(root, 0o755)


def test_planted_things_are_not_followed(root: str) -> None:
    cache = PageCache(root)
    cache.write_page("k", b"page")
    (path,) = files(root)
    os.rename(path, f"{path}.away")
    os.symlink(f"{path}.away", path)
    assert cache.read_page("k") is None
    os.unlink(path)
    os.mkfifo(path)
    assert cache.read_page("k") is None


def test_litter_goes_after_an_hour(root: str) -> None:
    os.makedirs(os.path.join(root, "pages-v1"))
    old, new = (os.path.join(root, "pages-v1", f".adding-{name}") for name in ("old", "new"))
    for path in (old, new):
        with open(path, "w", encoding="utf-8"):
            pass
    os.utime(old, (1, 1))
    PageCache(root).write_page("k", b"page")
    assert not os.path.exists(old)
    assert os.path.exists(new)


def test_a_partial_file_is_written_begun_anew_and_gone(tmp_path: object) -> None:
    directory = os.path.join(str(tmp_path), "work", "downloads")
    with PartialFile(directory) as partial:
        partial.write(b"wrong")
        partial.restart()
        partial.write(b"ri")
        partial.write(b"ght")
        assert partial.size == 5
        with open(partial.path, "rb") as file:
            assert file.read() == b"right"
        assert stat.S_IMODE(os.stat(partial.path).st_mode) == 0o600
    assert os.listdir(directory) == []


def test_a_partial_file_is_gone_after_an_error(tmp_path: object) -> None:
    with pytest.raises(KeyboardInterrupt), PartialFile(str(tmp_path)) as partial:
        partial.write(b"x")
        raise KeyboardInterrupt
    assert os.listdir(str(tmp_path)) == []


def test_no_room_names_the_place(tmp_path: object) -> None:
    blocked = os.path.join(str(tmp_path), "file")
    disk.write_new(blocked, b"")
    with pytest.raises(TargetError, match="file"), PartialFile(os.path.join(blocked, "work")):
        pass
