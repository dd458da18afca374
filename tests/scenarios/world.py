"""One environment, one index, and holdfast between them; whatever a command did, nothing else may have changed.

Most scenarios run the command in this process: the same words, the same door, without an interpreter's start for each.
`World.process` runs a real one, for what only a process shows.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from holdfast.cli.door import run_guarded
from tests.support.environments import installed, verify_record
from tests.support.index import Index
from tests.support.sandbox import Completed, Sandbox
from tests.support.trees import Snapshot, diff, snapshot
from tests.support.wheels import WheelSpec

FAILED = "failed. Nothing was changed."
_BEFORE = ("warning: ", "Resolved ", "Downloaded ", "Staged ")
"""How the lines begin that are said while the work goes on."""


def run_here(sandbox: Sandbox, *args: str, env: Mapping[str, str | None] | None = None) -> Completed:
    """Run holdfast's command door in this process, in the environment and directory that a process would have."""
    out, err = io.StringIO(), io.StringIO()
    with (
        _surroundings(sandbox.env(**(env or {})), sandbox.cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = run_guarded(args)
    return Completed(args=("holdfast", *args), returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


@contextlib.contextmanager
def _surroundings(environ: Mapping[str, str], cwd: str) -> Iterator[None]:
    kept, where, remembered = dict(os.environ), os.getcwd(), tempfile.tempdir
    handlers = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    os.environ.clear()
    os.environ.update(environ)
    tempfile.tempdir = None
    os.chdir(cwd)
    try:
        yield
    finally:
        os.chdir(where)
        os.environ.clear()
        os.environ.update(kept)
        tempfile.tempdir = remembered
        for signum, handler in handlers.items():
            signal.signal(signum, handler)


@dataclass(slots=True, kw_only=True)
class World:
    """A sandbox whose commands look at one index.

    Args:
        sandbox: Holds everything.
        index: What ``install`` is told to use, unless a test names its own sources.
    """

    sandbox: Sandbox
    index: Index
    _bare: dict[str, Snapshot] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._bare[self.sandbox.venv.root] = snapshot(self.sandbox.venv.root)

    @property
    def packages(self) -> Mapping[str, str]:
        """What is installed: name to version."""
        return self.sandbox.venv.distributions

    @property
    def site(self) -> str:
        """The environment's site-packages."""
        return self.sandbox.venv.site_packages

    def path(self, *parts: str) -> str:
        """A path below site-packages."""
        return os.path.join(self.site, *parts)

    def add(self, *specs: WheelSpec) -> None:
        """Put wheels on the index."""
        self.index.add(*specs)

    def install(
        self, *args: str, code: int = 0, made: tuple[str, ...] = (), env: Mapping[str, str | None] | None = None
    ) -> Completed:
        """``install`` from the index; few and short repetitions, so that servers that fail do not take long."""
        return self.run("install", "--retries=1", *args, code=code, made=made, env=self.from_index(env))

    def from_index(self, env: Mapping[str, str | None] | None = None) -> dict[str, str | None]:
        """The variable that names the index; a test's own go before it."""
        return {"HOLDFAST_INDEX_URL": self.index.url, **(env or {})}

    def run(
        self, *args: str, code: int = 0, made: tuple[str, ...] = (), env: Mapping[str, str | None] | None = None
    ) -> Completed:
        """Run a command in this process; fail unless it ends with `code` and leaves what it should.

        Args:
            args: After ``holdfast``.
            code: The expected exit code; other than 0: nothing may have changed.
            made: Files in the working directory that it should make.
            env: Added to the environment, None removes.
        """
        return self._watched(lambda: run_here(self.sandbox, *args, env=env), code, made)

    def process(
        self, *args: str, code: int = 0, made: tuple[str, ...] = (), env: Mapping[str, str | None] | None = None
    ) -> Completed:
        """As `run`, in a process of its own."""
        return self._watched(lambda: self.sandbox.run(*args, env=self.from_index(env)), code, made)

    def _watched(self, work: Callable[[], Completed], code: int, made: tuple[str, ...]) -> Completed:
        before = snapshot(self.sandbox.venv.root)
        box = self.sandbox
        around = {path: snapshot(path) for path in (box.tmp, box.home, box.cwd, box.config)}
        done = work().returned(code)
        assert "Traceback" not in done.stdout
        for path, was in around.items():
            left = diff(was, snapshot(path)).without(*(made if path == box.cwd else ()))
            assert not left, f"{' '.join(done.args)} changed {path}: {left}"
        if code:
            changed = diff(before, snapshot(box.venv.root))
            assert not changed, f"{' '.join(done.args)} failed and changed the environment: {changed}"
        else:
            self.assert_tidy()
        return done

    def assert_tidy(self) -> None:
        """The environment is what it was when it was made, and exactly what the RECORDs list."""
        root = self.sandbox.venv.root
        assert verify_record(self.site) == ()
        owned = {os.path.relpath(path, root) for each in installed(self.site) for path in each.files}
        parents = {parent for path in owned for parent in _parents(path)}
        left = diff(self._bare[root], snapshot(root))
        assert not left.removed, f"gone: {left.removed}"
        stray = [path for path in left.added if path not in owned and path not in parents]
        assert not stray, f"nobody's: {stray}"
        assert not left.changed, f"changed: {left.changed}"

    def settle(self, *paths: str) -> None:
        """Take files that a test has put there (absolute paths) for what was there from the beginning."""
        root = self.sandbox.venv.root
        ours = {os.path.relpath(path, root) for path in paths}
        ours |= {parent for path in ours for parent in _parents(path)}
        now = snapshot(root)
        self._bare[root] = {**self._bare[root], **{path: now[path] for path in ours}}


def told(done: Completed, *, cause: str = "", hint: str = "") -> Completed:
    """Fail unless the words are promise P9's: outcome with state, cause, and one thing to type if there is one.

    Args:
        done: A command that failed.
        cause: Must stand after the first line.
        hint: Must stand in the last line.
    """
    lines = [line for line in done.stderr.splitlines() if not line.startswith(_BEFORE)]
    assert lines, done
    assert lines[0].startswith("error: "), done.stderr
    assert lines[0].endswith(FAILED), done.stderr
    assert len(lines) > 1, f"no cause: {done.stderr}"
    assert cause in " ".join(lines[1:]), done.stderr
    tries = [line for line in lines if line.startswith("Try: ")]
    assert len(tries) <= 1, done.stderr
    assert not tries or lines[-1] == tries[0], done.stderr
    if hint:
        assert tries, f"nothing to type: {done.stderr}"
        assert hint in tries[0], done.stderr
    assert "Traceback" not in done.stderr
    return done


def _parents(path: str) -> Iterator[str]:
    while path := os.path.dirname(path):
        yield path
