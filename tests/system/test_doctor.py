"""``holdfast doctor``: what a directory is worth, as text and ``--json``; it leaves nothing (issue 4, number 15)."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.areas import dead_owner, plant_transaction
from tests.support.sandbox import Completed, Sandbox
from tests.support.trees import snapshot
from tests.support.wheels import build_wheel, pkg

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "doctor-schema.md"


def commands_of(done: Completed) -> list[str]:
    """The things to type; each remark has one."""
    lines = done.stdout.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith(("stops: ", "remark: ")):
            assert following.startswith("  Try: "), done.stdout
            assert following.removeprefix("  Try: ").strip(), done.stdout
    return [line.removeprefix("  Try: ") for line in lines if line.startswith("  Try: ")]


def test_an_environment_that_is_worth_an_installation(sandbox: Sandbox) -> None:
    sandbox.venv  # noqa: B018 - made when it is looked at
    with sandbox.footprint() as left:
        done = sandbox.run("doctor").ok()
    left.assert_nothing()
    (site,) = {sandbox.venv.site_packages}
    assert done.stdout.splitlines()[0] == site
    for words in (
        "file locks      work; lock mode flock",
        "lock            free",
        "hard links      yes",
        "rename          of directories yes, onto an empty one yes",
        f"scripts         {sandbox.venv.root}/bin (writable, reached by rename)",
        f"work area       {sandbox.venv.root} (beside the libraries)",
    ):
        assert words in done.stdout, done.stdout
    assert done.stdout.endswith(f"{sandbox.venv.root} can be installed into.\n")
    assert done.stderr == ""
    assert commands_of(done) == []
    assert sandbox.run("doctor", "-q").ok().stdout == f"{sandbox.venv.root} can be installed into.\n"


def test_the_same_as_json_with_every_key_in_the_reference(sandbox: Sandbox) -> None:
    found = sandbox.run("doctor", "--json", sandbox.venv.root).ok().json
    assert (found["outcome"], found["judged"], found["missing"]) == ("usable", sandbox.venv.root, False)
    (directory,) = found["directories"]
    assert directory["path"] == sandbox.venv.site_packages
    assert directory["bytes"] > 0
    assert found["work_area"] == {"path": sandbox.venv.root, "place": "root"}
    assert found["link_mode"] == "hardlink"
    assert sandbox.run("doctor", "--json", "--no-cache").ok().json["link_mode"] == "hardlink"  # from the work area
    assert found["uv_lock"] == {"path": f"{sandbox.venv.root}/.lock", "exists": False, "held": None}
    assert {name: trial["answer"] for name, trial in directory["trials"].items() if trial} == {
        **dict.fromkeys(("flock", "link", "rename", "onto_empty", "exchange", "group"), "works"),
        "reflink": directory["trials"]["reflink"]["answer"],  # as the machine's file system has it
    }
    text = REFERENCE.read_text(encoding="utf-8")
    named = {part for path in re.findall(r"`([\w.\[\]]+)`", text) for part in re.split(r"[.\[\]]+", path)}
    assert not keys(found) - named


def keys(value: object) -> set[str]:
    match value:
        case dict():
            return set(value) | {key for each in value.values() for key in keys(each)}
        case list():
            return {key for each in value for key in keys(each)}
    return set()


def test_what_the_path_means(sandbox: Sandbox, tmp_path: Path) -> None:
    """An environment, its interpreter, a directory, a file in it, nothing yet: beside it, below it, behind a link."""
    directory = tmp_path / "directory"
    (directory / "inner").mkdir(parents=True)
    (directory / "file").write_text("")
    (tmp_path / "link").symlink_to(directory / "later")
    for path, judged, missing, kind in (
        (sandbox.venv.root, sandbox.venv.root, False, "python"),
        (os.path.relpath(sandbox.venv.python, sandbox.cwd), sandbox.venv.root, False, "python"),
        (str(directory), str(directory), False, "target"),
        (str(directory / "file"), str(directory), False, "target"),
        (str(directory / "not" / "there"), str(directory), True, "target"),
        (str(tmp_path / "link"), str(directory), True, "target"),
        (f"{sandbox.venv.root}/new", sandbox.venv.root, True, "target"),
    ):
        before = [snapshot(root) for root in (sandbox.venv.root, str(directory))]
        found = sandbox.run("doctor", "--json", path).ok().json
        assert (found["judged"], found["missing"], found["kind"]) == (os.path.realpath(judged), missing, kind), path
        assert found["directories"][0]["trials"]["rename"]["answer"] == "works"
        assert [snapshot(root) for root in (sandbox.venv.root, str(directory))] == before
    said = sandbox.run("doctor", str(directory / "not" / "there")).ok().stdout
    assert said.startswith(f"{directory}/not/there does not exist; in its place {directory} is judged\n")
    assert said.endswith(f"{directory}/not/there can be installed into.\n")


def test_what_lies_in_the_parent_is_not_in_the_way_of_what_is_new(sandbox: Sandbox, tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    parent.mkdir()
    (parent / ".holdfast.lock").write_text("squatted")
    (parent / ".lock").write_text("")
    plant_transaction(str(parent), dead_owner(), "journal")
    found = sandbox.run("doctor", "--json", str(parent / "new")).ok().json
    assert (found["remarks"], found["transactions"], found["schemes"]) == ([], [], [])
    assert found["uv_lock"] == {"path": f"{parent}/new/.lock", "exists": False, "held": None}
    assert found["work_area"] == {"path": f"{parent}/new", "place": "root"}
    sandbox.run("doctor", str(parent)).returned(3)


def test_the_target_that_install_would_take(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.run("doctor", env={"VIRTUAL_ENV": None}).returned(3)
    failed = sandbox.run("doctor", "--json", env={"VIRTUAL_ENV": None}).returned(3)
    assert failed.json["error"]["hint"]
    other = sandbox.make_venv("other")
    for args, root, missing in (
        ((), sandbox.venv.root, False),
        (("--python", other.root), other.root, False),
        (("--target", "x"), sandbox.cwd, True),
        (("--prefix", "x/y"), sandbox.cwd, True),
    ):
        found = sandbox.run("doctor", "--json", *args).ok().json
        assert (found["judged"], found["missing"]) == (root, missing)
    assert not os.listdir(sandbox.cwd)
    both = sandbox.run("doctor", "--python", other.root, str(tmp_path)).returned(2)
    assert "--python" in both.stderr
    assert "one directory" in sandbox.run("doctor", "a", "b").returned(2).stderr


def test_a_broken_environment_is_judged_as_a_directory(sandbox: Sandbox) -> None:
    root = sandbox.venv.root
    for name in os.listdir(f"{root}/bin"):
        if name.startswith("python"):
            os.remove(f"{root}/bin/{name}")
    os.symlink("/nowhere/python", f"{root}/bin/python")
    done = sandbox.run("doctor", root).returned(3)
    assert f"stops: The virtual environment {root} is broken" in done.stdout
    assert f"Make it anew: holdfast venv --clear {root}" in commands_of(done)
    assert "rename          of directories yes" in done.stdout
    assert done.stdout.endswith(f"Nothing can be installed into {root} now.\n")


def test_who_is_managed_by_the_system_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    from tests.support.installations import make_installation, manage  # noqa: PLC0415 - for this test alone

    installation = make_installation(str(tmp_path / "usr"))
    manage(installation.stdlib, "Use apt.")
    done = sandbox.run("doctor", installation.root).returned(3)
    assert "is managed by the operating system" in done.stdout
    sandbox.run("doctor", "--python", installation.python, "--break-system-packages").ok()


@pytest.mark.parametrize(
    ("mode", "umask", "expected"),
    [
        (0o755, 0o077, {"shared": False, "new_file": "0644", "new_program": "0755", "new_directory": "0755"}),
        (0o2775, 0o077, {"shared": True, "new_file": "0664", "new_program": "0775", "new_directory": "2775"}),
        (0o750, 0o002, {"shared": False, "new_file": "0640", "new_program": "0750", "new_directory": "0750"}),
    ],
)
def test_what_new_files_get_is_what_they_get(
    sandbox: Sandbox, tmp_path: Path, mode: int, umask: int, expected: Mapping[str, Any]
) -> None:
    """Whatever the umask; and an installation gives just that."""
    lib = tmp_path / "lib"
    lib.mkdir()
    lib.chmod(mode)
    wheel = build_wheel(pkg("alpha"), sandbox.cwd)
    before = os.umask(umask)
    try:
        found = sandbox.run("doctor", "--json", str(lib)).ok().json
        sandbox.run("install", "--target", str(lib), "--no-index", "--link-mode=copy", wheel).ok()
    finally:
        os.umask(before)
    rights = found["directories"][0]["rights"]
    assert {key: rights[key] for key in expected} == expected
    assert found["umask"] == f"{umask:04o}"
    assert f"{(lib / 'alpha').stat().st_mode & 0o7777:04o}" == rights["new_directory"]
    assert f"{(lib / 'alpha' / '__init__.py').stat().st_mode & 0o7777:04o}" == rights["new_file"]


@pytest.mark.parametrize(
    ("mode", "umask"),
    [
        (0o755, 0o077),
        (0o2755, 0o022),
        *(
            pytest.param(mode, umask, marks=pytest.mark.exhaustive)
            for mode in (0o755, 0o2755, 0o775, 0o2775, 0o700)
            for umask in (0o002, 0o022, 0o077)
        ),
    ],
)
def test_what_new_files_get_in_what_is_not_there_yet(sandbox: Sandbox, tmp_path: Path, mode: int, umask: int) -> None:
    """The rights of the directory that an installation makes, which the umask decides."""
    parent = tmp_path / "parent"
    parent.mkdir()
    parent.chmod(mode)
    new = parent / "new"
    wheel = build_wheel(pkg("alpha"), sandbox.cwd)
    before = os.umask(umask)
    try:
        rights = sandbox.run("doctor", "--json", str(new)).ok().json["directories"][0]["rights"]
        sandbox.run("install", "--target", str(new), "--no-index", "--link-mode=copy", wheel).ok()
    finally:
        os.umask(before)
    found = [f"{path.stat().st_mode & 0o7777:04o}" for path in (new / "alpha" / "__init__.py", new / "alpha")]
    assert [rights["new_file"], rights["new_directory"]] == found


def test_rights_that_will_hurt_are_remarked_on(sandbox: Sandbox, tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    lib.mkdir()
    for mode, text, command in (
        (0o2775, "", None),
        (0o775, "but not setgid", f"chmod g+s {lib}") if os.geteuid() == 0 else (0o2775, "", None),
        (0o757, "Everybody may change", f"chmod o-w {lib}"),
        (0o1777, "is sticky", f"holdfast install --target {lib}/DIR ..."),
    ):
        lib.chmod(mode)
        done = sandbox.run("doctor", "-q", str(lib)).ok()
        assert text in done.stdout
        assert commands_of(done) == ([command] if command else []), oct(mode)


def test_no_other_command_imports_it(sandbox: Sandbox) -> None:
    from tests.architecture.test_start_up import imported_by  # noqa: PLC0415 - for this test alone

    sandbox.venv  # noqa: B018 - made when it is looked at
    own = {
        "holdfast.cli.commands.doctor",
        "holdfast.commit.checkup",
        "holdfast.envlock.checkup",
        "holdfast.flows.doctor",
        "holdfast.flows.subject",
        "holdfast.model.diagnosis",
        "holdfast.report.diagnosis",
        "holdfast.report.diagnosis_json",
        "holdfast.stage.checkup",
        "holdfast.stage.tenants",
    }
    wheel = build_wheel(pkg("alpha"), sandbox.cwd)
    for line in (("install", "--no-index", wheel), ("list",), ("recover",), ("--help",)):
        assert not own & imported_by(*line, env=sandbox.env()), line
    assert own - {"holdfast.report.diagnosis_json"} <= imported_by("doctor", env=sandbox.env())


def test_json_is_one_value_on_exit_3_too(sandbox: Sandbox, tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    lib.mkdir()
    (lib / ".holdfast.lock").write_text("squatted")
    done = sandbox.run("doctor", "--json", str(lib)).returned(3)
    found = json.loads(done.stdout)
    assert found["outcome"] == "stopped"
    assert [remark["stops"] for remark in found["remarks"]] == [True]
    shutil.rmtree(sandbox.cwd)
    sandbox.run("doctor", str(lib), cwd=str(tmp_path)).returned(3)
