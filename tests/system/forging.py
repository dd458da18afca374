"""What a member of a group plants in a directory that root works in, and canaries that must not notice.

Everything is planted by root and given to the attacker, as if he had made it: which files he could make himself depends
on the machine's ``fs.protected_*``, and holdfast must not.
"""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from holdfast.cli.main import main
from holdfast.disk import boot_id, pid_namespace, remove_tree
from tests.support.sandbox import Completed, Sandbox
from tests.support.users import User

ID = "0123456789abcdef" * 2
OTHER = "fedcba9876543210" * 2
SECRET = "the-secret-of-root"
GIGABYTE = 1 << 30
PATIENCE = 30


def dead_pid() -> int:
    """A process that has ended."""
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def record(**changes: object) -> bytes:
    """An owner's record of this boot that names a dead process."""
    whole = {
        "id": ID,
        "pid": dead_pid(),
        "pid_namespace": pid_namespace(),
        "boot": boot_id(),
        "started": 1,
        "uid": 0,
        "mode": "flock",
        "counter": 0,
        "host": "somewhere",
        "user": "somebody",
        "command": "install something",
        "since": 0.0,
        "schemes": [],
    }
    return json.dumps(whole | changes).encode()


def journal(*steps: list[Any], **changes: object) -> bytes:
    """A journal of version 1 whose steps' projects are its own, so that they would be taken back."""
    whole: dict[str, Any] = {
        "journal": 1,
        "id": ID,
        "rooms": [["purelib", "platlib", "scripts", "headers", "data"]],
        "names": ["forged"],
        "projects": [],
        "steps": list(steps),
    }
    return json.dumps(whole | changes).encode()


def sparse(path: str, size: int = GIGABYTE) -> None:
    """A file of this length that takes no room."""
    with open(path, "wb") as file:
        file.truncate(size)


@dataclass(frozen=True, slots=True)
class Canary:
    """One path as it was; times of access are nobody's business."""

    mode: int
    uid: int
    gid: int
    inode: int
    mtime_ns: int
    content: bytes | str | tuple[str, ...]


def seen(path: str) -> Canary:
    """What lies at a path."""
    status = os.lstat(path)
    content: bytes | str | tuple[str, ...] = ""
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            content = file.read()
    elif stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    elif stat.S_ISDIR(status.st_mode):
        content = tuple(sorted(os.listdir(path)))
    return Canary(status.st_mode, status.st_uid, status.st_gid, status.st_ino, status.st_mtime_ns, content)


@dataclass(frozen=True, slots=True)
class Canaries:
    """Root's files outside of every scheme, with the names that holdfast gives to its own."""

    root: str
    before: dict[str, Canary] = field(default_factory=dict)

    def plant(self) -> None:
        """Lay them down and remember them."""
        for below in ("", "private/", f"{OTHER}/", "lock/", "new/", "old/", "taken/", f"taken/{ID}/"):
            os.makedirs(os.path.join(self.root, below), mode=0o755, exist_ok=True)
            names = ("file", "owner", "journal", "done", "broken", "0", "1", "forged.py", ".lock", "RECORD", "lock.txt")
            for name in names:
                self._file(f"{below}{name}")
        os.chmod(os.path.join(self.root, "private"), 0o700)
        os.symlink("file", os.path.join(self.root, "link"))
        for parent, directories, files in os.walk(self.root):
            for name in (".", *directories, *files):
                path = os.path.join(parent, name)
                os.utime(path, (1e9, 1e9), follow_symlinks=False)
        self.remember()

    def remember(self) -> None:
        """They are as they should be now."""
        for parent, directories, files in os.walk(self.root):
            for name in (".", *directories, *files):
                path = os.path.join(parent, name)
                self.before[path] = seen(path)

    def _file(self, name: str) -> None:
        path = os.path.join(self.root, name)
        if not os.path.lexists(path):
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"{SECRET}\n")
            os.chmod(path, 0o600)

    def assert_untouched(self) -> None:
        """Every one is what it was, and nothing has come."""
        assert {path: seen(path) for path in self.before if os.path.lexists(path)} == self.before


