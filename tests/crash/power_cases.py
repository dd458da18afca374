"""What is under way when the power is lost."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.wheels import WheelSpec

ONES = ("install", "alpha==1.0", "beta==1.0")
TWOS = ("install", "alpha==2.0", "beta==2.0")


SHARED = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"


def specs() -> tuple[WheelSpec, ...]:
    """Two projects in one namespace, in two versions: files that come, go and change, kinds that turn."""
    turns = {"1.0": {"turns.py": "1", "back/__init__.py": "1"}, "2.0": {"turns/__init__.py": "2", "back.py": "2"}}
    return tuple(
        spec
        for version in ("1.0", "2.0")
        for spec in (
            WheelSpec(
                name="alpha",
                version=version,
                files={
                    "alpha/__init__.py": f"def main(): print({version!r})\n",
                    "alpha/long.py": f"# {version}\n" * 2000,
                    "alpha/same.py": "",
                    f"alpha/only{version[0]}.py": version,
                    "space/__init__.py": SHARED,
                    f"space/alpha{version[0]}.py": "",
                    **turns[version],
                },
                requires=("beta",),
                console_scripts={"alpha": "alpha:main", f"alpha-{version[0]}": "alpha:main"},
                data={"data/share/alpha/readme": version, "scripts/plain": "#!python\n"},
            ),
            WheelSpec(
                name="beta",
                version=version,
                files={"space/__init__.py": SHARED, "space/beta.py": version, "solo.py": version},
                data={"headers/beta.h": version},
            ),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A command, and what leads to the environment that it changes.

    Args:
        apart: The scripts lie on a disk of their own.
        interrupted: A command that was killed in the middle of its steps before; `command` takes it back.
    """

    name: str
    before: tuple[tuple[str, ...], ...] = ()
    command: tuple[str, ...] = TWOS
    apart: bool = False
    interrupted: tuple[str, ...] = ()


FRESH = Case(name="fresh install")
UPGRADE = Case(name="upgrade", before=(ONES,))
UNINSTALL = Case(name="uninstall", before=(ONES,), command=("uninstall", "alpha", "beta"))
APART = Case(name="scripts on another disk", before=(ONES,), apart=True)
RECOVERY = Case(name="recovery", before=(ONES,), command=("recover",), apart=True, interrupted=TWOS)
CASES = (FRESH, UPGRADE, UNINSTALL, APART, RECOVERY)
