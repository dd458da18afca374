"""What cannot be, and what would harm: refused before anything changes, with who is to blame and the way past."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tests.scenarios.world import World, told
from tests.support.damage import (
    Damage,
    FilenameSays,
    Missing,
    NoMetadata,
    NoRecord,
    NoWheelFile,
    RottenBytes,
    SecondDistInfo,
    SymlinkEntry,
    Traversal,
    Truncated,
    Unlisted,
    WrongHash,
    WrongSize,
)
from tests.support.sandbox import Completed
from tests.support.wheels import WheelSpec, pkg


def first_of(done: Completed, word: str) -> int:
    """The number of the first line that holds a word."""
    return next(number for number, line in enumerate(done.stderr.splitlines()) if word in line)


def test_a_conflict_names_the_two_requirements_and_who_asks_for_them_first(world: World) -> None:
    world.add(
        pkg("alpha", requires=("gamma<2",)),
        pkg("beta", requires=("gamma>=2",)),
        pkg("gamma", "1.0"),
        pkg("gamma", "2.0"),
    )
    done = told(world.install("alpha", "beta", code=1), cause="gamma")
    cause = done.stderr.splitlines()[first_of(done, "error: ") + 1]
    for word in ("alpha", "beta", "gamma<2", "gamma>=2"):
        assert word in cause, done.stderr


def test_a_conflict_with_the_command_line_says_so(world: World) -> None:
    world.add(pkg("alpha", requires=("gamma<2",)), pkg("gamma", "1.0"), pkg("gamma", "2.0"))
    done = told(world.install("alpha", "gamma==2.0", code=1), cause="gamma==2.0")
    assert "alpha 1.0 requires gamma<2" in done.stderr or "alpha" in done.stderr
    assert "gamma<2" in done.stderr


def test_a_conflict_deep_below_says_who_brings_it_in(world: World) -> None:
    world.add(
        pkg("app", requires=("left", "right")),
        pkg("left", requires=("gamma<2",)),
        pkg("right", requires=("gamma>=2",)),
        pkg("gamma", "1.0"),
        pkg("gamma", "2.0"),
    )
    done = told(world.install("app", code=1), cause="gamma")
    for word in ("left", "right", "app"):
        assert word in done.stderr
    assert first_of(done, "left") <= first_of(done, "app")


def test_two_packages_that_exclude_each_other_in_every_release_are_an_answer_at_once(world: World) -> None:
    for number in range(1, 5):
        world.add(
            pkg("alpha", f"{number}.0", requires=(f"gamma=={number}.0",)),
            pkg("beta", f"{number}.0", requires=(f"gamma=={number}.5",)),
            pkg("gamma", f"{number}.0"),
            pkg("gamma", f"{number}.5"),
        )
    told(world.install("alpha", "beta", code=1), cause="gamma")


def test_the_derivation_is_there_with_verbose_only(world: World) -> None:
    world.add(pkg("alpha", requires=("gamma<2",)), pkg("beta", requires=("gamma>=2",)), pkg("gamma"))
    world.add(pkg("gamma", "2.0"))
    short = world.install("alpha", "beta", code=1).stderr
    long = world.install("-v", "alpha", "beta", code=1).stderr
    assert len(long.splitlines()) > len(short.splitlines())


def test_a_file_of_another_distribution_is_not_overwritten(world: World) -> None:
    world.add(pkg("alpha", files={"shared/tool.py": "WHO = 'alpha'\n"}))
    world.add(pkg("beta", files={"shared/tool.py": "WHO = 'beta'\n"}))
    world.install("alpha")
    done = told(world.install("beta", code=9), cause="alpha", hint="--allow-clash")
    assert "shared/tool.py" in done.stderr


def test_two_new_distributions_with_one_file_clash_too(world: World) -> None:
    world.add(pkg("alpha", files={"tool.py": "WHO = 'alpha'\n"}), pkg("beta", files={"tool.py": "WHO = 'beta'\n"}))
    done = told(world.install("alpha", "beta", code=9), cause="tool.py")
    assert "alpha" in done.stderr
    assert "beta" in done.stderr


def test_a_file_with_the_same_content_is_shared_until_its_last_owner_goes(world: World) -> None:
    world.add(pkg("alpha", files={"space/__init__.py": ""}), pkg("beta", files={"space/__init__.py": ""}))
    world.install("alpha")
    world.install("beta")
    world.run("uninstall", "alpha")
    assert os.path.exists(world.path("space", "__init__.py"))
    world.run("uninstall", "beta")
    assert os.listdir(world.site) == []


def test_a_requirement_that_would_newly_break_is_refused_and_allowed_by_name(world: World) -> None:
    world.add(pkg("alpha", requires=("beta<2",)), pkg("beta"), pkg("beta", "2.0"))
    world.install("alpha")
    done = told(world.install("beta==2.0", code=9), cause="alpha 1.0 requires beta<2", hint="--allow-breaking alpha")
    assert "beta" in done.stderr
    world.install("beta==2.0", "--allow-breaking", "alpha")
    assert world.packages == {"alpha": "1.0", "beta": "2.0"}
    assert world.run("check", code=1).stdout.startswith("alpha 1.0 requires beta<2")


def test_what_is_broken_already_stops_nobody(world: World) -> None:
    world.add(pkg("alpha", requires=("beta<2",)), pkg("beta", "2.0"), pkg("gamma"))
    world.install("alpha", "--no-deps")
    world.install("gamma")
    world.install("beta==2.0", "--allow-breaking=alpha")
    world.install("gamma", "--force-reinstall")
    assert set(world.packages) == {"alpha", "beta", "gamma"}


def test_a_file_that_nobody_owns_is_adopted_when_it_is_the_same(world: World) -> None:
    spec = pkg("alpha", files={"tool.py": "SAME = 1\n"})
    world.add(spec)
    with open(world.path("tool.py"), "w", encoding="utf-8") as file:
        file.write("SAME = 1\n")
    world.install("alpha")
    world.run("uninstall", "alpha")
    assert os.listdir(world.site) == []


def test_a_file_that_nobody_owns_is_not_overwritten_unless_that_is_said(world: World) -> None:
    world.add(pkg("alpha", files={"tool.py": "THEIRS = 1\n"}))
    mine = world.path("tool.py")
    with open(mine, "w", encoding="utf-8") as file:
        file.write("MINE = 1\n")
    done = told(world.install("alpha", code=9), cause="tool.py", hint="--replace-unowned")
    assert "alpha" in done.stderr
    with open(mine, encoding="utf-8") as file:
        assert file.read() == "MINE = 1\n"
    world.install("alpha", "--replace-unowned")
    with open(mine, encoding="utf-8") as file:
        assert file.read() == "THEIRS = 1\n"


def test_a_script_that_would_hide_the_interpreter_is_refused(world: World) -> None:
    world.add(pkg("alpha", console_scripts={"python": "alpha:main"}))
    done = told(world.install("alpha", code=9), cause="python")
    assert "alpha" in done.stderr


@pytest.mark.parametrize(
    "damage",
    [
        WrongHash(path="beta/__init__.py"),
        WrongSize(path="beta/__init__.py"),
        Unlisted(path="beta/extra.py"),
        Missing(path="beta/data.txt"),
        NoRecord(),
        NoMetadata(),
        NoWheelFile(),
        Truncated(),
        RottenBytes(path="beta/__init__.py"),
        Traversal(),
        SecondDistInfo(),
        FilenameSays(name="gamma"),
        FilenameSays(version="2.0"),
        SymlinkEntry(path="beta/link", to="/etc/passwd"),
    ],
    ids=lambda damage: type(damage).__name__,
)
def test_a_wheel_that_is_not_what_it_says_is_refused(world: World, damage: Damage) -> None:
    spec = WheelSpec(
        name="beta", version="1.0", files={"beta/__init__.py": "BETA = 1\n", "beta/data.txt": "1"}, damage=(damage,)
    )
    name = "gamma" if spec.filename.startswith("gamma") else "beta"
    world.add(pkg("alpha", requires=(name,)))
    file = world.index.add(spec)[0]
    world.index.list_file(replace(file, project=name))
    told(world.install("alpha", code=5), cause=spec.filename)


def test_an_old_wheel_with_a_bad_record_is_let_in_by_name(world: World) -> None:
    spec = WheelSpec(
        name="beta",
        version="1.0",
        files={"beta/__init__.py": "BETA = 1\n"},
        damage=(Unlisted(path="beta/extra.py"), WrongHash(path="beta/__init__.py")),
    )
    world.add(spec)
    told(world.install("beta", code=5), cause="RECORD", hint="--allow-bad-record beta")
    world.install("beta", "--allow-bad-record", "beta")
    assert os.path.exists(world.path("beta", "extra.py"))
    world.run("check", "--files")


def test_an_externally_managed_python_is_not_changed(world: World) -> None:
    world.add(pkg("alpha"))
    stdlib = os.path.join(os.path.dirname(world.site))
    marker = os.path.join(stdlib, "EXTERNALLY-MANAGED")
    with open(marker, "w", encoding="utf-8") as file:
        file.write("[externally-managed]\nError=Ask your distribution.\n")
    world.settle(marker)
    world.install("alpha")  # PEP 668 holds outside of virtual environments
    assert world.packages == {"alpha": "1.0"}


def test_require_virtualenv_refuses_everything_else(world: World) -> None:
    world.add(pkg("alpha"))
    where = os.path.join(world.sandbox.root, "elsewhere")
    bare = {"VIRTUAL_ENV": None}
    told(world.install("--require-virtualenv", "--prefix", where, "alpha", code=3, env=bare), hint="holdfast venv")
    told(world.install("--require-virtualenv", "--system", "alpha", code=3, env=bare), hint="holdfast venv")
    assert not os.path.exists(where)
