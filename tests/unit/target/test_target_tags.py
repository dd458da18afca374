from __future__ import annotations

import json
import os
import subprocess

import packaging
import pytest
from packaging.version import Version

from holdfast.target.probe import probe
from holdfast.target.tags import Elf, PlatformFacts, compatible_tags, platform_tags
from tests.support.interpreters import Interpreter, interpreters

ASK = """
import json, sys
sys.path.insert(0, sys.argv[1])
from packaging.tags import sys_tags
print(json.dumps([str(tag) for tag in sys_tags()]))
"""
LINUX_FIRST = Version("26.3")
"""Since then ``packaging`` ranks ``linux_*`` before ``manylinux``; it is what we do."""


@pytest.mark.parametrize("interpreter", interpreters(), ids=str)
def test_tags_are_those_of_packaging_in_that_python(interpreter: Interpreter) -> None:
    beside = os.path.dirname(os.path.dirname(packaging.__file__))
    done = subprocess.run(
        [interpreter.executable, "-I", "-c", ASK, beside], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"packaging {packaging.__version__} does not work in it: {done.stderr.splitlines()[-1]}")
    expected = list(dict.fromkeys(json.loads(done.stdout)))
    ours = list(compatible_tags(PlatformFacts.from_json(probe(interpreter.executable)["platform"])))
    if Version(packaging.__version__) < LINUX_FIRST:
        expected, ours = sorted(expected), sorted(ours)
    assert ours == expected


