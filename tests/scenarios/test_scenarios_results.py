"""What a command says: results on stdout, prose on stderr, reports, JSON, exit codes."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.scenarios.world import World
from tests.support.peers import Peer
from tests.support.trees import snapshot
from tests.support.wheels import pkg


@pytest.fixture
def stocked(world: World) -> World:
    """``alpha`` with its extra, and what they require, are on the index."""
    world.add(
        pkg("alpha", requires=("beta>=1", "gamma; extra == 'x'"), requires_python=">=3.8", extras=("x",)),
        pkg("beta"),
        pkg("gamma"),
    )
    return world


def test_a_dry_run_says_what_would_be_and_changes_nothing(stocked: World) -> None:
    before = snapshot(stocked.sandbox.venv.root)
    done = stocked.install("--dry-run", "alpha")
    assert done.stdout == "Would install alpha-1.0 beta-1.0\n"
    assert snapshot(stocked.sandbox.venv.root) == before
    assert not stocked.index.asked("/files/*.whl"), "a dry run needs metadata only"


def test_check_is_ten_while_there_is_something_to_do_and_zero_after(stocked: World) -> None:
    stocked.install("--check", "alpha", code=10)
    stocked.install("alpha")
    stocked.install("--check", "alpha")
    stocked.add(pkg("alpha", "2.0"))
    stocked.install("--check", "alpha", "--no-cache")
    stocked.install("--check", "-U", "alpha", "--no-cache", code=10)
    stocked.run("uninstall", "--check", "alpha", code=10)
    stocked.run("uninstall", "--check", "nonesuch")
    assert stocked.packages == {"alpha": "1.0", "beta": "1.0"}


def test_json_says_what_was_done(stocked: World) -> None:
    result = stocked.install("--json", "alpha").json
    assert result["outcome"] == "changed"
    assert result["actions"] == [
        {"action": "install", "name": "alpha", "version": "1.0"},
        {"action": "install", "name": "beta", "version": "1.0"},
    ] or sorted(each["name"] for each in result["actions"]) == ["alpha", "beta"]
    assert result["target"]["purelib"] == stocked.site
    assert stocked.install("--json", "alpha").json["outcome"] == "unchanged"
    assert stocked.install("--json", "--dry-run", "--force-reinstall", "alpha").json["outcome"] == "would-change"
    removed = stocked.run("uninstall", "--json", "alpha").json
    assert removed["actions"] == [{"action": "remove", "name": "alpha", "version": None, "from": "1.0"}]


def test_json_comes_on_failure_too(stocked: World) -> None:
    failed = stocked.install("--json", "alpha", "beta>5", code=1)
    assert failed.json["outcome"] == "failed"
    assert failed.json["error"]["exit_code"] == 1
    assert failed.json["error"]["state"] == "Nothing was changed."
    assert "beta>5" in failed.json["error"]["cause"]
    assert failed.stderr.startswith("error: ")
    assert stocked.process("install", "--json", code=2).json["error"]["exit_code"] == 2


def test_a_report_goes_to_a_file_or_to_stdout_alone(stocked: World) -> None:
    done = stocked.install("alpha[x]", "--dry-run", "--report", "report.json", made=("report.json",))
    assert done.stdout.startswith("Would install")
    with open(os.path.join(stocked.sandbox.cwd, "report.json"), encoding="utf-8") as file:
        written = json.load(file)
    shown = stocked.install("alpha[x]", "--report", "-").json
    for report in (written, shown):
        assert report["version"] == "1"
        assert {item["metadata"]["name"]: item["requested"] for item in report["install"]} == {
            "alpha": True,
            "beta": False,
            "gamma": False,
        }
    nothing = stocked.install("alpha[x]", "--report", "-").json
    assert nothing["install"] == []


def test_a_report_that_cannot_be_written_does_not_hide_what_was_done(stocked: World) -> None:
    done = stocked.sandbox.run(
        "install", "alpha", "--report", "no/such/directory/r.json", env=stocked.from_index()
    ).returned(2)
    assert stocked.packages == {"alpha": "1.0", "beta": "1.0"}
    assert "Nothing was changed" not in done.stderr
    assert "no/such/directory/r.json" in done.stderr


def test_a_report_has_the_keys_and_the_values_of_pips(stocked: World, pip: Peer) -> None:
    if pip.version < (23, 0):
        pytest.skip(f"pip {pip.version} writes no report of version 1")
    (gamma,) = stocked.index.add(pkg("gamma", "1.1"))
    url = f"{stocked.index.file_url(gamma.filename)}#sha256={gamma.hashes['sha256']}"
    words = ["alpha[x]", f"gamma @ {url}", "--dry-run", "--report", "-"]
    ours = stocked.install(*words).json
    theirs = pip.run(stocked.sandbox, "install", "-q", "-i", stocked.index.url, "--no-cache-dir", *words).ok().json
    assert ours["version"] == theirs["version"]
    assert theirs.keys() <= ours.keys()
    assert theirs["environment"].keys() <= ours["environment"].keys()
    assert theirs["environment"] == {key: ours["environment"][key] for key in theirs["environment"]}
    by_name = [{item["metadata"]["name"]: item for item in report["install"]} for report in (ours, theirs)]
    assert by_name[0].keys() == by_name[1].keys()
    for name, their in by_name[1].items():
        our = by_name[0][name]
        assert _comparable(our) == _comparable(their), name


def _comparable(item: dict[str, Any]) -> dict[str, Any]:
    """An entry of a report; requirements without spaces, whose place is not said anywhere."""
    metadata = dict(item["metadata"])
    metadata["requires_dist"] = sorted(
        each.replace(" ", "").replace('"', "'") for each in metadata.get("requires_dist", ())
    )
    return {**item, "metadata": metadata}


def test_quiet_says_nothing_of_success_and_everything_of_failure(stocked: World) -> None:
    done = stocked.install("-q", "alpha")
    assert (done.stdout, done.stderr) == ("", "")
    failed = stocked.install("-q", "nonesuch", code=1)
    assert failed.stderr.startswith("error: install failed. Nothing was changed.\n")


def test_verbose_says_more(stocked: World) -> None:
    calm = stocked.install("--dry-run", "alpha").stderr
    assert len(stocked.install("-v", "alpha").stderr) > len(calm)


def test_nothing_but_results_goes_to_stdout(stocked: World) -> None:
    done = stocked.process("install", "alpha")
    assert done.stdout == "Successfully installed alpha-1.0 beta-1.0\n"
    assert "\x1b" not in done.stderr
    assert "\r" not in done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith(" + ")] == [" + alpha 1.0", " + beta 1.0"]
