"""Targets below a directory of the test, and how an installation in one is held against pip's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.interpreters import this_interpreter
from tests.support.peers import Peer
from tests.support.sandbox import Sandbox
from tests.support.trees import Entry, snapshot
from tests.support.wheels import WheelSpec, build_wheel

MINOR = this_interpreter().minor
SAYS = "import sys\nfrom everything import main\nsys.exit(main())\n"


def everything(version: str, **data: str) -> WheelSpec:
    """A wheel with a part for every directory of the scheme."""
    return WheelSpec(
        name="everything",
        version=version,
        files={
            "everything/__init__.py": f"def main():\n    print('everything {version}')\n",
            "everything/deep/er/part.txt": "a part\n",
            f"only_{version.replace('.', '_')}.py": "",
        },
        data={
            "purelib/pure_part.py": "PURE = True\n",
            "platlib/plat_part.py": "PLAT = True\n",
            "scripts/every-python": "#!python\n" + SAYS,
            "scripts/every-pythonw": "#!pythonw -E\n" + SAYS,
            "scripts/every-shell": "#!/bin/sh\necho shell\n",
            "headers/every.h": "#define EVERY 1\n",
            "data/share/every/data.txt": "data\n",
            "data/etc/every.conf": "conf\n",
            **data,
        },
        console_scripts={"every": "everything:main"},
        gui_scripts={"every-gui": "everything:main"},
    )


HEADERS = ((), ("python",), (f"python{MINOR}",), ("site",), ("site", f"python{MINOR}"))
"""Below ``include``: a project's headers lie in a directory of its own in one of them."""

NATIVE = WheelSpec(
    name="native",
    version="1.0",
    files={"native/__init__.py": "", "native/data.so": b"\x7fELF"},
    root_is_purelib=False,
    console_scripts={"native": "native:main"},
)


def build_links(directory: str) -> str:
    """A directory of wheels."""
    for spec in (everything("1.0"), everything("2.0", **{"data/share/every/more.txt": "more\n"}), NATIVE):
        build_wheel(spec, directory)
    return directory


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A target below a directory of its own.

    Args:
        base: Everything lies below.
        args: That name it.
        python: Whose target it is.
        site: Where its packages go.
        scripts: Where its scripts go.
        env: That names it.
        peer: What pip, which is told the Python, is told besides.
        cwd: Where the command runs; "": in the sandbox's.
    """

    base: str
    args: tuple[str, ...]
    python: str
    site: str
    scripts: str
    env: Mapping[str, str | None] = field(default_factory=dict)
    peer: tuple[str, ...] = ()
    cwd: str = ""

    @property
    def importing(self) -> dict[str, str]:
        """For a run of its scripts."""
        return {"PATH": os.environ["PATH"], "PYTHONPATH": self.site, "PYTHONDONTWRITEBYTECODE": "1"}


def made_of(place: Place) -> set[str]:
    """The directories of the scheme, and what leads to them: they stay, as with pip."""
    above = os.path.dirname(place.scripts)
    parents = {above, os.path.dirname(above), place.site}  # Debian's headers lie beside ``local``
    headers = {os.path.join(parent, "include", *below) for parent in parents for below in HEADERS}
    return headers | {str(each) for path in (place.site, place.scripts) for each in (Path(path), *Path(path).parents)}


def said(place: Place, script: str) -> str:
    done = subprocess.run(
        [os.path.join(place.scripts, script)],
        env=place.importing,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def base_of(tmp_path: Path, name: str) -> str:
    path = os.path.realpath(tmp_path / name)
    os.makedirs(path)
    return path


def install(sandbox: Sandbox, place: Place, links: str, *args: str) -> None:
    line = ("install", *place.args, "--no-index", "--find-links", links, "--no-compile-bytecode", *args)
    sandbox.run(*line, env=place.env, cwd=place.cwd or None).ok()


def files(base: str) -> dict[str, Entry]:
    """What is no directory, bytecode apart; where a path repeats the base (``--root``), it says BASE."""
    return {
        path.replace(base.lstrip("/"), "BASE"): entry
        for path, entry in snapshot(base).items()
        if entry.kind != "dir" and not path.endswith(".pyc") and ".rustup" not in path  # pip asks rustc for its version
    }


def first_line(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.readline().rstrip("\n")


def assert_as_pip_does(ours: Place, theirs: Place, sandbox: Sandbox, links: str, pip: Peer) -> None:
    """Install into both, by holdfast and by pip, and compare place, rights and content of every file."""
    bare = files(theirs.base)
    install(sandbox, ours, links, "everything==1.0", "native")
    line = [*pip.command, "--python", theirs.python, "--no-input", "--disable-pip-version-check", "install"]
    line += [*theirs.peer, "--no-index", "--find-links", links, "--no-compile", "--ignore-installed"]
    line += ["everything==1.0", "native"]
    done = subprocess.run(
        line, env=sandbox.env(**theirs.env), cwd=sandbox.cwd, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found, wanted = files(ours.base), files(theirs.base)
    assert found.keys() == wanted.keys()
    new = wanted.keys() - bare.keys()
    assert any(path.endswith("/every.conf") for path in new)
    for path in new:
        if os.path.basename(path) in {"INSTALLER", "RECORD"}:
            continue
        assert (found[path].mode & 0o111) == (wanted[path].mode & 0o111), path
        name = os.path.basename(path)
        if os.path.dirname(path).endswith("bin"):
            mine, other = (first_line(os.path.join(place.scripts, name)) for place in (ours, theirs))
            assert mine.replace(ours.base, "BASE") == other.replace(theirs.base, "BASE"), path
        else:
            assert found[path].content == wanted[path].content, path
