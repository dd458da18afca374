from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time

import pytest

from holdfast.errors import InterruptedTransactionError, TargetError
from holdfast.model.installed import InstalledState
from holdfast.model.target import Target, TargetRequest
from holdfast.target.again import read_again
from holdfast.target.installed import has_journal, read_installed
from holdfast.target.locate import locate
from tests.support.environments import make_venv

TRANSACTION = ".holdfast-" + "0123456789abcdef" * 2


@pytest.fixture
def target(tmp_path: object) -> Target:
    return locate(TargetRequest(virtual_env=make_venv(f"{tmp_path}/venv").root))


def write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def metadata(name: str, version: str, *lines: str) -> str:
    return "\n".join([f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", *lines]) + "\n\nText: of it\n"


def dist_info(directory: str, name: str, version: str, *lines: str, **files: str) -> str:
    """A dist-info directory; ``RECORD=""`` leaves RECORD out."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    write(f"{directory}/{info}/METADATA", metadata(name, version, *lines))
    for file, text in {"RECORD": f"{info}/METADATA,,\n", "INSTALLER": "pip\n", **files}.items():
        if text:
            write(f"{directory}/{info}/{file.replace('__', '.')}", text)
    return info


def names(state: InstalledState) -> dict[str, str]:
    return {each.name: str(each.version) for each in state}


def test_an_empty_environment(target: Target) -> None:
    state = read_installed(target)
    assert not names(state)
    assert state.observed == ((target.scheme.purelib, ()),)
    assert not state.broken


def test_a_missing_directory_is_empty(target: Target) -> None:
    shutil.rmtree(target.scheme.purelib)
    assert not names(read_installed(target))


def test_what_a_dist_info_says(target: Target) -> None:
    site = target.scheme.purelib
    url = {"url": "file:///src", "dir_info": {"editable": True}}
    info = dist_info(
        site,
        "Foo.Bar",
        "1.0",
        "Requires-Dist: baz>=1",
        "Summary: short",
        INSTALLER="uv\n",
        REQUESTED=" ",
        direct_url__json=json.dumps(url),
    )
    found = read_installed(target).get("foo-bar")  # type: ignore[arg-type]
    assert found is not None
    assert (found.metadata.display_name, str(found.version), found.metadata.summary) == ("Foo.Bar", "1.0", "short")
    assert [str(requirement) for requirement in found.metadata.requires] == ["baz>=1"]
    assert (found.location, found.info_name) == (site, info)
    assert (found.installer, found.requested, found.editable, found.owned) == ("uv", True, True, True)
    assert found.direct_url == url
    assert found.record == ()
    assert not found.record_digest


def test_no_record_is_told_from_an_unread_one(target: Target) -> None:
    dist_info(target.scheme.purelib, "foo", "1.0", RECORD="")
    (found,) = read_installed(target)
    assert found.record is None


def test_pip_and_holdfast_see_the_same(target: Target) -> None:
    """Forms that pip lists, listed by ``importlib.metadata`` in the target's Python."""
    site = target.scheme.purelib
    dist_info(site, "wheel-made", "1.0")
    write(f"{site}/setup_made-2.0-py3.9.egg-info/PKG-INFO", metadata("setup-made", "2.0"))
    write(f"{site}/distutils_made-3.0.egg-info", metadata("distutils_made", "3.0"))
    ask = (
        "import importlib.metadata as m; "
        "print(sorted(d.metadata['Name'].replace('_', '-') + d.version for d in m.distributions()))"
    )
    done = subprocess.run([target.interpreter.executable, "-I", "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(sorted(name + version for name, version in names(read_installed(target)).items()))


def test_eggs_have_no_record(target: Target) -> None:
    site = target.scheme.purelib
    write(f"{site}/setup_made-2.0-py3.9.egg-info/PKG-INFO", metadata("setup-made", "2.0"))
    write(f"{site}/distutils_made-3.0.egg-info", metadata("distutils_made", "3.0"))
    assert [each.record for each in read_installed(target)] == [None, None]


def test_a_development_install(target: Target, tmp_path: object) -> None:
    write(f"{tmp_path}/src/my_thing.egg-info/PKG-INFO", metadata("my-thing", "4.0"))
    write(f"{tmp_path}/src/other.egg-info/PKG-INFO", metadata("other", "9.0"))
    write(f"{target.scheme.purelib}/my-thing.egg-link", f"{tmp_path}/src\n.")
    (found,) = read_installed(target)
    assert (found.name, str(found.version), found.editable, found.record) == ("my-thing", "4.0", True, None)


def test_a_development_install_whose_source_is_gone_is_broken(target: Target) -> None:
    write(f"{target.scheme.purelib}/my-thing.egg-link", "/no/such/source\n.")
    state = read_installed(target)
    assert not names(state)
    assert "/no/such/source" in state.broken[0].reason


def test_duplicates(target: Target) -> None:
    site = target.scheme.purelib
    dist_info(site, "foo", "1.9")
    dist_info(site, "foo", "1.10")
    write(f"{site}/foo-2.0.egg-info", metadata("foo", "2.0"))
    state = read_installed(target)
    assert names(state) == {"foo": "1.10"}
    assert sorted(each.info_name for each in state.duplicates) == ["foo-1.9.dist-info", "foo-2.0.egg-info"]
    assert len(state.observed[0][1]) == 3


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("foo-1.dist-info/RECORD", "", "no METADATA"),
        ("foo-1.dist-info", "a file", "Not a directory"),
        ("foo-1.dist-info/METADATA", "nonsense", "has no Name"),
        ("foo-1.dist-info/METADATA", "Name: foo\n", "has no Version"),
        ("foo-1.dist-info/METADATA", "Name: foo\nVersion: one-custom\n", "one-custom"),
        ("foo-1.dist-info/METADATA", "Metadata-Version: 9.0\nName: foo\nVersion: 1\n", "newer"),
        ("~oo-1.dist-info/METADATA", "Name: foo\nVersion: 1\n", "interrupted pip"),
        ("foo-1.egg-info/SOURCES.txt", "", "PKG-INFO"),
    ],
)
def test_broken_ones_are_named_with_the_reason(target: Target, name: str, content: str, reason: str) -> None:
    write(f"{target.scheme.purelib}/{name}", content)
    dist_info(target.scheme.purelib, "good", "1.0")
    state = read_installed(target)
    assert names(state) == {"good": "1.0"}
    assert state.broken[0].path == f"{target.scheme.purelib}/{name.partition('/')[0]}"
    assert reason in state.broken[0].reason


def test_an_unreadable_metadata_is_broken(target: Target) -> None:
    info = dist_info(target.scheme.purelib, "foo", "1.0")
    os.unlink(f"{target.scheme.purelib}/{info}/METADATA")
    os.mkdir(f"{target.scheme.purelib}/{info}/METADATA")
    assert "Is a directory" in read_installed(target).broken[0].reason


def test_a_planted_fifo_does_not_stop_a_reader(target: Target) -> None:
    info = dist_info(target.scheme.purelib, "foo", "1.0")
    os.unlink(f"{target.scheme.purelib}/{info}/METADATA")
    os.mkfifo(f"{target.scheme.purelib}/{info}/METADATA")
    assert read_installed(target).broken


def test_requirements_of_old_packages_that_no_standard_allows(target: Target) -> None:
    dist_info(
        target.scheme.purelib, "foo", "1.0", "Requires-Dist: ok>1", "Requires-Dist: bad (>1.*.*)", "Requires-Python: 3"
    )
    (found,) = read_installed(target)
    assert [requirement.name for requirement in found.metadata.requires] == ["ok"]


def test_a_spoilt_direct_url_is_none(target: Target) -> None:
    dist_info(target.scheme.purelib, "foo", "1.0", direct_url__json="{")
    (found,) = read_installed(target)
    assert found.direct_url is None


def test_visible_ones_come_after_the_own_ones(target: Target, tmp_path: object) -> None:
    from dataclasses import replace  # noqa: PLC0415 - next to its one use

    system = f"{tmp_path}/system"
    dist_info(system, "both", "1.0")
    dist_info(system, "theirs", "1.0")
    dist_info(target.scheme.purelib, "both", "0.5")
    state = read_installed(replace(target, visible=(target.scheme.purelib, system)))
    assert names(state) == {"both": "0.5", "theirs": "1.0"}
    assert [(each.name, each.owned) for each in state] == [("both", True), ("theirs", False)]
    assert [(each.location, each.owned) for each in state.duplicates] == [(system, False)]
    assert [place for place, _ in state.observed] == [target.scheme.purelib]


def test_a_journal_stops_readers(target: Target) -> None:
    os.makedirs(f"{target.scheme.purelib}/{TRANSACTION}")
    dist_info(target.scheme.purelib, "foo", "1.0")
    assert not has_journal(target)
    assert names(read_installed(target)) == {"foo": "1.0"}
    write(f"{target.scheme.purelib}/{TRANSACTION}/journal", "")
    assert has_journal(target)
    with pytest.raises(InterruptedTransactionError) as caught:
        read_installed(target, patience=0.1)
    assert caught.value.exit_code == 8
    assert caught.value.hint == "holdfast recover"
    assert TRANSACTION in caught.value.cause


@pytest.mark.parametrize("name", [".holdfast-short", ".holdfast-" + "g" * 32, "holdfast-" + "0" * 32])
def test_what_only_looks_like_a_transaction(target: Target, name: str) -> None:
    write(f"{target.scheme.purelib}/{name}/journal", "")
    assert not has_journal(target)


def test_a_reader_waits_for_a_commit_to_end(target: Target) -> None:
    journal = f"{target.scheme.purelib}/{TRANSACTION}/journal"
    write(journal, "")
    timer = threading.Timer(0.15, os.unlink, [journal])
    timer.start()
    try:
        dist_info(target.scheme.purelib, "foo", "1.0")
        assert names(read_installed(target)) == {"foo": "1.0"}
    finally:
        timer.join()


def test_no_half_state_while_another_process_changes_things(target: Target) -> None:
    """Somebody replaces foo 1 by foo 2 all the time, as pip does it: never both, never none."""
    site = target.scheme.purelib
    for version in ("1", "2"):
        dist_info(f"{site}/../kept{version}", "foo", version)
    script = (
        "import os, sys, time\n"
        "site = sys.argv[1]\n"
        "os.rename(site + '/../kept1/foo-1.dist-info', site + '/foo-1.dist-info')\n"
        "print('ready', flush=True)\n"
        "old, new = '1', '2'\n"
        "end = time.monotonic() + 1.5\n"
        "while time.monotonic() < end:\n"
        "    os.rename(f'{site}/foo-{old}.dist-info', f'{site}/../kept{old}/foo-{old}.dist-info')\n"
        "    os.rename(f'{site}/../kept{new}/foo-{new}.dist-info', f'{site}/foo-{new}.dist-info')\n"
        "    old, new = new, old\n"
        "    time.sleep(0.002)\n"
    )
    with subprocess.Popen(
        [target.interpreter.executable, "-I", "-c", script, site], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        seen = 0
        while other.poll() is None:
            state = read_installed(target, patience=5)
            assert len(state.distributions) + len(state.duplicates) <= 1
            assert not state.broken
            seen += 1
    assert seen > 10


def test_what_goes_and_comes_back_under_one_name_is_not_broken(target: Target) -> None:
    site = target.scheme.purelib
    info = dist_info(site, "foo", "1")
    script = (
        "import os, sys, time\n"
        "here, there = sys.argv[1], sys.argv[1] + '.away'\n"
        "end = time.monotonic() + 0.5\n"
        "while time.monotonic() < end:\n"
        "    os.rename(here, there)\n"
        "    os.rename(there, here)\n"
    )
    python = target.interpreter.executable
    with subprocess.Popen([python, "-I", "-c", script, f"{site}/{info}"]) as other:
        while other.poll() is None:
            assert not read_installed(target, patience=5).broken


def test_a_dist_info_that_leads_nowhere_is_broken(target: Target) -> None:
    os.symlink("nowhere", f"{target.scheme.purelib}/foo-1.dist-info")
    info = dist_info(target.scheme.purelib, "bar", "1")
    os.symlink("nowhere", f"{target.scheme.purelib}/{info}/direct_url.json")
    reasons = [each.reason for each in read_installed(target).broken]
    assert len(reasons) == 2
    assert all("No such file" in reason for reason in reasons)


def test_names_that_keep_moving_are_an_error_in_the_end(target: Target) -> None:
    site = target.scheme.purelib
    dist_info(site, "foo", "1")
    stop = threading.Event()

    def move() -> None:
        number = 1
        while not stop.is_set():
            os.rename(f"{site}/foo-{number}.dist-info", f"{site}/foo-{number + 1}.dist-info")
            number += 1
            time.sleep(0)

    thread = threading.Thread(target=move)
    thread.start()
    try:
        with pytest.raises(InterruptedTransactionError, match="all the time"):
            for _ in range(100):
                read_installed(target, patience=0)
    finally:
        stop.set()
        thread.join()


def test_a_directory_that_may_not_be_listed(target: Target) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may list everything")
    os.chmod(target.scheme.purelib, 0)
    try:
        with pytest.raises(TargetError, match="may not be read"):
            read_installed(target)
    finally:
        os.chmod(target.scheme.purelib, 0o755)


def test_a_hundred_distributions_are_read_quickly(target: Target) -> None:
    for n in range(100):
        lines = [f"Requires-Dist: other-{n}-{m}>=1 ; python_version >= '3.8'" for m in range(5)]
        dist_info(target.scheme.purelib, f"name-{n}", "1.0", *lines)
    read_installed(target)
    start = time.perf_counter()
    assert len(read_installed(target).distributions) == 100
    assert time.perf_counter() - start < 5


def test_read_again_is_the_same_until_something_comes_or_goes(target: Target) -> None:
    site = target.scheme.purelib
    dist_info(site, "stays", "1.0")
    gone = dist_info(site, "goes", "1.0")
    first = read_installed(target)
    assert read_again(first) is first
    shutil.rmtree(f"{site}/{gone}")
    dist_info(site, "comes", "2.0")
    second = read_again(first)
    assert second is not None
    assert names(second) == names(read_installed(target)) == {"comes": "2.0", "stays": "1.0"}
    assert second.observed == read_installed(target).observed
    write(f"{site}/broken-1.0.dist-info/RECORD", "")
    third = read_again(second)
    assert third is not None
    assert names(third) == names(second)