@pytest.mark.peer
@pytest.mark.parametrize("interpreter", interpreters(), ids=str)
def test_tags_are_those_of_the_pythons_own_pip(interpreter: Interpreter) -> None:
    ask = ASK.replace("packaging.tags", "pip._vendor.packaging.tags")
    done = subprocess.run([interpreter.executable, "-I", "-c", ask, ""], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no pip in it: {done.stderr.splitlines()[-1]}")
    ours = compatible_tags(PlatformFacts.from_json(probe(interpreter.executable)["platform"]))
    generic = f"cp{interpreter.minor.replace('.', '')}-none-any"  # packaging before 23 did not have it
    assert set(ours) == {*json.loads(done.stdout), generic}
    manylinux = [tag for tag in ours if "manylinux" in tag]
    assert manylinux == [tag for tag in dict.fromkeys(json.loads(done.stdout)) if "manylinux" in tag]


def linux(version: tuple[int, int] = (3, 12), **changes: object) -> PlatformFacts:
    defaults: dict[str, object] = {"implementation": "cpython", "platform": "linux-x86_64", "glibc": (2, 17)}
    return PlatformFacts(version=version, **(defaults | changes))  # type: ignore[arg-type]


def test_manylinux_goes_down_from_the_targets_glibc_with_the_older_names() -> None:
    assert list(platform_tags(linux()))[:5] == [
        "linux_x86_64",
        "manylinux_2_17_x86_64",
        "manylinux2014_x86_64",
        "manylinux_2_16_x86_64",
        "manylinux_2_15_x86_64",
    ]
    assert list(platform_tags(linux()))[-3:] == ["manylinux_2_6_x86_64", "manylinux_2_5_x86_64", "manylinux1_x86_64"]


def test_other_architectures_begin_with_2_17() -> None:
    facts = linux(platform="linux-aarch64", glibc=(2, 18))
    assert list(platform_tags(facts)) == [
        "linux_aarch64",
        "manylinux_2_18_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
    ]


def test_musl_has_no_manylinux() -> None:
    facts = linux(glibc=None, musl=(1, 2))
    assert list(platform_tags(facts)) == [
        "linux_x86_64",
        "musllinux_1_2_x86_64",
        "musllinux_1_1_x86_64",
        "musllinux_1_0_x86_64",
    ]


def test_an_architecture_without_manylinux_has_its_linux_tag_only() -> None:
    assert list(platform_tags(linux(platform="linux-sparc64"))) == ["linux_sparc64"]


@pytest.mark.parametrize(
    ("elf", "manylinux"),
    [
        (Elf(bits=32, little=True, machine=40, flags=0x05000400), True),
        (Elf(bits=32, little=True, machine=40, flags=0x05000200), False),
        (None, False),
    ],
    ids=["hard float", "soft float", "unreadable"],
)
def test_32_bit_arm_needs_hard_float(elf: Elf | None, manylinux: bool) -> None:  # noqa: FBT001 - a table's column
    tags = list(platform_tags(linux(platform="linux-aarch64", bits=32, elf=elf)))
    assert tags[:2] == ["linux_armv8l", "linux_armv7l"]
    assert ("manylinux_2_17_armv7l" in tags) == manylinux


def test_a_32_bit_python_on_a_64_bit_kernel_is_i686() -> None:
    elf = Elf(bits=32, little=True, machine=3, flags=0)
    tags = list(platform_tags(linux(bits=32, elf=elf)))
    assert tags[0] == "linux_i686"
    assert "manylinux1_i686" in tags
    assert not any("x86_64" in tag for tag in tags)


def test_a_distribution_can_refuse_manylinux() -> None:
    tags = list(platform_tags(linux(manylinux={(2, 17): False})))
    assert "manylinux_2_17_x86_64" not in tags
    assert "manylinux2014_x86_64" not in tags
    assert "manylinux_2_16_x86_64" in tags


def test_a_free_threaded_python_has_no_stable_abi() -> None:
    tags = compatible_tags(linux((3, 13), free_threaded=True))
    assert tags[0] == "cp313-cp313t-linux_x86_64"
    assert not any("-abi3-" in tag for tag in tags)
    assert "cp313-cp313-linux_x86_64" not in tags
    assert "py3-none-any" in tags


def test_the_stable_abi_of_older_versions_comes_after_the_own_one() -> None:
    tags = compatible_tags(linux((3, 12)))
    order = ["cp312-cp312-", "cp312-abi3-", "cp312-none-", "cp311-abi3-", "cp32-abi3-", "py312-none-", "py3-none-"]
    places = [next(n for n, tag in enumerate(tags) if tag.startswith(start)) for start in order]
    assert places == sorted(places)
    assert tags[-1] == "py30-none-any"


def test_a_debug_build_loads_normal_extensions_too() -> None:
    tags = compatible_tags(linux((3, 8), debug=True))
    assert tags[0] == "cp38-cp38d-linux_x86_64"
    assert "cp38-cp38-linux_x86_64" in tags


def test_pypy() -> None:
    tags = compatible_tags(linux((3, 10), implementation="pypy", ext_suffix=".pypy310-pp73-x86_64-linux-gnu.so"))
    assert tags[0] == "pp310-pypy310_pp73-linux_x86_64"
    assert "pp310-none-manylinux2014_x86_64" in tags
    assert "pp3-none-any" in tags


def test_macos() -> None:
    facts = linux(system="Darwin", platform="macosx-11.0-arm64", glibc=None, mac=("14.1", "arm64"))
    tags = compatible_tags(facts)
    assert tags[0] == "cp312-cp312-macosx_14_0_arm64"
    assert "cp312-cp312-macosx_11_0_universal2" in tags


def test_no_tag_comes_twice() -> None:
    tags = compatible_tags(linux())
    assert len(tags) == len(set(tags))


@pytest.mark.parametrize(("text", "pair"), [("2.36", (2, 36)), ("2.20-2014.11", (2, 20)), ("", None), ("x", None)])
def test_strange_versions_of_a_c_library(text: str, pair: tuple[int, int] | None) -> None:
    facts = {
        "implementation": "cpython",
        "version": [3, 12],
        "debug": False,
        "free_threaded": False,
        "ext_suffix": "",
        "system": "Linux",
        "platform": "linux-x86_64",
        "bits": 64,
        "elf": None,
        "glibc": text,
        "musl": None,
        "manylinux": {"2.5": False},
        "mac": ["", ""],
    }
    parsed = PlatformFacts.from_json(facts)
    assert parsed.glibc == pair
    assert parsed.manylinux == {(2, 5): False}
