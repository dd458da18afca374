"""Mounts, processes, flock, the exchange."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast import disk
from holdfast.disk import calls
from holdfast.disk.process import parse_stat


def test_what_lies_in_memory_keeps_nothing() -> None:
    with open("/proc/mounts", encoding="utf-8") as mounts:
        memory = [line.split()[1] for line in mounts if line.split()[2] == "tmpfs"]
    if not memory:
        pytest.skip("nothing is mounted as tmpfs")
    assert disk.filesystem(memory[0]).type == "tmpfs"
    assert disk.filesystem(memory[0]).keeps_nothing
    assert disk.filesystem("/proc").type == "proc"
    assert not disk.filesystem("/proc").keeps_nothing


def test_overlay_keeps_unless_it_is_volatile() -> None:
    assert not disk.FileSystem(type="overlay", options=frozenset({"rw"})).keeps_nothing
    for option in ("volatile", "fsync=volatile"):
        assert disk.FileSystem(type="overlay", options=frozenset({"rw", option})).keeps_nothing


def test_an_absent_path_has_no_known_file_system(tmp_path: Path) -> None:
    assert disk.filesystem(str(tmp_path / "absent")) == disk.FileSystem()


def test_room_is_what_statvfs_says(tmp_path: Path) -> None:
    assert disk.room(str(tmp_path)).bytes
    assert not disk.is_read_only(str(tmp_path))


def test_a_command_with_parentheses_and_spaces_is_no_field() -> None:
    fields = " ".join(["S", *map(str, range(4, 22)), "4711", "23"])
    seen = parse_stat(f"12 (a) Z 1 (b)) {fields}".encode())
    assert (seen.exists, seen.state, seen.started) == (True, "S", 4711)


def test_a_process_is_seen_alive_then_dead_then_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = disk.sight(child.pid).started
    assert started
    assert disk.sight(child.pid).exists
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert disk.sight(child.pid).state == "Z"
    child.communicate()
    assert disk.sight(child.pid) == disk.Sight(exists=False)


@pytest.mark.parametrize("pid", [0, -1, 2**40])
def test_a_pid_that_cannot_be_does_not_exist(pid: int) -> None:
    assert not disk.sight(pid).exists


def test_boot_and_namespace_are_named() -> None:
    assert re.fullmatch(r"[0-9a-f-]{36}", disk.boot_id())
    assert disk.pid_namespace() > 0


def test_a_flock_is_seen_through_another_descriptor(tmp_path: Path) -> None:
    disk.write_new(str(tmp_path / "file"), b"")
    first, second = (disk.open_regular(str(tmp_path / "file")) for _ in range(2))
    assert disk.try_flock(first)
    assert not disk.try_flock(second)
    disk.unflock(first)
    assert disk.try_flock(second)
    disk.close(first)
    disk.close(second)


def test_the_exchange_ends_with_its_block() -> None:
    kept = calls.current
    with pytest.raises(KeyError), calls.using(calls.Calls()) as backend:
        assert calls.current is backend
        raise KeyError
    assert calls.current is kept


def test_every_mutating_call_is_one_of_the_object() -> None:
    assert all(callable(getattr(calls.Calls, name)) for name in calls.MUTATING)


def test_disk_is_imported_without_ctypes_and_subprocess() -> None:
    code = "import sys, holdfast.disk; print(sorted({'ctypes', 'subprocess', 'tempfile', 'shutil'} & set(sys.modules)))"
    program = f"import sys; sys.path[:] = {sys.path!r}; {code}"
    done = subprocess.run([sys.executable, "-Sc", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_when_a_directory_was_made_stays_what_it_is(tmp_path: object) -> None:
    os.mkdir(f"{tmp_path}/one")
    born = disk.born_ns(f"{tmp_path}/one")
    if not born:
        pytest.skip("this file system does not tell when a directory was made")
    said = subprocess.run(["stat", "-c", "%W", f"{tmp_path}/one"], capture_output=True, text=True, check=True).stdout
    assert born // 10**9 == int(said)
    os.mkdir(f"{tmp_path}/one/more")
    os.utime(f"{tmp_path}/one", (1, 1))
    os.rename(f"{tmp_path}/one", f"{tmp_path}/two")
    assert disk.born_ns(f"{tmp_path}/two") == born
    assert disk.born_ns(f"{tmp_path}/one") == 0
