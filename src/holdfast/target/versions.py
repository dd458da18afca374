"""Which Pythons holdfast installs for. Pure."""

from __future__ import annotations

from holdfast.errors import TargetError

OLDEST = (3, 8)
"""What the probe script is written for."""


def refuse_old(named: str, version: str) -> None:
    """Refuse what is too old.

    Args:
        named: The interpreter, as a path or as the user named it.
        version: As ``3.7.4`` or ``3.7``; a text of another form says nothing.

    Raises:
        TargetError: It is older than 3.8.
    """
    numbers = version.split(".")[:2]
    if len(numbers) == len(OLDEST) and all(part.isdigit() for part in numbers) and tuple(map(int, numbers)) < OLDEST:
        raise TargetError(
            f"{named} is Python {version}; holdfast installs for Python 3.8 and newer.",
            hint="Name another interpreter with --python.",
        )
