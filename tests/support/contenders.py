"""What several processes do to one environment at a time: projects in each other's way, and commands by chance."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.support.wheels import WheelSpec

PROJECTS = tuple(f"p{n}" for n in range(5))
_SHARED = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"


def project(name: str, version: str) -> WheelSpec:
    """Part of one namespace, with data and a script; version 2 has other files, and p4 wants p0 in its own version."""
    return WheelSpec(
        name=name,
        version=version,
        files={
            f"{name}/__init__.py": f"__version__ = '{version}'\nfrom space.{name}_part import version as part\n",
            f"{name}/data_{version[0]}.py": f"{name}\n" * 100,
            f"{name}/deep/er/data.txt": f"{name} {version}",
            "space/__init__.py": _SHARED,
            f"space/{name}_part.py": f"version = '{version}'\n",
        },
        requires=(f"p0=={version}",) if name == "p4" else (),
        console_scripts={f"{name}-run": f"{name}:main"},
        data={f"data/share/space/{name}.txt": version},
    )


def command(chosen: random.Random, projects: Sequence[str] = PROJECTS) -> tuple[str, ...]:
    """An installation, upgrade, downgrade or removal of one or two of them."""
    names = chosen.sample(projects, chosen.choice((1, 1, 2)))
    match chosen.randrange(4):
        case 0:
            return ("uninstall", "-y", *names)
        case 1:
            return ("install", "--force-reinstall", *names)
        case _:
            return ("install", *(f"{name}=={chosen.choice(('1.0', '2.0'))}" for name in names))
