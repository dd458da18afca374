"""The cases of `real_cases`, stopped where the kernel is asked to change a file; and the verdicts, counted."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from dataclasses import dataclass, fields

from tests.crash.real_cases import Bench, Case, copy_tree
from tests.support.faulty_disk import Call
from tests.support.kernel import Kernel, Stop, Traced
from tests.support.sandbox import Completed, command

_ID = re.compile(rb"[0-9a-f]{32}")
_OWN = re.compile(r"/(owner|journal|[0-9a-f]{32})$")


@dataclass(slots=True)
class Tally:
    """What became of the points of one case.

    Attributes:
        points: Where the process was struck.
        old: It left the environment as it was.
        new: It left it as asked.
        journalled: It left a journal that leads back.
        states: Different disks among them, from each of which every way on was tried.
        healed: Ways on that ended as they must: all that were tried.
        left: Files that stayed where none may.
    """

    points: int = 0
    old: int = 0
    new: int = 0
    journalled: int = 0
    states: int = 0
    healed: int = 0
    left: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{each.name} {getattr(self, each.name)}" for each in fields(self))


class KernelBench(Bench):
    """The environment of one case, whose commands run in a nursery."""

    def __init__(self, root: str, case: Case, kernel: Kernel) -> None:
        self.kernel = kernel
        self.made: tuple[tuple[str, ...], ...] = ()
        super().__init__(root, case)

    def run(self, *words: str) -> Completed:
        """One real process, unharmed."""
        return self.kernel.run(self.box, *self.arguments(words))

    def count(self, words: tuple[str, ...]) -> tuple[Call, ...]:
        """The kernel counts instead: `made`. What lies outside of the sandbox is not touched."""
        traced = self.kernel.trace(self.box, *self.arguments(words))
        traced.done.ok()
        assert traced.outside == ()
        self.made = traced.calls
        self.fresh()
        return ()

    def struck(self, stop: Stop, *, syncing: bool = False, executed: bool = False) -> Traced:
        """The case's command on a fresh OLD, struck; from the interpreter's start on if `executed`."""
        self.fresh()
        words = self.arguments(self.case.command)
        argv = command(*words) if executed else ()
        return self.kernel.trace(self.box, *words, stop=stop, syncing=syncing, argv=argv)

    def verdict(self) -> str:
        """``journalled``, ``new`` or ``old``; fails for anything else."""
        if self.is_unsettled():
            return "journalled"
        bare = self.without_litter()
        if bare == self.new:
            return "new"
        assert bare == self.old
        return "old"

    def fingerprint(self) -> str:
        """The same for two disks on which the same happened, though ids, times and inodes differ."""
        lines = []
        for root in (self.venv.root, self.box.tmp, self.box.cache):
            for parent, directories, names in os.walk(root):
                for name in (*directories, *names):
                    path = os.path.join(parent, name)
                    lines.append(f"{os.path.relpath(path, root)} {_looks(path)}".encode())
        return hashlib.sha256(b"\n".join(sorted(_ID.sub(b"ID", line) for line in lines))).hexdigest()

    def _interrupt(self) -> None:
        words = self.arguments(self.case.interrupted)
        aside = os.path.join(self.box.root, "aside")
        for _ in ("cold", "warm"):
            shutil.rmtree(aside, ignore_errors=True)
            copy_tree(self.venv.root, aside)
            calls = self.kernel.trace(self.box, *words).calls
            shutil.rmtree(self.venv.root)
            os.rename(aside, self.venv.root)
        about = [n for n, call in enumerate(calls) if call[-1].endswith("/journal")]
        done = self.kernel.trace(self.box, *words, stop=Stop(n=(about[0] + about[-1]) // 2)).done
        assert done.returncode == -9, done
        assert self.is_unsettled()


def _looks(path: str) -> str:
    """What matters of one path: kind, rights, how many names it has, content unless it names a process."""
    status = os.lstat(path)
    kind = f"{stat.S_IFMT(status.st_mode):o} {stat.S_IMODE(status.st_mode):o}"
    if stat.S_ISLNK(status.st_mode):
        return f"{kind} {os.readlink(path)}"
    if not stat.S_ISREG(status.st_mode):
        return kind
    if "/.holdfast" in path and _OWN.search(path):
        return f"{kind} {min(status.st_size, 1)}"
    with open(path, "rb") as file:
        return f"{kind} {status.st_nlink} {hashlib.sha256(file.read()).hexdigest()}"
