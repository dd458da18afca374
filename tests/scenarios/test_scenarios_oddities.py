"""Streams that are closed, directories that moved, environments that are half broken, words that are wrong."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping

import pytest

from tests.scenarios.world import World, told
from tests.support.environments import distributions, make_venv
from tests.support.index.behaviours import Body, Status
from tests.support.sandbox import Completed, command
from tests.support.sdists import SdistSpec, build_sdist
from tests.support.wheels import pkg


@pytest.fixture
def stocked(world: World) -> World:
    world.add(
        pkg("alpha", requires=("beta",), console_scripts={"alpha": "alpha:main"}),
        pkg("beta"),
        pkg("alpha", "2.0", requires=("beta",)),
    )
    return world


def shell(world: World, line: str) -> Completed:
    """A line of bash, with ``holdfast`` as a function."""
    script = f'holdfast() {{ {shlex.join(command())} "$@"; }}; {line}'
    done = subprocess.run(
        ["bash", "-c", script],
        env=world.sandbox.env(**world.from_index()),
        cwd=world.sandbox.cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Completed(args=(line,), returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_closed_streams_are_no_reason_to_fail(stocked: World, closed: str) -> None:
    done = shell(stocked, f"holdfast install alpha {closed}").ok()
    assert done.stderr.count("error") == 0
    stocked.assert_tidy()
    assert stocked.packages == {"alpha": "2.0", "beta": "1.0"}
    shell(stocked, f"holdfast uninstall alpha {closed}").ok()
    stocked.assert_tidy()


def test_a_result_that_cannot_be_written_is_an_error_after_the_work(stocked: World) -> None:
    done = shell(stocked, "holdfast install alpha >/dev/full").returned(1)
    assert "stdout" in done.stderr
    assert "Nothing was changed" not in done.stderr
    assert stocked.packages == {"alpha": "2.0", "beta": "1.0"}


def test_a_reader_that_has_enough_is_no_failure(stocked: World) -> None:
    done = shell(stocked, "holdfast config | head -1 | wc -l").ok()
    assert done.stdout.strip() == "1"
    assert done.stderr == ""


@pytest.mark.parametrize("where", ["/dev/stdout", "/dev/fd/1", ">(cat)"])
def test_a_report_may_go_to_a_pipe(stocked: World, where: str) -> None:
    done = shell(stocked, f"holdfast install -q --dry-run alpha --report {where} | cat").ok()
    assert json.loads(done.stdout)["version"] == "1"


def test_json_and_a_report_on_stdout_exclude_each_other(stocked: World) -> None:
    done = stocked.install("alpha", "--json", "--report", "-", code=2)
    assert "--report -" in done.json["error"]["cause"]


def test_requirements_may_come_through_a_pipe(stocked: World) -> None:
    shell(stocked, "echo alpha==1.0 | holdfast install -r /dev/stdin").ok()
    assert stocked.packages == {"alpha": "1.0", "beta": "1.0"}


def test_requirements_may_lie_on_a_server(stocked: World) -> None:
    stocked.index.on("/reqs.txt", Body(content=b"alpha\n-c limits.txt\n", media_type="text/plain"))
    stocked.index.on("/limits.txt", Body(content=b"alpha<2\n", media_type="text/plain"))
    stocked.install("-r", f"{stocked.index.root}/reqs.txt")
    assert stocked.packages == {"alpha": "1.0", "beta": "1.0"}
    told(stocked.install("-r", f"{stocked.index.root}/none.txt", code=2), cause="none.txt")
    stocked.index.on("/secret.txt", Status(code=403))
    told(stocked.install("-r", f"{stocked.index.root}/secret.txt", code=4), cause="forbids access")


@pytest.mark.parametrize("name", ["with space é", "long" * 40])
def test_an_environment_may_have_any_name(stocked: World, name: str) -> None:
    venv = make_venv(os.path.join(stocked.sandbox.root, name))
    here: Mapping[str, str | None] = {"VIRTUAL_ENV": venv.root}
    stocked.install("alpha==1.0", env=here)
    assert venv.script("alpha").stdout == "alpha 1.0\n"
    os.symlink(venv.root, os.path.join(stocked.sandbox.root, "link"))
    stocked.install("-U", "alpha", env={"VIRTUAL_ENV": os.path.join(stocked.sandbox.root, "link")})
    stocked.run("check", "--files", env=here)
    stocked.run("uninstall", "alpha", "beta", env=here)
    assert os.listdir(venv.site_packages) == []


def test_site_packages_may_be_a_symlink(stocked: World) -> None:
    venv = make_venv(os.path.join(stocked.sandbox.root, "linked"))
    elsewhere = os.path.join(stocked.sandbox.root, "elsewhere")
    os.rename(venv.site_packages, elsewhere)
    os.symlink(elsewhere, venv.site_packages)
    here: Mapping[str, str | None] = {"VIRTUAL_ENV": venv.root}
    stocked.install("alpha==1.0", env=here)
    stocked.install("-U", "alpha", env=here)
    assert distributions(elsewhere) == {"alpha": "2.0", "beta": "1.0"}
    stocked.run("uninstall", "alpha", "beta", env=here)
    assert os.listdir(elsewhere) == []
    assert os.path.islink(venv.site_packages)


def test_the_working_directory_may_be_gone(stocked: World) -> None:
    shell(stocked, "mkdir gone; cd gone; rmdir ../gone; holdfast install alpha").ok()
    assert stocked.packages == {"alpha": "2.0", "beta": "1.0"}


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("./project", "directory with sources"),
        ("project/", "directory with sources"),
        ("./gamma-1.0.tar.gz", "not a wheel"),
        ("git+https://example.org/gamma.git", "VCS repository"),
        ("gamma @ git+ssh://git@example.org/gamma.git@main", "VCS repository"),
    ],
)
def test_sources_are_refused_in_a_sentence(stocked: World, word: str, says: str) -> None:
    os.makedirs(os.path.join(stocked.sandbox.cwd, "project"))
    stocked.sandbox.write("project/pyproject.toml", '[project]\nname = "project"\nversion = "1"\n')
    build_sdist(SdistSpec(name="gamma", version="1.0"), stocked.sandbox.cwd)
    done = told(stocked.install(word, code=1), cause=says)
    assert "wheels only" in done.stderr


@pytest.mark.parametrize("word", ["", "*", "alpha=1.0", "alpha[x", "alpha>=1,<", "al\x1b[31mpha", "alpha; python"])
def test_a_word_that_is_no_requirement_is_shown_as_it_is(stocked: World, word: str) -> None:
    done = told(stocked.install(word, code=2), cause="is not a requirement")
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("option", ["--index-url", "--extra-index-url", "--find-links"])
def test_a_place_that_nothing_can_be_fetched_from_is_a_wrong_word(stocked: World, option: str) -> None:
    done = told(stocked.install(option, "ftp://me:s3cret@example.org/simple", "gamma", code=2), cause="ftp://")
    assert "s3cret" not in done.stderr
    assert "does not exist" not in done.stderr


def test_what_others_left_in_the_environment_does_not_stop_anybody(stocked: World) -> None:
    litter = {
        "broken-1.0.dist-info/RECORD": "",
        "~lpha/__init__.py": "",
        "~lpha-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: alpha\nVersion: 1.0\n",
        "legacy-1.0.egg-info/PKG-INFO": "Metadata-Version: 1.1\nName: legacy\nVersion: 1.0\n",
        "distutils_made-1.0.egg-info": "Metadata-Version: 1.1\nName: distutils-made\nVersion: 1.0\n",
        "distro-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: distro\nVersion: 1.0\n",
        "distro-1.0.dist-info/INSTALLER": "apt\n",
        "strange.dist-info/METADATA": "\x00\x01 no metadata at all",
        "easy-install.pth": "./somewhere\n",
        "editable.egg-link": "/src/editable\n.",
    }
    for path, content in litter.items():
        os.makedirs(os.path.dirname(stocked.path(path)), exist_ok=True)
        with open(stocked.path(path), "w", encoding="utf-8") as file:
            file.write(content)
    run, index = stocked.sandbox.run, stocked.from_index()
    run("install", "alpha", env=index).ok()
    listed = {each["name"] for each in run("list", "--json").ok().json}
    assert {"alpha", "beta", "legacy", "distutils-made", "distro"} <= listed
    run("check").ok()
    stocked.add(pkg("distro", "2.0"), pkg("legacy", "2.0"))
    for name in ("distro", "legacy"):
        done = told(run("install", "-U", name, env=index).returned(9), cause=f"belong to {name} 1.0")
        assert "RECORD" in done.stderr
        told(run("uninstall", name, env=index).returned(9), cause=f"belong to {name} 1.0")
    run("uninstall", "alpha", "beta").ok()
    for path, content in litter.items():
        with open(stocked.path(path), encoding="utf-8") as file:
            assert file.read() == content
