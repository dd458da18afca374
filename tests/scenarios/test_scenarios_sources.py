"""Where packages come from: indexes, their order, find-links, formats."""

from __future__ import annotations

import os

import pytest

from tests.scenarios.world import World, told
from tests.support.index import Index
from tests.support.sdists import SdistSpec
from tests.support.wheels import build_wheel, pkg


@pytest.mark.parametrize("name", ["HOLDFAST_INDEX_URL", "PIP_INDEX_URL"])
def test_the_index_may_stand_in_the_environment(world: World, name: str) -> None:
    world.add(pkg("alpha"))
    world.run("install", "alpha", env={name: world.index.url})
    assert world.packages == {"alpha": "1.0"}


def test_the_command_line_goes_before_the_environment_and_that_before_pips(world: World) -> None:
    world.add(pkg("alpha"))
    nowhere = "http://127.0.0.1:9/simple"
    world.run("install", "-i", world.index.url, "alpha", env={"HOLDFAST_INDEX_URL": nowhere, "PIP_INDEX_URL": nowhere})
    world.run("install", "-U", "alpha", env={"HOLDFAST_INDEX_URL": world.index.url, "PIP_INDEX_URL": nowhere})


def test_the_first_index_that_has_a_name_wins_and_a_higher_version_elsewhere_is_told(world: World) -> None:
    world.add(pkg("alpha", "9.0"), pkg("beta", "1.0"))
    with Index() as private:
        private.add(pkg("alpha", "1.0"))
        done = world.install("--extra-index-url", private.url, "alpha", "beta")
        assert world.packages == {"alpha": "1.0", "beta": "1.0"}
        notice = next(line for line in done.stderr.splitlines() if "9.0" in line)
        assert "alpha" in notice
        assert "--index-strategy" in notice
        world.install("-U", "--extra-index-url", private.url, "--index-strategy=unsafe-best-match", "alpha")
        assert world.packages["alpha"] == "9.0"


def test_an_extra_index_that_cannot_be_reached_is_no_reason_to_take_the_other(world: World) -> None:
    world.add(pkg("alpha"))
    with Index() as private:
        gone = private.url
    done = told(world.install("--extra-index-url", gone, "alpha", code=4), cause="refused")
    assert "does not exist" not in done.stderr


def test_find_links_may_be_a_directory_a_file_or_a_page(world: World) -> None:
    wheels = os.path.join(world.sandbox.root, "wheels")
    build_wheel(pkg("alpha", requires=("beta",)), wheels)
    build_wheel(pkg("beta"), wheels)
    world.install("--no-index", "--find-links", wheels, "alpha")
    assert world.packages == {"alpha": "1.0", "beta": "1.0"}
    gamma = build_wheel(pkg("gamma"), world.sandbox.cwd)
    world.install("--no-index", "-f", os.path.basename(gamma), "gamma")
    world.add(pkg("delta"))
    world.install("--no-index", "--find-links", world.index.links_url, "delta")
    page = world.sandbox.write("page.html", '<a href="sub/epsilon-1.0-py3-none-any.whl">epsilon</a>')
    build_wheel(pkg("epsilon"), os.path.join(world.sandbox.cwd, "sub"))
    world.install("--no-index", "--find-links", page, "epsilon")
    assert set(world.packages) == {"alpha", "beta", "gamma", "delta", "epsilon"}
    assert not world.index.asked("/simple/*")


def test_find_links_and_index_are_one_choice(world: World) -> None:
    wheels = os.path.join(world.sandbox.root, "wheels")
    build_wheel(pkg("alpha", "2.0"), wheels)
    build_wheel(pkg("beta", "0.5"), wheels)
    world.add(pkg("alpha", "1.0"), pkg("beta", "1.0"))
    world.install("-f", wheels, "alpha", "beta")
    assert world.packages == {"alpha": "2.0", "beta": "1.0"}


def test_a_find_links_directory_that_is_not_there_is_named(world: World) -> None:
    done = world.install("--no-index", "--find-links", "no-such-directory", "alpha", code=1)
    assert "no-such-directory" in done.stderr
    told(done, cause="alpha")


def test_without_any_place_to_look_that_is_what_is_said(world: World) -> None:
    told(world.install("--no-index", "alpha", code=1), cause="no index", hint="--find-links")
    assert not world.index.requests


def test_no_binary_refuses_wheels_and_says_that_this_option_did_it(world: World) -> None:
    world.add(pkg("alpha"), pkg("beta"))
    told(world.install("--no-binary", "alpha", "alpha", code=1), cause="--no-binary")
    told(world.install("--no-binary=:all:", "--only-binary=beta", "alpha", code=1), cause="--no-binary")
    world.install("--no-binary=:all:", "--only-binary=beta", "beta")
    assert world.packages == {"beta": "1.0"}


def test_only_binary_passes_sdists_over(world: World) -> None:
    world.add(pkg("alpha", "1.0"))
    world.index.add(SdistSpec(name="alpha", version="2.0"))
    world.install("--only-binary=:all:", "alpha")
    assert world.packages == {"alpha": "1.0"}


def test_credentials_in_the_index_url_are_used_and_never_shown(world: World) -> None:
    with Index(auth=("me", "s3cret/word")) as private:
        private.add(pkg("alpha"))
        url = private.url_as("me", "s3cret/word")
        done = world.process("install", "-v", "-i", url, "alpha", "--report", "-")
        assert world.packages == {"alpha": "1.0"}
        spoken = [done.stdout + done.stderr]
        for words in (["install", "-v", "-i", url, "nonesuch"], ["install", "--json", "-i", url, "nonesuch"]):
            failed = world.run(*words, code=1)
            spoken.append(failed.stdout + failed.stderr)
        wrong = private.url_as("me", "wr0ng/word")
        failed = world.run("install", "-v", "--no-cache", "-i", wrong, "beta", code=4)
        spoken.append(failed.stdout + failed.stderr)
        spoken.append(world.run("config", env={"HOLDFAST_INDEX_URL": url, "PIP_EXTRA_INDEX_URL": url}).stdout)
        for text in spoken:
            for secret in ("s3cret", "wr0ng", "word"):
                assert secret not in text.replace("/wordy", ""), text


def test_credentials_of_netrc_are_used(world: World) -> None:
    with Index(auth=("me", "s3cret")) as private:
        private.add(pkg("alpha"))
        netrc = os.path.join(world.sandbox.root, "netrc")
        with open(netrc, "w", encoding="utf-8") as file:
            file.write("machine 127.0.0.1\n login me\n password s3cret\n")
        os.chmod(netrc, 0o600)
        world.run("install", "-i", private.url, "alpha", env={"NETRC": netrc})
        assert world.packages == {"alpha": "1.0"}


def test_offline_takes_what_the_cache_has_and_names_what_it_lacks(world: World) -> None:
    world.add(pkg("alpha"), pkg("beta"))
    world.install("alpha")
    world.run("uninstall", "alpha")
    world.index.forget()
    world.install("--offline", "alpha")
    assert world.packages == {"alpha": "1.0"}
    done = told(world.install("--offline", "beta", code=4), cause="--offline")
    assert "does not exist" not in done.stderr
    assert not world.index.requests
