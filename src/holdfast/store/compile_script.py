"""Compiles modules; run by path in the target's Python, which may be as old as 3.8. Imports nothing of holdfast.

Reads JSON from stdin: ``[[source, bytecode, name], ...]``; writes to stdout the JSON list of the indexes of those that
compiled. ``name`` is what tracebacks say until an import puts the real path in its place.
"""

import json
import py_compile
import sys


def main() -> None:
    """Compile what stdin lists."""
    done = []
    for index, (source, bytecode, name) in enumerate(json.load(sys.stdin)):
        try:
            py_compile.compile(
                source,
                cfile=bytecode,
                dfile=name,
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP,
            )
        except Exception:  # noqa: BLE001, S112 - templates, other versions' syntax: such files stay without bytecode
            continue
        done.append(index)
    json.dump(done, sys.stdout)


if __name__ == "__main__":
    main()
