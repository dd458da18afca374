"""Real users of this machine, in one group and outside of it, and a holdfast that each of them can execute.

The tests' own Python may lie where only root comes (below ``/root``), so holdfast and what it needs are copied, once
per session, into an environment of an interpreter that everybody may execute.
"""

from __future__ import annotations

import fcntl
import functools
import importlib.metadata
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from packaging.requirements import Requirement

import holdfast
from tests.support.environments import Venv, make_venv
from tests.support.interpreters import Interpreter, interpreters
from tests.support.sandbox import Completed, is_dirty

NOBODY = 65534
NEEDED = (3, 11)


class CannotError(Exception):
    """What this machine lacks, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody in ``/etc/passwd``, with a home of his own; all share one sticky temporary directory."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str
    tmp: str
    bin: str

    def env(self, **more: str | None) -> dict[str, str]:
        """A clean environment as after a login; ``more`` adds, and None removes."""
        clean = {name: value for name, value in os.environ.items() if not is_dirty(name)}
        clean |= {
            "HOME": self.home,
            "USER": self.name,
            "LOGNAME": self.name,
            "TMPDIR": self.tmp,
            "PATH": f"{self.bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PIP_CONFIG_FILE": os.devnull,
            "LC_ALL": "C.UTF-8",
        }
        clean |= {name: value for name, value in more.items() if value is not None}
        return {name: value for name, value in clean.items() if more.get(name, "") is not None}

    def popen(
        self, *args: str, env: Mapping[str, str | None] | None = None, cwd: str | None = None, umask: int = 0o022
    ) -> subprocess.Popen[str]:
        """Start a command as this user, with his groups and umask; in his home unless told otherwise."""
        return subprocess.Popen(
            args,
            env=self.env(**(env or {})),
            cwd=cwd or self.home,
            user=self.uid,
            group=self.gid,
            extra_groups=self.groups,
            umask=umask,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self,
        *args: str,
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
        umask: int = 0o022,
        timeout: float = 120,
    ) -> Completed:
        """Run a command as this user to its end (see `popen`)."""
        with self.popen(*args, env=env, cwd=cwd, umask=umask) as process:
            try:
                stdout, stderr = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Completed(args=args, returncode=process.returncode, stdout=stdout, stderr=stderr)

    def holdfast(
        self,
        *args: str,
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
        umask: int = 0o022,
        timeout: float = 120,
    ) -> Completed:
        """Run holdfast as this user (see `popen`)."""
        return self.run(f"{self.bin}/holdfast", *args, env=env, cwd=cwd, umask=umask, timeout=timeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """``a`` and ``b`` are in the group, ``c`` is not; ``root`` is root.

    Attributes:
        group: Its name; ``gid``: its number.
        holdfast: The environment that holds the product, executable by all, writable by root.
        interpreter: Outside of any environment, executable by all: environments of the tests are made of it.
    """

    a: User
    b: User
    c: User
    root: User
    group: str
    gid: int
    holdfast: Venv
    interpreter: Interpreter


@contextmanager
def public_directory() -> Iterator[str]:
    """A directory of root's, mode 0755, that everybody reaches; it goes with all that is in it."""
    path = tempfile.mkdtemp(prefix="holdfast-tests-", dir="/tmp")
    try:
        os.chmod(path, 0o755)
        yield path
    finally:
        shutil.rmtree(path)


@contextmanager
def people(directory: str) -> Iterator[People]:
    """Make them, their homes and their holdfast in ``directory``, and remove the accounts again.

    Raises:
        CannotError: The machine has no such thing.
    """
    if os.geteuid() != 0:
        raise CannotError("only root makes users")
    if shutil.which("useradd", path=_SBIN) is None:
        raise CannotError("useradd is not here")
    interpreter = everybodys_interpreter()
    installation = make_venv(os.path.join(directory, "holdfast"), interpreter)
    _install_product(installation)
    tmp = os.path.join(directory, "tmp")
    os.mkdir(tmp)
    os.chmod(tmp, 0o777 | stat.S_ISVTX)
    stem = f"hf{os.getpid()}"
    group = f"{stem}g"
    names = [f"{stem}{letter}" for letter in "abc"]
    try:
        _account("groupadd", group)
        gid = _number("group", group)
        users = []
        for name in names:
            home = os.path.join(directory, name)
            member = ["-G", group] if name != names[2] else []
            _account("useradd", "-U", "-m", "-d", home, "-s", "/bin/sh", *member, name)
            os.chmod(home, 0o755)
            uid = _number("passwd", name)
            groups = (gid,) if member else ()
            own = _number("group", name)
            users.append(User(name=name, uid=uid, gid=own, groups=groups, home=home, tmp=tmp, bin=installation.bin))
        home = os.path.join(directory, "root")
        os.mkdir(home, 0o700)
        root = User(name="root", uid=0, gid=0, groups=(0,), home=home, tmp=tmp, bin=installation.bin)
        a, b, c = users
        yield People(a=a, b=b, c=c, root=root, group=group, gid=gid, holdfast=installation, interpreter=interpreter)
    finally:
        for name in names:
            _account("userdel", name, check=False)
            _account("groupdel", name, check=False)
        _account("groupdel", group, check=False)


