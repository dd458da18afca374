"""Images that are built for real, by podman: Debian, in it holdfast, in it what a Dockerfile says.

Everything that podman keeps lies in a directory of its own, and its mounts in a mount namespace of their own. ``RUN``
works in a chroot with the machine's network (``--isolation=chroot --network=host``): nothing is run as a container.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.support.environments import distributions, installed, verify_record
from tests.support.mounts import Mounts, private_mounts
from tests.support.sandbox import Completed
from tests.support.trees import Snapshot, diff, snapshot
from tests.support.wheelhouse import make_wheelhouse
from tests.system.test_system_debian import TARBALL, fresh_debian

TOOL = """
FROM localhost/debian
RUN python3 -m venv /opt/holdfast \\
 && /opt/holdfast/bin/pip install --no-cache-dir --no-index --find-links /wheelhouse holdfast \\
 && ln -s /opt/holdfast/bin/holdfast /usr/local/bin/holdfast \\
 && useradd --create-home --uid 1001 ubuntu && rm -rf /var/log/* && mkdir -p /links /out
"""
"""holdfast as an image has it: in an environment of its own. (Debian's Python refuses ``--system``: PEP 668.)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Podman:
    """One store of images.

    Args:
        home: Holds it.
        driver: ``overlay`` or ``vfs``.
        mounts: In which podman runs.
    """

    home: str
    driver: str
    mounts: Mounts

    def run(self, *args: str) -> Completed:
        """Run podman."""
        line = [*self.mounts.enter, "podman", "--root", f"{self.home}/store", "--runroot", f"{self.home}/run"]
        line += ["--tmpdir", f"{self.home}/tmp", "--storage-driver", self.driver, "--cgroup-manager", "cgroupfs", *args]
        environment = {"PATH": os.environ["PATH"], "HOME": self.home, "TMPDIR": f"{self.home}/tmp"}
        done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=900)
        return Completed(args=tuple(line), returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def build(
        self, tag: str, dockerfile: str, context: Mapping[str, str] | None = None, *, links: str = "", out: str = ""
    ) -> Completed:
        """Build ``localhost/TAG``.

        Args:
            tag: Its name.
            dockerfile: Text.
            context: Path in the build context -> the file or directory that is put there.
            links: A directory that is ``/links`` in every ``RUN``; ``/wheelhouse`` has holdfast's own wheels.
            out: A directory that is ``/out``, and may be written.
        """
        place = tempfile.mkdtemp(prefix=f"{tag}-", dir=self.home)
        for path, source in (context or {}).items():
            target = os.path.join(place, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, target)
        with open(f"{place}/Dockerfile", "w", encoding="utf-8") as file:
            file.write(dockerfile)
        seen = ((f"{self.home}/wheelhouse", "wheelhouse:ro"), (links, "links:ro"), (out, "out:rw"))
        volumes = [f"--volume={source}:/{name}" for source, name in seen if source]
        return self.run("build", "--isolation=chroot", "--network=host", "--no-cache", *volumes, "-t", tag, place)

    @contextmanager
    def mounted(self, tag: str) -> Iterator[str]:
        """Where the files of an image can be looked at."""
        path = self.run("image", "mount", f"localhost/{tag}").ok().stdout.strip()
        try:
            yield self.mounts.seen(path)
        finally:
            self.run("image", "unmount", f"localhost/{tag}")

    def files(self, tag: str) -> Snapshot:
        """Everything in an image."""
        with self.mounted(tag) as root:
            return snapshot(root)


@contextmanager
def podman(driver: str) -> Iterator[Podman]:
    """A store with ``debian`` and ``tool`` in it; skips where this machine has none, or no such driver."""
    for word in ("podman", "tar"):
        if shutil.which(word) is None:
            pytest.skip(f"{word} is not here")
    with short_directory() as home, private_mounts(seconds=3600) as mounts:
        made = Podman(home=home, driver=driver, mounts=mounts)
        os.makedirs(f"{home}/tmp")
        make_wheelhouse(f"{home}/wheelhouse")
        info = made.run("info")
        if info.returncode != 0:
            pytest.skip(f"podman has no {driver} here: {info.stderr.strip()}")
        made.run("import", "-q", debian_tarball(home), "localhost/debian").ok()
        made.build("tool", TOOL).ok()
        yield made


@contextmanager
def short_directory() -> Iterator[str]:
    """podman wants a path of at most 50 characters. Nothing of these hundreds of megabytes is kept."""
    path = tempfile.mkdtemp(prefix="holdfast-images-", dir="/tmp")
    try:
        yield path
    finally:
        shutil.rmtree(path)  # the mounts in it are gone with their namespace


def debian_tarball(home: str) -> str:
    """A fresh Debian as one file."""
    kept = os.environ.get(TARBALL)
    if kept and os.path.exists(kept):
        return kept
    if shutil.which("debootstrap") is None:
        pytest.skip("debootstrap is not here")
    path, root = f"{home}/debian.tar", fresh_debian(home)
    subprocess.run(["tar", "-C", root, "-cf", path, "."], check=True, timeout=300)
    shutil.rmtree(root)
    return path


def packages(root: str, site: str = "usr/local/lib/python3.11/dist-packages") -> dict[str, str]:
    """What is installed in an image, every RECORD true."""
    place = os.path.join(root, site)
    assert verify_record(place) == ()
    return dict(distributions(place))


def assert_only_records(
    images: Podman, before: str, after: str, site: str = "usr/local/lib/python3.11/dist-packages"
) -> None:
    """Fail unless two images differ by what RECORDs list, and by the directories that lead to it."""
    change = diff(images.files(before), images.files(after))
    with images.mounted(before) as root:
        old = _listed(root, site)
    with images.mounted(after) as root:
        new = _listed(root, site)
        files = {path for path in change.added if not os.path.isdir(os.path.join(root, path))}
        directories = set(change.added) - files
    assert files == new - old, f"not what RECORDs list: {sorted(files ^ (new - old))}"
    idle = directories - {parent for path in new for parent in _parents(path)}
    assert not idle, f"directories for nothing: {sorted(idle)}"
    with images.mounted(before) as root:
        gone = {path for path in change.removed if not os.path.isdir(os.path.join(root, path))}
    assert gone == old - new, f"not what RECORDs listed: {sorted(gone ^ (old - new))}"
    changed = set(change.changed) - (old & new)
    assert not changed, f"changed: {sorted(changed)}"


def _listed(root: str, site: str) -> set[str]:
    place = os.path.join(root, site)
    found = (path for each in installed(place) for path in each.files) if os.path.isdir(place) else ()
    return {os.path.relpath(path, root) for path in found}


def _parents(path: str) -> Iterator[str]:
    while path := os.path.dirname(path):
        yield path
