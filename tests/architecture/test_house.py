"""The house's rules hold for every module, and each rule is shown to fire."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture import house

RULES: tuple[Callable[[str, str], list[str]], ...] = (
    house.direction_violations,
    house.library_violations,
    house.purity_violations,
    house.mutation_violations,
    house.size_violations,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module_obeys(rule: Callable[[str, str], list[str]]) -> None:
    violations = [
        line for path in house.modules() for line in rule(house.name_of(path), path.read_text(encoding="utf-8"))
    ]
    assert not violations, "\n".join(violations)


def test_every_folder_of_the_package_is_a_room() -> None:
    folders = {path.name for path in house.SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == house.ROOMS


def test_there_is_something_to_check() -> None:
    assert len(house.modules()) > 50


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("resolve/solver.py", "from holdfast.index.finder import Finder\n"),
        ("commit/execute.py", "from holdfast.envlock.acquire import acquire\n"),
        ("commit/execute.py", "from holdfast import envlock\n"),
        ("model/plan.py", "import holdfast.disk\n"),
        ("disk/calls.py", "from holdfast.model.target import Target\n"),
        ("index/links.py", "from holdfast.store.pages import PageCache\n"),
        ("index/links.py", "from holdfast.resolve.source import PackageSource\n"),
        ("target/probe.py", "def f():\n    from holdfast.store import wheels\n"),
        ("flows/install.py", "from holdfast.cli.main import entry\n"),
        ("stage/area.py", "from .rights import mirror\n"),
    ],
)
def test_the_direction_rule_fires(module: str, text: str) -> None:
    assert house.direction_violations(module, text)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("flows/install.py", "from holdfast.commit.execute import execute\nfrom holdfast import disk\n"),
        ("commit/execute.py", "from holdfast.envlock.held import HeldLock\nfrom holdfast import disk\n"),
        ("index/finder.py", "from holdfast.resolve.source import PackageSource\n"),
        ("fetch/http.py", "from holdfast import __version__\n"),
    ],
)
def test_the_direction_rule_lets_the_arrows_pass(module: str, text: str) -> None:
    assert not house.direction_violations(module, text)


def test_the_library_rule_fires() -> None:
    assert house.library_violations("index/finder.py", "def f():\n    import httpx\n")
    assert not house.library_violations("fetch/http.py", "import httpx\n")


@pytest.mark.parametrize("text", ["import os\n", "from time import monotonic\n", "def f():\n    return open('x')\n"])
def test_the_purity_rule_fires(text: str) -> None:
    assert house.purity_violations("resolve/pubgrub.py", text)
    assert not house.purity_violations("stage/area.py", text)


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.rename(a, b)\n",
        "open(p, 'w')\n",
        "open(p, mode='ab')\n",
        "import shutil\nshutil.rmtree(p)\n",
        "from os import unlink\n",
    ],
)
def test_the_mutation_rule_fires(text: str) -> None:
    assert house.mutation_violations("commit/execute.py", text)
    assert not house.mutation_violations("disk/calls.py", text)


def test_reading_is_no_mutation() -> None:
    assert not house.mutation_violations("target/installed.py", "import os\nos.scandir(p)\nopen(p, 'rb')\n")


def test_the_size_rule_fires() -> None:
    assert house.size_violations("model/plan.py", "x = 1\n" * 301)


def test_the_pure_modules_exist() -> None:
    missing = [name for name in house.PURE if not (house.SOURCE / Path(name)).exists()]
    assert not missing
