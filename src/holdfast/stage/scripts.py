"""Scripts: those that entry points ask for, and those of ``.data/scripts`` that want the target's interpreter named.

https://packaging.python.org/en/latest/specifications/entry-points/#use-for-scripts and, for ``#!python``,
https://packaging.python.org/en/latest/specifications/binary-distribution-format/#recommended-installer-features .
"""

from __future__ import annotations

import shlex

from holdfast.model.stored import ScriptEntryPoint
from holdfast.model.target import Target

_SIMPLE_LENGTH = 127
"""What every kernel reads of a first line (Linux before 5.1; installer uses the same number)."""


def interpreter_path(target: Target) -> str:
    """The interpreter as scripts name it: where it will be when ``--root`` is the root."""
    executable = target.interpreter.executable
    if target.relocation and executable.startswith(target.relocation.rstrip("/") + "/"):
        return executable[len(target.relocation.rstrip("/")) :]
    return executable


def entry_point_script(script: ScriptEntryPoint, interpreter: str) -> bytes:
    """The script of a ``console_scripts`` or ``gui_scripts`` entry point, by installer."""
    from installer.scripts import Script  # noqa: PLC0415 - only who installs something pays its import

    made = Script(script.name, script.module, script.attribute, "gui" if script.gui else "console")
    return made.generate(interpreter, "posix")[1]


def shebang(interpreter: str) -> bytes:
    """The first lines of a script. A path with spaces, or one too long for the kernel, goes through ``/bin/sh``."""
    path = interpreter.encode("utf-8", "surrogateescape")
    if b" " not in path and len(path) + 3 <= _SIMPLE_LENGTH:
        return b"#!" + path + b"\n"
    quoted = shlex.quote(interpreter).encode("utf-8", "surrogateescape")
    # sh reads: 'exec' the interpreter with this file; Python reads: one string from ''' to '''.
    return b"#!/bin/sh\n'''exec' " + quoted + b' "$0" "$@"\n' + b"' '''\n"


def with_shebang(content: bytes, interpreter: str) -> bytes:
    """A script of the wheel whose first line, ``#!python...``, is exchanged for the target's interpreter."""
    _, _, rest = content.partition(b"\n")
    return shebang(interpreter) + rest
