"""What is kept of an editable installation that leaves: all of it, as members of a wheel, or nothing."""

from __future__ import annotations

import os

import pytest
from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast.history.editables import LIMIT, keep
from holdfast.model.installed import InstalledDistribution, RecordEntry
from holdfast.model.metadata import Metadata
from holdfast.model.target import Scheme

INFO = "foo-1.dist-info"


@pytest.fixture
def scheme(tmp_path: object) -> Scheme:
    root = f"{tmp_path}/env"
    lib = f"{root}/lib/site"
    return Scheme(purelib=lib, platlib=lib, scripts=f"{root}/bin", headers=f"{tmp_path}/include", data=root)


def installed(scheme: Scheme, **files: str) -> InstalledDistribution:
    """With files named by their paths in RECORD."""
    for path, content in files.items():
        full = os.path.join(scheme.purelib, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(os.path.normpath(full), "w", encoding="utf-8") as file:
            file.write(content)
    return InstalledDistribution(
        metadata=Metadata(name=NormalizedName("foo"), display_name="foo", version=Version("1")),
        location=scheme.purelib,
        info_name=INFO,
        record=tuple(RecordEntry(path=path) for path in files),
        record_digest="",
    )


def test_every_file_but_what_installers_write_and_entry_points_make(scheme: Scheme) -> None:
    old = installed(
        scheme,
        **{
            "foo.pth": "/src",
            "__pycache__/finder.pyc": "",
            f"{INFO}/METADATA": "Name: foo",
            f"{INFO}/INSTALLER": "pip",
            f"{INFO}/direct_url.json": "{}",
            f"{INFO}/REQUESTED": "",
            f"{INFO}/RECORD": "",
            f"{INFO}/entry_points.txt": "[console_scripts]\nFoo-tool = foo:main\n[other]\nplain = foo\n",
            "../../bin/Foo-tool": "made",
            "../../bin/plain": "script",
            "../../share/foo": "data",
        },
    )
    assert [path for path, _ in keep(old, scheme)] == [
        "foo-1.data/data/share/foo",
        "foo-1.data/scripts/plain",
        f"{INFO}/METADATA",
        f"{INFO}/entry_points.txt",
        "foo.pth",
    ]
    assert dict(keep(old, scheme))["foo.pth"] == b"/src"


def test_what_lies_elsewhere_is_not_kept_by_halves(scheme: Scheme) -> None:
    assert keep(installed(scheme, **{"foo.pth": "/src", "../../../include/foo.h": ""}), scheme) == ()


def test_what_is_gone_or_no_file_is_not_kept_by_halves(scheme: Scheme) -> None:
    old = installed(scheme, **{"foo.pth": "/src", "bar.pth": "/src"})
    os.unlink(f"{scheme.purelib}/bar.pth")
    assert keep(old, scheme) == ()
    os.symlink("/etc/passwd", f"{scheme.purelib}/bar.pth")
    assert keep(old, scheme) == ()
    os.unlink(f"{scheme.purelib}/bar.pth")
    os.mkfifo(f"{scheme.purelib}/bar.pth")
    assert keep(old, scheme) == ()


def test_only_so_much_is_kept(scheme: Scheme) -> None:
    half = "x" * (LIMIT // 2)
    assert len(keep(installed(scheme, **{"a.py": half, "b.py": half}), scheme)) == 2
    assert keep(installed(scheme, **{"a.py": half, "b.py": f"{half}x"}), scheme) == ()
