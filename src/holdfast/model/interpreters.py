"""Which file names are the interpreter's own. Pure."""

from __future__ import annotations

import re

_INTERPRETER = re.compile(r"(python|pypy)w?[0-9.]*[td]*(-config)?", re.IGNORECASE)


def names_an_interpreter(name: str) -> bool:
    """Whether a script of this name would be taken for a Python, or for what tells about it.

    ``python``, ``python3.12``, ``python3.13t``, ``pypy3``, ``python3-config``.
    """
    return _INTERPRETER.fullmatch(name) is not None