@dataclass(frozen=True, slots=True)
class Scene:
    """An environment whose site-packages a group may write, and root's canaries beside it.

    Args:
        box: Root's.
        attacker: In the group.
        canaries: Outside of the schemes.
        wheels: Has ``good`` 1.0.
    """

    box: Sandbox
    attacker: User
    canaries: Canaries
    wheels: str

    @property
    def site(self) -> str:
        """Site-packages."""
        return self.box.venv.site_packages

    @property
    def left(self) -> str:
        """The forged transaction directory."""
        return os.path.join(self.site, f".holdfast-{ID}")

    def give(self, *paths: str) -> None:
        """These, or everything in site-packages, and all below them, are the attacker's."""
        for path in paths or tuple(os.path.join(self.site, name) for name in os.listdir(self.site)):
            os.lchown(path, self.attacker.uid, self.attacker.gid)
            if os.path.isdir(path) and not os.path.islink(path):
                for parent, directories, files in os.walk(path):
                    for name in (*directories, *files):
                        os.lchown(os.path.join(parent, name), self.attacker.uid, self.attacker.gid)

    def clear(self) -> None:
        """Take away everything that was planted and installed."""
        for name in os.listdir(self.site):
            remove_tree(os.path.join(self.site, name))

    def forge(self, *, owner: bytes | None = None, journal: bytes | None = None) -> str:
        """A transaction directory with this in it; its path."""
        for name in ("new", "old"):
            os.makedirs(os.path.join(self.left, name))
        for name, content in (("owner", record() if owner is None else owner), ("journal", journal)):
            if content is not None:
                with open(os.path.join(self.left, name), "wb") as file:
                    file.write(content)
        return self.left

    def run(self, *args: str, env: Mapping[str, str | None] | None = None, patience: int = PATIENCE) -> Completed:
        """Root's command, in this process."""
        environment = self.box.env(**(env or {}))
        kept, here = dict(os.environ), os.getcwd()
        out, err = io.StringIO(), io.StringIO()
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(self.box.cwd)
        try:
            with in_time(patience), redirect_stdout(out), redirect_stderr(err):
                code = main(list(args))
        finally:
            os.chdir(here)
            os.environ.clear()
            os.environ.update(kept)
        return Completed(args=args, returncode=code, stdout=out.getvalue(), stderr=err.getvalue())

    def install(self, *args: str) -> Completed:
        """Root installs ``good``."""
        return self.run("install", "good", *args, "--no-index", "--find-links", self.wheels, "--lock-timeout=0")

    def assert_harmless(self, *done: Completed) -> None:
        """Nothing outside was touched, or came into any output; nobody was told a traceback."""
        self.canaries.assert_untouched()
        for each in done:
            said = each.stdout + each.stderr
            assert SECRET not in said
            assert "Traceback" not in said
            assert "\x1b" not in said
            assert len(said) < 10_000


@contextmanager
def in_time(seconds: int = PATIENCE) -> Iterator[None]:
    """A block that is not blocked for ever."""

    def late(_signum: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"blocked for {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def cost_of(work: Callable[[], object]) -> tuple[int, float]:
    """Bytes of memory that a child process needs at most, beyond what it begins with, and its seconds of computing."""
    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        code = 1
        try:
            before = resource.getrusage(resource.RUSAGE_SELF)
            work()
            after = resource.getrusage(resource.RUSAGE_SELF)
            memory = (after.ru_maxrss - before.ru_maxrss) * 1024
            os.write(
                writing, f"{memory} {after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}".encode()
            )
            code = 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    os.close(writing)
    said = os.read(reading, 100)
    os.close(reading)
    assert os.waitpid(pid, 0)[1] == 0
    taken, spent = said.split()
    return int(taken), float(spent)
