"""Real environments between OLD and NEW: what is killed or fails while real `holdfast` processes change them.

A `Case` is one command on one environment. `Bench` brings its environment back to OLD as often as wanted, runs the
command under a faulty disk, and judges what is left. Foreign files lie wherever the command works.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.archives import record_hash
from tests.support.environments import unowned, verify_record
from tests.support.faulty_disk import Call, Point
from tests.support.faulty_main import count_calls, run_faulty
from tests.support.sandbox import Completed, Sandbox
from tests.support.trees import Snapshot, diff, snapshot
from tests.support.wheels import WheelSpec, build_wheel, pkg

SHARED = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
FOREIGN = (
    "alpha/foreign.txt",
    "space/foreign.py",
    "solo/deep/foreign.txt",
    "../../../bin/foreign",
    "../../../share/alpha/foreign",
)
HEADERS = ("include/site", f"include/site/python{sys.version_info[0]}.{sys.version_info[1]}")
"""They stay, empty, when the last header goes while a dead command's attempt to rename to there still lies in them."""


def specs() -> tuple[WheelSpec, ...]:
    """Three projects in one namespace, in two versions that differ in every way; a simple one; one nobody needs."""
    alpha = {
        "1.0": {
            "alpha/kept.py": "1",
            "alpha/same.py": "",
            "alpha/gone.py": "",
            "turns.py": "1",
            "back/__init__.py": "1",
            "flat/one.txt": "1",
        },
        "2.0": {
            "alpha/kept.py": "2",
            "alpha/same.py": "",
            "alpha/new.py": "",
            "turns/__init__.py": "2",
            "back.py": "2",
            "flat": "a file",
        },
    }
    beta = {"1.0": {"solo/one.py": "1"}, "2.0": {"solo/one.py": "2", "solo/deep/two.py": ""}}
    editable = WheelSpec(
        name="alpha",
        version="0.9",
        files={"__editable__.alpha-0.9.pth": "/nowhere/project\n"},
        console_scripts={"alpha": "alpha:main"},
    )
    made = [editable]
    for version in ("1.0", "2.0"):
        made.append(
            WheelSpec(
                name="alpha",
                version=version,
                files={
                    "alpha/__init__.py": f'__version__ = "{version}"\ndef main(): print(__version__)\n',
                    "space/__init__.py": SHARED,
                    f"space/alpha{version[0]}.py": "",
                    **alpha[version],
                },
                requires=("beta",),
                console_scripts={"alpha": "alpha:main", f"alpha-{version[0]}": "alpha:main"},
                data={
                    "data/share/alpha/readme": version,
                    f"data/share/alpha/{version}": "",
                    "data/share/turns" if version == "2.0" else "data/share/turns/one": version,
                    "scripts/plain": f"#!python\n# {version}\n",
                    f"headers/alpha{version[0]}.h": version,
                },
            )
        )
        made.append(
            WheelSpec(
                name="beta",
                version=version,
                files={"space/__init__.py": SHARED, "space/beta.py": version, **beta[version]},
                data={"headers/beta.h": version},
            )
        )
        made.append(
            WheelSpec(
                name="gamma",
                version=version,
                files={"space/__init__.py": SHARED, f"space/gamma{version[0]}.py": version},
                console_scripts={"gamma": "space.gamma:main"},
            )
        )
        files = {"delta/kept.py": version, f"delta/only{version[0]}.py": "", "delta_module.py": version}
        made.append(pkg("delta", version, files=files, console_scripts={f"delta-{version[0]}": "delta:main"}))
    return (*made, pkg("other"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A command that leads from one state of an environment to another.

    Args:
        before: What leads to OLD, each a command.
        command: What leads to NEW.
        interrupted: A command that was killed in the middle before; `command` takes it back.
        prepare: What else is done to site-packages before.
    """

    name: str
    before: tuple[tuple[str, ...], ...] = ()
    command: tuple[str, ...]
    interrupted: tuple[str, ...] = ()
    prepare: Callable[[str], None] | None = None


def make_editable(site: str) -> None:
    """alpha 0.9 becomes an editable installation: its metadata say where its project is."""
    info = "alpha-0.9.dist-info"
    content = json.dumps({"url": "file:///nowhere/project", "dir_info": {"editable": True}})
    with open(os.path.join(site, info, "direct_url.json"), "w", encoding="utf-8") as file:
        file.write(content)
    with open(os.path.join(site, info, "RECORD"), "a", encoding="utf-8") as file:
        file.write(f"{info}/direct_url.json,{record_hash(content.encode())},{len(content)}\n")


ONES = ("install", "alpha==1.0", "beta==1.0")
TWOS = ("install", "alpha==2.0", "beta==2.0")
THREE = ("gamma==1.0", "alpha==1.0", "beta==1.0")
CASES = (
    Case(name="fresh", command=("install", "alpha")),
    Case(name="upgrade", before=(ONES,), command=TWOS),
    Case(name="bytecode", before=((*ONES, "--compile-bytecode"),), command=(*TWOS, "--compile-bytecode")),
    Case(name="copies", before=(ONES,), command=(*TWOS, "--link-mode=copy")),
    Case(name="reinstall", before=(ONES,), command=(*ONES, "--force-reinstall")),
    Case(name="uninstall", before=(ONES,), command=("uninstall", "alpha", "beta")),
    Case(name="recover", before=(ONES,), command=("recover",), interrupted=TWOS),
)
"""Those that every run takes a share of."""
MORE = (
    Case(name="downgrade", before=(TWOS,), command=ONES),
    Case(name="three", command=("install", *THREE)),
    Case(name="three-up", before=(("install", *THREE),), command=(*TWOS, "gamma==2.0")),
    Case(name="one-of-three", before=(("install", *THREE),), command=("uninstall", "gamma")),
    Case(name="editable", before=(("install", "alpha==0.9"),), command=TWOS, prepare=make_editable),
    Case(name="taken-over", before=(ONES,), command=TWOS, interrupted=TWOS),
    Case(name="taken-back", before=(TWOS,), command=("uninstall", "alpha", "beta"), interrupted=ONES),
)
"""Those that only the kernel's view goes through."""
SIMPLE = Case(
    name="simple", before=(("install", "delta==1.0", "gamma==1.0"),), command=("install", "delta==2.0", "gamma==2.0")
)
"""What pip and uv can do, too: uv cannot put a file where a directory was."""


class Bench:
    """The environment of one case."""

    def __init__(self, root: str, case: Case) -> None:
        self.case = case
        self.box = Sandbox(root=os.path.realpath(root))
        self.venv = self.box.venv
        self.wheels = os.path.join(self.box.root, "wheels")
        self._kept = os.path.join(self.box.root, "kept")
        self._cold = os.path.join(self.box.root, "cold")
        for spec in specs():
            build_wheel(spec, self.wheels)
        for command in case.before:
            self.run(*command).ok()
        if case.prepare:
            case.prepare(self.venv.site_packages)
        self._add_foreign()
        self.old = self.seen()
        if case.interrupted:
            self._interrupt()
        shutil.copytree(self.box.cache, self._cold)
        copy_tree(self.venv.root, self._kept)
        self.run(*case.command).ok()
        self.new = self.seen()
        self.run("install", "other").ok()
        self.new_other = self.seen()
        if case.command == ("recover",):
            assert self.old == self.new
        self.fresh()
        self.run("install", "other").ok()
        self.old_other = self.seen()
        self.fresh()
        self.calls = self.count(case.command)

    def count(self, words: tuple[str, ...]) -> tuple[Call, ...]:
        """The calls of a command that nothing stops."""
        return count_calls(self.box, *self.arguments(words))

    def arguments(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """The command with what it needs to find its wheels."""
        return (*words, "--no-index", "--find-links", self.wheels) if words[0] == "install" else words

    def run(self, *words: str) -> Completed:
        """One real process, unharmed."""
        return self.box.run(*self.arguments(words))

    def faulty(self, point: Point, fault: str) -> Completed:
        """The case's command on a fresh OLD, under a disk that stops at the point."""
        self.fresh()
        return run_faulty(self.box, *self.arguments(self.case.command), point=point, fault=fault)

    def fresh(self) -> None:
        """OLD again, and the store as it was then."""
        shutil.rmtree(self.venv.root)
        shutil.rmtree(self.box.cache)
        copy_tree(self._kept, self.venv.root)
        shutil.copytree(self._cold, self.box.cache)

    def seen(self) -> Snapshot:
        """The whole environment."""
        return snapshot(self.venv.root)

    def is_unsettled(self) -> bool:
        """Whether a journal waits for recovery, its own or one of a transaction that it took over."""
        site = self.venv.site_packages
        return any(
            name.startswith(".holdfast-") and os.path.lexists(os.path.join(site, name, each))
            for name in os.listdir(site)
            for each in ("journal", "taken")
        )

    def without_litter(self) -> Snapshot:
        """The environment but for what names its dead owner."""
        return {path: entry for path, entry in self.seen().items() if "/.holdfast" not in f"/{path}"}

    def assert_one_of(self, *states: Snapshot) -> None:
        """Fail unless the environment is exactly one of them, nothing else is left, and every RECORD is true."""
        found = self.seen()
        bare = {path: entry for path, entry in found.items() if path not in HEADERS}
        assert found in states or bare in states, [diff(state, found) for state in states]
        assert verify_record(self.venv.site_packages) == ()
        foreign = {os.path.normpath(path) for path in FOREIGN}
        assert {path for path in unowned(self.venv.site_packages) if path not in foreign} == set()
        for path in (self.box.tmp, self.box.cwd, self.box.home, self.box.config):
            assert os.listdir(path) == []

    def _add_foreign(self) -> None:
        for path in FOREIGN:
            full = os.path.join(self.venv.site_packages, path)
            if os.path.isdir(os.path.dirname(os.path.dirname(full))):
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as file:
                    file.write("mine\n")

    def _interrupt(self) -> None:
        """Kill the interrupted command in the middle of its steps."""
        line = self.arguments(self.case.interrupted)
        aside = os.path.join(self.box.root, "aside")
        for _ in ("cold", "warm"):
            shutil.rmtree(aside, ignore_errors=True)
            copy_tree(self.venv.root, aside)
            calls = count_calls(self.box, *line)
            shutil.rmtree(self.venv.root)
            os.rename(aside, self.venv.root)
        (published,) = (
            n for n, call in enumerate(calls) if call.name == "rename" and call.paths[1].endswith("/journal")
        )
        (gone,) = (n for n, call in enumerate(calls) if call.name == "unlink" and call.paths[0].endswith("/journal"))
        done = run_faulty(self.box, *line, point=Point(n=(published + gone) // 2))
        assert done.returncode == -9, done
        assert self.is_unsettled()


@dataclass(slots=True)
class Copies:
    """A damaged environment, as often as it is to be settled in different ways; the first time it is itself."""

    bench: Bench
    _kept: list[str] = field(default_factory=list)

    def keep(self, count: int) -> None:
        """Make so many copies."""
        for n in range(count):
            path = os.path.join(self.bench.box.root, f"copy-{n}")
            shutil.rmtree(path, ignore_errors=True)
            copy_tree(self.bench.venv.root, path)
            self._kept.append(path)

    def next(self) -> None:
        """Put the next copy in place."""
        shutil.rmtree(self.bench.venv.root)
        os.rename(self._kept.pop(), self.bench.venv.root)


def copy_tree(source: str, to: str) -> None:
    """With hard links, times and rights, as a crashed disk would have them."""
    subprocess.run(["cp", "-a", source, to], check=True)
