"""Debian, whose Python keeps what is installed locally apart from what the distribution installed.

The exhaustive one makes a fresh Debian by debootstrap, as README promises it, and needs root, a mirror and the index.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.environments import distributions, verify_record
from tests.support.peers import Peer
from tests.support.sandbox import Sandbox
from tests.support.trees import snapshot
from tests.system.places import Place, assert_as_pip_does, base_of, build_links, install

DEBIAN = "/usr/bin/python3"
CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUITE, PACKAGES = "bookworm", "python3,python3-venv,python3-pip,git,ca-certificates"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
TARBALL = "TESTS_DEBIAN_TARBALL"
"""Environment variable: where the fresh Debian is kept from one run to the next; unset: it is made each time."""
PIP_WITHOUT_LOCAL = (26, 3)


@pytest.fixture
def minor() -> str:
    """The minor version of Debian's own Python."""
    ask = "import sys, sysconfig; print(*sys.version_info[:2], 'posix_local' in sysconfig.get_scheme_names(), sep='.')"
    try:
        said = subprocess.run([DEBIAN, "-I", "-c", ask], capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        pytest.skip(f"there is no {DEBIAN} here")
    version, _, local = said.strip().rpartition(".")
    if local != "True":
        pytest.skip(f"{DEBIAN} is not Debian's, or older than 3.10")
    return version


def in_image(base: str, minor: str) -> Place:
    image = os.path.join(base, "image")
    return Place(
        base=base,
        args=("--python", DEBIAN, "--root", image),
        python=DEBIAN,
        site=f"{image}/usr/local/lib/python{minor}/dist-packages",
        scripts=f"{image}/usr/local/bin",
        peer=("--root", image),
    )


def in_prefix(base: str, minor: str) -> Place:
    prefix = os.path.join(base, "opt")
    return Place(
        base=base,
        args=("--python", DEBIAN, "--prefix", prefix),
        python=DEBIAN,
        site=f"{prefix}/lib/python{minor}/site-packages",
        scripts=f"{prefix}/bin",
        peer=("--prefix", prefix),
    )


@pytest.mark.parametrize("make", [in_image, in_prefix], ids=["image", "prefix"])
def test_debians_python_installs_where_its_pip_does(
    sandbox: Sandbox, minor: str, pip: Peer, tmp_path: Path, make: Callable[[str, str], Place]
) -> None:
    if make is in_prefix and pip.version < PIP_WITHOUT_LOCAL:
        pytest.skip(f"pip {pip.version} puts what has a prefix into local/ below it")
    links = build_links(str(tmp_path / "links"))
    ours, theirs = make(base_of(tmp_path, "ours"), minor), make(base_of(tmp_path, "theirs"), minor)
    assert_as_pip_does(ours, theirs, sandbox, links, pip)
    assert distributions(ours.site) == {"everything": "1.0", "native": "1.0"}
    assert verify_record(ours.site) == ()
    sandbox.run("uninstall", *ours.args, "everything", "native").ok()
    assert {entry.kind for entry in snapshot(ours.base).values()} == {"dir"}


@pytest.mark.parametrize("make", [in_image, in_prefix], ids=["image", "prefix"])
def test_debians_python_compiles_elsewhere_too(
    sandbox: Sandbox, minor: str, tmp_path: Path, make: Callable[[str, str], Place]
) -> None:
    place = make(base_of(tmp_path, "ours"), minor)
    install(sandbox, place, build_links(str(tmp_path / "links")), "--compile-bytecode", "native")
    assert os.listdir(f"{place.site}/native/__pycache__") == [f"__init__.cpython-{minor.replace('.', '')}.pyc"]
    assert verify_record(place.site) == ()


SYSTEM = """
set -eu
list() { find / -xdev \\( -path /proc -o -path /dev -o -path /sys \\) -prune -o -printf '%p %y %s %m %U %G\n' | sort; }
cd /srv
list > /dev/shm/before
/opt/tool/bin/holdfast install --system cowsay && exit 90 || test $? = 3
/opt/tool/bin/holdfast install --system --break-system-packages --no-cache-dir cowsay
list > /dev/shm/after
cowsay -t moo
pip list
python3 - /usr/local/lib/python3.*/dist-packages <<'END'
import os, sys
site, = sys.argv[1:]
lines = {kind: set(open("/dev/shm/" + kind, encoding="utf-8").read().splitlines()) for kind in ("before", "after")}
assert lines["before"] <= lines["after"], lines["before"] - lines["after"]
new = {line.split()[0]: line.split()[1] for line in lines["after"] - lines["before"]}
info, = [path for path in new if path.endswith(".dist-info")]
with open(info + "/RECORD", encoding="utf-8") as record:
    listed = {os.path.normpath(os.path.join(site, line.split(",")[0])) for line in record}
files = {path for path, kind in new.items() if kind != "d"}
history = {path for path in files if path.startswith("/root/.local/state/holdfast/")}
facts = {path for path in files if path.startswith("/root/.cache/holdfast/interpreters-")}
assert files - history - facts == listed, (files - history - facts) ^ listed
END
/opt/tool/bin/holdfast uninstall --system --break-system-packages cowsay
list | grep -v ' /root/\\|^/root/' > /dev/shm/gone
grep -v '^/root/' /dev/shm/before | diff - /dev/shm/gone
"""


@pytest.mark.exhaustive
@pytest.mark.registry
def test_a_fresh_debian(tmp_path: Path) -> None:
    """README's first command as it is pasted there, then an installation into Debian's own Python."""
    for tool in ("debootstrap", "unshare", "git"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not here")
    if os.geteuid() != 0:
        pytest.skip("only root makes a Debian")
    root = fresh_debian(str(tmp_path))
    subprocess.run(["git", "clone", "-q", CHECKOUT, f"{root}/root/holdfast"], check=True, timeout=120)
    with open(f"{CHECKOUT}/README.md", encoding="utf-8") as file:
        commands = re.findall(r"^python3 -m venv .*$", file.read(), re.MULTILINE)
    shown = inside(root, f"cd /root/holdfast\n{commands[0]}\n")
    assert "| held fast |" in shown
    inside(root, "python3 -m venv /opt/tool && /opt/tool/bin/python -m pip install -q /root/holdfast\n")
    seen = inside(root, SYSTEM)
    assert "| moo |" in seen
    assert re.search(r"^cowsay +\d", seen, re.MULTILINE), "Debian's pip does not see it"


def fresh_debian(parent: str) -> str:
    root, kept = os.path.join(parent, "debian"), os.environ.get(TARBALL)
    os.mkdir(root)
    if kept and os.path.exists(kept):
        subprocess.run(["tar", "-C", root, "-xf", kept], check=True, timeout=300)
    else:
        line = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, root]
        subprocess.run(line, check=True, timeout=900, capture_output=True)
        if kept:
            subprocess.run(["tar", "-C", root, "-cf", kept, "."], check=True, timeout=300)
    for path in ("/etc/resolv.conf", "/etc/hosts", BUNDLE):  # the way to the index is this machine's
        shutil.copy(path, root + path)
    return root


def inside(root: str, script: str) -> str:
    """Run a script in the Debian, with mounts and processes of its own that end with it; what it printed."""
    begin = (
        'set -e; mount --make-rprivate /; mount -t proc proc "$1/proc"; mount -t tmpfs tmpfs "$1/dev"; '
        'mkdir "$1/dev/shm"; for each in null zero random urandom full tty; do '
        'touch "$1/dev/$each"; mount --bind "/dev/$each" "$1/dev/$each"; done; exec chroot "$1" /bin/sh -s'
    )
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", begin, "sh", root],
        input=script,
        env={
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
        },
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
