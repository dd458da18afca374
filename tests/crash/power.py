"""A command on a disk that loses its power: recorded once, judged at every moment.

`lose_power` does all of it in a process with a mount namespace of its own: what is mounted there is nobody else's, and
is gone with it. (Who else makes a namespace takes copies of all mounts that he sees with him, and keeps them in use.)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from tests.crash.power_cases import CASES, FRESH, Case, specs
from tests.support.blocks.images import BTRFS, EXT4, XFS, Image, Kind, recorded
from tests.support.blocks.log import Entry
from tests.support.blocks.states import Loss, Moment, Replay, moments
from tests.support.environments import unowned, verify_record
from tests.support.faulty_main import ROOT
from tests.support.sandbox import Completed, Sandbox
from tests.support.timed_main import Skips, Timed, run_timed
from tests.support.trees import Snapshot, diff, snapshot
from tests.support.wheels import build_wheel

_SKIPPED, _WRONG = 77, 78
"""Exit codes."""
_STORE = "store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One recorded run.

    Attributes:
        published: When the journal came.
        unlinking: When the journal was about to be unlinked; before that the environment is OLD.
        settled: When that was synced; from then on it is NEW.
    """

    logs: tuple[tuple[Entry, ...], ...]
    published: int
    unlinking: int
    settled: int

    def moments(self, limit: int) -> tuple[Moment, ...]:
        """So many, evenly spread, two of three after the journal came, and always the last one, after the end."""
        every = moments(self.logs)
        late = [each for each in every if each.until > self.published]
        early = every[: len(every) - len(late)]
        return (*_spread(early, limit // 3), *_spread(late, limit - min(limit // 3, len(early))))


class Bench:
    """Disks with an environment, its store, and everything else that the command writes."""

    def __init__(self, root: str, kind: Kind, case: Case) -> None:
        self.case = case
        self._root = root
        self._place = os.path.join(root, "disk")
        self._wheels = os.path.join(root, "wheels")
        for spec in specs():
            build_wheel(spec, self._wheels)
        self._bases = [Image.make(os.path.join(root, "base"), kind, self._place)]
        with self._bases[0].mounted(options="rw"):
            self.box = Sandbox(root=os.path.join(self._place, "box"))
            self.venv = self.box.venv
            if case.apart:
                self._bases.append(Image.make(os.path.join(root, "base-bin"), kind, self.venv.bin))
                kept = os.path.join(root, "bin")
                shutil.copytree(self.venv.bin, kept, symlinks=True)
                with self._bases[1].mounted(options="rw"):
                    shutil.copytree(kept, self.venv.bin, symlinks=True, dirs_exist_ok=True)
        with self._mounted(self._bases):
            for command in case.before:
                self.run(*command).ok()
            self.old = self._seen()
            if case.interrupted:
                self._interrupt(case.interrupted)
        with self._mounted([image.copy(f"{image.path}.new") for image in self._bases]):
            self.run(*case.command).ok()
            self.new = self._seen()

    def run(self, *command: str) -> Completed:
        """One command."""
        return self.box.run(*self._words(*command))

    def record(self, *options: str, skips: Skips = Skips.NOTHING, flush: bool = False) -> Run:
        """Run the case's command on recorded disks.

        Args:
            options: Of the command, besides.
            skips: Syncs that are left out.
            flush: Sync the root of the disk in the end, as anybody may who works there.
        """
        report = os.path.join(self._root, "report")
        with ExitStack() as stack:
            images = [image.copy(f"{image.path}.recorded") for image in self._bases]
            recordings = [stack.enter_context(recorded(image)) for image in images]
            done, timed = run_timed(self.box, *self._words(*self.case.command), *options, report=report, skips=skips)
            done.ok()
            assert self._seen() == self.new
            if flush:
                _sync(self._place)
            logs = tuple(recording.entries() for recording in recordings)
        gone = next(n for n, each in enumerate(timed) if each.call.name == "unlink" and _is_journal(each))
        came = (each.began for each in timed if each.call.name == "rename" and each.call.paths[1].endswith("/journal"))
        return Run(logs=logs, published=next(came, 0), unlinking=timed[gone].began, settled=_synced(timed[gone:]))

    def judge(self, run: Run, wanted: Sequence[Moment]) -> dict[str, int]:
        """Lose the power at each of these moments, and look what comes of it; how often it was OLD, NEW, journalled."""
        counts = {"old": 0, "new": 0, "journalled": 0}
        replays = [Replay(log, image, f"{image.path}.lost") for log, image in zip(run.logs, self._bases, strict=True)]
        for n, moment in enumerate(wanted):
            images = [
                replay.at(count, moment.loss, f"{moment} {disk}")
                for disk, (replay, count) in enumerate(zip(replays, moment.counts, strict=True))
            ]
            try:
                with self._mounted(images):
                    self._judge(run, moment, counts, again=n % 2 == 0)
            except AssertionError as error:
                error.add_note(f"{self.case.name}, {moment}")
                raise
            finally:
                for image in images:
                    os.unlink(image.path)
        return counts

    def heal(self, *options: str) -> int:
        """Lose what was not synced, and install into another environment; how many files of the store were lost."""
        run = self.record(*options, flush=True)
        moment = run.moments(1)[-1]
        (log,), (base,) = run.logs, self._bases
        with Replay(log, base, f"{base.path}.lost").at(moment.counts[0], Loss.ALL, "").mounted():
            lost = [path for path in self._stored("long.py") if os.path.getsize(path) == 0]
            other = self.box.make_venv("other")
            self.run(*self.case.command, "--python", other.python).ok()
            assert verify_record(other.site_packages) == ()
            assert other.distributions == {"alpha": "2.0", "beta": "2.0"}
            assert all(map(os.path.getsize, self._stored("long.py")))
        return len(lost)

    def _stored(self, name: str) -> list[str]:
        return [os.path.join(at, name) for at, _, names in os.walk(self.box.cache) if name in names]

    def _judge(self, run: Run, moment: Moment, counts: dict[str, int], *, again: bool) -> None:
        counts["journalled"] += self._is_journalled()
        self._tidied("recover")
        found = self._seen()
        allowed = {"old": self.old, "new": self.new}
        if moment.since < run.unlinking:
            assert found == self.old, diff(self.old, found)
        if moment.until > run.settled:
            assert found == self.new, diff(self.new, found)
        (state,) = [name for name, each in allowed.items() if found == each][:1] or [""]
        assert state, [diff(each, found) for each in allowed.values()]
        counts[state] += 1
        self._assert_whole()
        if again:
            self._tidied(*self.case.command)
            found = self._seen()
            assert found == self.new, diff(self.new, found)
            self._assert_whole()

    def _tidied(self, *command: str) -> None:
        """Run a command; where litter stays because its owner's name was lost, another one an hour later."""
        self.run(*command).ok()
        if left := [path for path in self._seen() if "/.holdfast" in f"/{path}"]:
            long_ago = time.time() - 2 * 3600
            for path in left:
                os.utime(os.path.join(self.venv.root, path), (long_ago, long_ago), follow_symlinks=False)
            self.run("recover").ok()

    def _interrupt(self, command: tuple[str, ...]) -> None:
        line = [sys.executable, "-m", "tests.support.faulty_main", "journal+9", "before", "SIGKILL", "holdfast"]
        done = subprocess.run(
            [*line, *self._words(*command)], env=self.box.env(PYTHONPATH=ROOT), cwd=self.box.cwd, check=False
        )
        assert done.returncode == -9, done
        assert self._is_journalled()

    def _assert_whole(self) -> None:
        assert verify_record(self.venv.site_packages) == ()
        assert unowned(self.venv.site_packages) == ()
        for path in (self.box.tmp, self.box.cwd, self.box.home, self.box.config):
            assert os.listdir(path) == []

    def _words(self, *command: str) -> tuple[str, ...]:
        return (*command, "--no-index", "--find-links", self._wheels) if command[0] == "install" else command

    def _seen(self) -> Snapshot:
        found = snapshot(self.venv.root)
        return {path: entry for path, entry in found.items() if path.split("/")[:2] != ["bin", "lost+found"]}

    def _is_journalled(self) -> bool:
        site = self.venv.site_packages
        return any(os.path.lexists(os.path.join(site, name, "journal")) for name in os.listdir(site))

    @contextmanager
    def _mounted(self, images: Sequence[Image]) -> Iterator[None]:
        with ExitStack() as stack:
            for image in images:
                stack.enter_context(image.mounted())
            yield


def _sync(directory: str) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _spread(of: Sequence[Moment], limit: int) -> tuple[Moment, ...]:
    """At most so many, the last one among them."""
    count = min(limit, len(of))
    return tuple(of[-1 - n * len(of) // count] for n in reversed(range(count)))


def _is_journal(timed: Timed) -> bool:
    """Or what a fence renamed it to."""
    return os.path.basename(timed.call.paths[0]).startswith("journal")


def _synced(after: Sequence[Timed]) -> int:
    """When the directory of the journal was synced after it; if it never was, when the process had ended."""
    return next((each.ended for each in after if each.call.name == "fsync"), after[-1].ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one case.

    Attributes:
        old: Moments that ended OLD.
        new: Moments that ended NEW.
        journalled: Moments at which a journal was found.
        wrong: Why one was neither, or not the one that was promised; empty if none.
    """

    old: int = 0
    new: int = 0
    journalled: int = 0
    wrong: str = ""


def lose_power(
    root: str, kind: Kind, case: Case, *, limit: int, skips: Skips = Skips.NOTHING, options: Sequence[str] = ()
) -> Outcome:
    """Record a case, and lose the power at so many moments of it, evenly spread; skips what the machine cannot.

    Args:
        root: An empty directory.
        kind: Of file system.
        case: What is done.
        limit: Of moments; the last one, after the command's end, is always among them.
        skips: Syncs that are left out.
        options: Further ones of the command.
    """
    done = _alone(root, kind.name, case.name, str(limit), skips, *options)
    if done.returncode == _WRONG:
        return Outcome(wrong=done.stdout)
    old, new, journalled = map(int, done.stdout.split())
    return Outcome(old=old, new=new, journalled=journalled)


def lose_what_the_store_holds(root: str, kind: Kind) -> bool:
    """Install without syncing, lose the power, and install from that store into another environment, which is judged.

    Returns:
        Whether anything was lost that matters.
    """
    done = _alone(root, kind.name, FRESH.name, _STORE, Skips.NOTHING, "--no-fsync")
    assert done.returncode == 0, done
    return bool(int(done.stdout))


def _alone(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `main` in a mount namespace of its own."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root mounts, with util-linux")
    line = ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", "tests.crash.power", *words]
    env = {**os.environ, "PYTHONPATH": ROOT}
    done = subprocess.run(line, env=env, capture_output=True, text=True, check=False)
    if done.returncode == _SKIPPED or done.stderr.startswith("unshare:"):
        pytest.skip(done.stdout.strip() or done.stderr.strip())
    assert done.returncode in {0, _WRONG}, done.stderr
    return done


def main() -> int:
    """What runs in a mount namespace of its own."""
    root, kind, case, limit, skips, *options = sys.argv[1:]
    try:
        bench = Bench(
            root,
            next(each for each in (EXT4, XFS, BTRFS) if each.name == kind),
            next(each for each in CASES if each.name == case),
        )
        if limit == _STORE:
            sys.stdout.write(str(bench.heal(*options)))
            return 0
        run = bench.record(*options, skips=Skips(skips))
        counts = bench.judge(run, run.moments(int(limit)))
    except pytest.skip.Exception as reason:
        sys.stdout.write(str(reason))
        return _SKIPPED
    except AssertionError as error:
        sys.stdout.write("\n".join([str(error), *getattr(error, "__notes__", ())]))
        return _WRONG
    sys.stdout.write(" ".join(map(str, counts.values())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
