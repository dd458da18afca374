"""Issue 4, item 12: upgrading in an image what a lower layer installed, with ``--system`` and in an environment.

All of it is exhaustive: a base image alone takes most of a minute. What an overlay does to an upgrade runs every time,
on mounts of the tests' own (``test_overlay_*``).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.crash.real_cases import specs
from tests.support.trees import diff
from tests.support.wheels import build_wheel
from tests.system.images import Podman, assert_only_records, packages, podman

pytestmark = pytest.mark.exhaustive

SYSTEM = "holdfast install --system --break-system-packages --no-cache-dir --no-index --find-links /links"
FIRST = f"""
FROM localhost/tool
RUN {SYSTEM} alpha==1.0 beta==1.0
"""
SECOND = f"""
FROM localhost/first
RUN {SYSTEM} --json alpha==2.0 beta==2.0 > /out/upgrade.json
"""
FRESH = f"""
FROM localhost/tool
RUN {SYSTEM} alpha==2.0 beta==2.0
"""
REMOVED = """
FROM localhost/first
RUN holdfast uninstall --system --break-system-packages --no-cache-dir -y alpha beta
"""
REFUSED = """
FROM localhost/tool
RUN holdfast install --system --no-cache-dir --no-index --find-links /links beta
"""


@pytest.fixture
def links(tmp_path: Path) -> str:
    path = str(tmp_path / "links")
    for spec in specs():
        build_wheel(spec, path)
    return path


@pytest.fixture
def out(tmp_path: Path) -> str:
    path = str(tmp_path / "out")
    os.mkdir(path)
    return path


def upgrade(images: Podman, links: str, out: str) -> int:
    """Install in one layer, upgrade in the next, and hold it against an installation in one; the files that it cost."""
    images.build("first", FIRST, links=links).ok()
    images.build("second", SECOND, links=links, out=out).ok()
    images.build("fresh", FRESH, links=links).ok()
    assert_only_records(images, "tool", "first")
    assert_only_records(images, "first", "second")
    one, other = images.files("fresh"), images.files("second")
    change = diff(one, other)
    bytecode = {path for path in change.changed if path.endswith(".pyc")}  # it has the time of its source
    assert set(change.changed) <= bytecode | {path for path in change.changed if path.endswith("/RECORD")}
    directories = {path for path in change.added if other[path].kind == "dir"}  # what a package leaves behind, empty
    assert set(change.added) <= directories
    assert change.removed == ()
    with images.mounted("second") as root:
        assert packages(root) == {"alpha": "2.0", "beta": "2.0"}
        assert [path for path in other if ".holdfast" in path] == []
        assert os.listdir(f"{root}/tmp") == []
    with open(f"{out}/upgrade.json", encoding="utf-8") as file:
        carried: int = json.load(file)["lock"]["carried"]
    return carried


def test_an_upgrade_of_a_lower_layer_in_podmans_overlay(images: Podman, links: str, out: str) -> None:
    assert upgrade(images, links, out) > 0


def test_an_upgrade_of_a_lower_layer_in_podmans_vfs(links: str, out: str) -> None:
    """There is no overlay, so nothing is moved one by one."""
    with podman("vfs") as images:
        assert upgrade(images, links, out) == 0


def test_a_removal_of_a_lower_layer_leaves_what_was_there_before(images: Podman, links: str) -> None:
    images.build("first", FIRST, links=links).ok()
    images.build("removed", REMOVED).ok()
    before, after = images.files("tool"), images.files("removed")
    change = diff(before, after)
    assert {path for path in change.added if after[path].kind != "dir"} == set()
    assert (change.removed, change.changed) == ((), ())


def test_debians_python_is_not_touched_without_being_told(images: Podman, links: str) -> None:
    """PEP 668: the distribution's text, and the option that says one knows."""
    done = images.build("refused", REFUSED, links=links)
    assert done.returncode != 0
    assert "apt install" in done.stderr + done.stdout
    assert "--break-system-packages" in done.stderr + done.stdout
