"""An environment on a share, wheels for it, and what a node sees of it in the end."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass

from tests.support.cluster.machines import Cluster, Node
from tests.support.contenders import PROJECTS, project
from tests.support.environments import Venv, installed, make_venv, unowned, verify_record
from tests.support.wheels import build_wheel

MEMORY = 25.0
"""Seconds after which no client remembers what is not so any more (sshfs: 20 s, and 1 s in the kernel)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a node sees of the environment.

    Attributes:
        faults: Lines of RECORDs that are not so.
        unowned: Files that no RECORD lists.
        versions: Name and version of every dist-info.
        ours: Entries of holdfast's, in library directory and root.
        imported: Project to what its import says.
        scripts: Names in ``bin`` that end like those of our projects.
    """

    faults: list[str]
    unowned: list[str]
    versions: list[list[str]]
    ours: list[str]
    imported: dict[str, str]
    scripts: list[str]

    def judge(self) -> None:
        """One of each, all true, nothing else."""
        names = [name for name, _ in self.versions]
        assert (self.faults, self.unowned, self.ours) == ([], [], []), self
        assert sorted(names) == sorted(set(names)), self
        assert self.imported == {name: f"{version} {version}" for name, version in self.versions}, self
        assert sorted(self.scripts) == sorted(f"{name}-run" for name in names), self


def put_environment(made: Cluster, node: Node) -> None:
    """Make an environment on the share, and the wheels on the local disk, where every node looks for them."""
    wheels = os.path.join(made.root, "wheels")
    for name in PROJECTS:
        for version in ("1.0", "2.0"):
            build_wheel(project(name, version), wheels)
    for each in made.nodes:
        each.box.settings.update({"HOLDFAST_NO_INDEX": "1", "HOLDFAST_FIND_LINKS": wheels})
    template = os.path.join(made.root, "template")
    make_venv(node.venv)  # below the nodes' mounts, which are their own
    os.rename(node.venv, template)
    node.run("cp", "-dR", "--preserve=mode", template, node.venv)


def look(node: Node) -> View:
    """What a node sees now."""
    done = node.start_python("-m", __name__, node.venv).finish().ok()
    return View(**json.loads(done.stdout))


def judge(node: Node) -> View:
    """What a node sees once it remembers nothing; all must be well."""
    end = time.monotonic() + MEMORY
    while True:
        try:
            seen = look(node)
            seen.judge()
        except AssertionError:
            if time.monotonic() > end:
                raise
            time.sleep(1)
        else:
            return seen


def _look(root: str) -> None:
    venv = Venv(root=root, version=sys.version_info[:2])
    site = venv.site_packages
    found = [(each.name, each.version) for each in installed(site)]
    seen = {
        "faults": [str(each) for each in verify_record(site)],
        "unowned": list(unowned(site)),
        "versions": found,
        "ours": [name for place in (site, root) for name in os.listdir(place) if "holdfast" in name],
        "imported": {name: venv.imported(f"{name}.__version__, {name}.part", name) for name, _ in found},
        "scripts": [name for name in os.listdir(venv.bin) if name.endswith("-run")],
    }
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    _look(sys.argv[1])
