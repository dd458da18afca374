"""Compatible wheel tags of an interpreter, from what the probe learnt of it (PEP 425, 513, 571, 599, 600, 656).

Pure: ``packaging.tags`` puts the tags together; what it would ask the running interpreter (its own, not the target's)
comes from the facts instead. The order is that of ``packaging.tags.sys_tags()`` in the target.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from packaging import tags

LEGACY = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
OLDEST_GLIBC = (2, 17)
OLDEST_GLIBC_X86 = (2, 5)
MANYLINUX_ARCHES = frozenset({"x86_64", "aarch64", "ppc64", "ppc64le", "s390x", "loongarch64", "riscv64"})
NARROW = {"linux_x86_64": "linux_i686", "linux_aarch64": "linux_armv8l"}
"""What a 32-bit Python on a 64-bit kernel is."""
ELF_ARM, ELF_386 = 40, 3
ELF_ARM_ABI, ELF_ARM_HARD_FLOAT = 0xFF000400, 0x05000400
"""Which flags count, and EABI version 5 with hard float: what manylinux for armv7l asks for (PEP 599)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """The header of the interpreter's executable file."""

    bits: int
    little: bool
    machine: int
    flags: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformFacts:
    """What tags are computed from; the names are those of the probe's ``platform`` section.

    Attributes:
        version: Major and minor.
        platform: ``sysconfig.get_platform()``.
        glibc: Major and minor, None on anything else; musl likewise.
        manylinux: What a ``_manylinux`` module decides, by glibc version.
        mac: Version and architecture.
    """

    implementation: str
    version: tuple[int, int]
    debug: bool = False
    free_threaded: bool = False
    ext_suffix: str = ""
    system: str = "Linux"
    platform: str = ""
    bits: int = 64
    elf: Elf | None = None
    glibc: tuple[int, int] | None = None
    musl: tuple[int, int] | None = None
    manylinux: Mapping[tuple[int, int], bool] = field(default_factory=dict)
    mac: tuple[str, str] = ("", "")

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> PlatformFacts:
        """Read the probe's section.

        Raises:
            KeyError: It is not what the probe prints.
            TypeError: Likewise.
            ValueError: Likewise.
        """
        elf = facts["elf"]
        return cls(
            implementation=facts["implementation"],
            version=(facts["version"][0], facts["version"][1]),
            debug=facts["debug"],
            free_threaded=facts["free_threaded"],
            ext_suffix=facts["ext_suffix"],
            system=facts["system"],
            platform=facts["platform"],
            bits=facts["bits"],
            elf=Elf(bits=elf["bits"], little=elf["little"], machine=elf["machine"], flags=elf["flags"])
            if elf
            else None,
            glibc=_pair(facts["glibc"]),
            musl=_pair(facts["musl"]),
            manylinux={pair: answer for text, answer in facts["manylinux"].items() if (pair := _pair(text))},
            mac=(facts["mac"][0], facts["mac"][1]),
        )


def compatible_tags(facts: PlatformFacts) -> tuple[str, ...]:
    """Every tag that the interpreter can install, best first, each once."""
    platforms = tuple(platform_tags(facts))
    nodot = "".join(map(str, facts.version))
    found: list[tags.Tag] = []
    if facts.implementation == "cpython":
        found += tags.cpython_tags(facts.version, _cpython_abis(facts), platforms)
        interpreter = f"cp{nodot}"
    else:
        short = tags.INTERPRETER_SHORT_NAMES.get(facts.implementation, facts.implementation)
        found += tags.generic_tags(f"{short}{nodot}", _generic_abis(facts), platforms)
        interpreter = "pp3" if short == "pp" else ""
    found += tags.compatible_tags(facts.version, interpreter or None, platforms)
    return tuple(dict.fromkeys(map(str, found)))


def platform_tags(facts: PlatformFacts) -> Iterator[str]:
    """The platform part of the tags, best first."""
    if facts.system == "Darwin":
        version, arch = facts.mac
        major, _, rest = version.partition(".")
        yield from tags.mac_platforms((int(major), int(rest.partition(".")[0] or 0)), arch)
        return
    native = _normalised(facts.platform)
    if facts.system != "Linux" or not native.startswith("linux_"):
        yield native
        return
    if facts.bits == 32:  # noqa: PLR2004 - the width of a pointer
        native = NARROW.get(native, native)
    arch = native.removeprefix("linux_")
    arches = ("armv8l", "armv7l") if arch == "armv8l" else (arch,)
    yield from (f"linux_{each}" for each in arches)
    yield from _manylinux(facts, arches)
    if facts.musl:
        yield from (f"musllinux_{facts.musl[0]}_{n}_{each}" for each in arches for n in range(facts.musl[1], -1, -1))


def _cpython_abis(facts: PlatformFacts) -> tuple[str, ...]:
    """The interpreter's own ABI; a debug build loads extensions of a normal one as well."""
    plain = "cp{}{}".format(*facts.version) + ("t" if facts.free_threaded else "")
    return (f"{plain}d", plain) if facts.debug else (plain,)


def _generic_abis(facts: PlatformFacts) -> tuple[str, ...]:
    """From ``.pypy310-pp73-x86_64-linux-gnu.so``: ``pypy310_pp73``."""
    parts = facts.ext_suffix.split(".")
    soabi = parts[1] if len(parts) > 2 else ""  # noqa: PLR2004 - empty, ABI, so
    words = {"pypy": 2, "graalpy": 3}
    count = next((count for name, count in words.items() if soabi.startswith(name)), None)
    return (_normalised("-".join(soabi.split("-")[:count])),) if soabi else ()


def _manylinux(facts: PlatformFacts, arches: tuple[str, ...]) -> Iterator[str]:
    """``manylinux_2_x`` from the target's glibc downwards, each followed by its older name."""
    if facts.glibc is None or facts.glibc[0] != OLDEST_GLIBC[0] or not _manylinux_abi(facts.elf, arches):
        return
    oldest = OLDEST_GLIBC_X86 if {"x86_64", "i686"} & set(arches) else OLDEST_GLIBC
    for arch in arches:
        for minor in range(facts.glibc[1], oldest[1] - 1, -1):
            if facts.manylinux.get((2, minor), True):
                yield f"manylinux_2_{minor}_{arch}"
                if (2, minor) in LEGACY:
                    yield f"{LEGACY[2, minor]}_{arch}"


def _manylinux_abi(elf: Elf | None, arches: tuple[str, ...]) -> bool:
    """Whether the architecture, and for the 32-bit ones the executable itself, is one that manylinux is for."""
    if "armv7l" in arches:
        hard = elf is not None and elf.flags & ELF_ARM_ABI == ELF_ARM_HARD_FLOAT
        return elf is not None and hard and (elf.bits, elf.little, elf.machine) == (32, True, ELF_ARM)
    if "i686" in arches:
        return elf is not None and (elf.bits, elf.little, elf.machine) == (32, True, ELF_386)
    return bool(MANYLINUX_ARCHES & set(arches))


def _normalised(text: str) -> str:
    return text.replace(".", "_").replace("-", "_").replace(" ", "_")


def _pair(text: str | None) -> tuple[int, int] | None:
    """``2.36`` or ``2.20-2014.11`` as two integers."""
    if not text:
        return None
    major, _, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return (int(major), int(digits)) if major.isdigit() and digits else None