@functools.cache
def everybodys_interpreter() -> Interpreter:
    """The newest Python that everybody may execute and holdfast runs on.

    Raises:
        CannotError: There is none.
    """
    for each in reversed(interpreters()):
        if each.version >= NEEDED and _works_for_nobody(each.executable):
            return each
    for path in ("/usr/bin/python3", "/usr/local/bin/python3"):  # hidden by another of the same version
        real = os.path.realpath(path)
        version = _works_for_nobody(real) if os.path.exists(real) else None
        if version and version >= NEEDED:
            return Interpreter(version=version, executable=real)
    raise CannotError("no Python of this machine from 3.11 on can be executed by everybody")


_SBIN = "/usr/sbin:/sbin:/usr/bin:/bin"
_NUMBERS = {"passwd": 2, "group": 2}


def _works_for_nobody(executable: str) -> tuple[int, int, int] | None:
    ask = "import sys, venv; print(*sys.version_info[:3])"
    try:
        said = subprocess.run(
            [executable, "-I", "-c", ask],
            user=NOBODY,
            group=NOBODY,
            extra_groups=(),
            cwd="/",
            env={},
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    major, minor, micro = map(int, said.split())
    return major, minor, micro


def _account(*args: str, check: bool = True) -> None:
    """Run one of shadow's tools; they do not wait for each other, so tests in parallel do."""
    with open("/run/lock/holdfast-tests-accounts", "w", encoding="utf-8") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        done = subprocess.run(args, env={"PATH": _SBIN}, capture_output=True, text=True, check=False, timeout=60)
    if check and done.returncode:
        raise CannotError(f"{args[0]} refused: {done.stderr.strip()}")


def _number(database: str, name: str) -> int:
    done = subprocess.run(["getent", database, name], capture_output=True, text=True, check=True, timeout=30)
    return int(done.stdout.split(":")[_NUMBERS[database]])


def _install_product(installation: Venv) -> None:
    """Copy holdfast and everything that it needs; all of it is pure Python."""
    package = os.path.dirname(os.path.abspath(holdfast.__file__))
    site = installation.site_packages
    shutil.copytree(package, os.path.join(site, "holdfast"), ignore=shutil.ignore_patterns("__pycache__"))
    for name in needed("holdfast"):
        distribution = importlib.metadata.distribution(name)
        for file in distribution.files or ():
            if ".." in file.parts or "__pycache__" in file.parts:
                continue
            target = os.path.join(site, str(file))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(str(distribution.locate_file(file)), target)
    script = os.path.join(installation.bin, "holdfast")
    with open(script, "w", encoding="utf-8") as text:
        text.write(f"#!{installation.python}\nimport sys\nfrom holdfast.cli.main import entry\nsys.exit(entry())\n")
    os.chmod(script, 0o755)
    _everybodys(installation.root)
    subprocess.run([installation.python, "-m", "compileall", "-q", site], check=True, capture_output=True, timeout=120)


def needed(name: str) -> Sequence[str]:
    """What a distribution requires here, and what that requires, without itself."""
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        for line in importlib.metadata.requires(waiting.pop()) or ():
            requirement = Requirement(line)
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
                continue
            if requirement.name not in found:
                found[requirement.name] = None
                waiting.append(requirement.name)
    return tuple(found)


def _everybodys(root: str) -> None:
    """Readable by all, whatever the umask of the tests."""
    for directory, _, names in os.walk(root):
        os.chmod(directory, 0o755)
        for name in names:
            path = os.path.join(directory, name)
            if not os.path.islink(path):
                os.chmod(path, os.stat(path).st_mode | 0o444)
