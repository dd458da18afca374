"""Which paths are the interpreter's, and whose source a piece of bytecode stands for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.commit.paths import is_of_interpreter, source_of
from tests.crash.world import target_at


@pytest.mark.parametrize(
    ("path", "theirs"),
    [
        ("bin/python", True),
        ("bin/python3.13t", True),
        ("bin/pypy3", True),
        ("bin/pythonic", False),
        ("pyvenv.cfg", True),
        ("share/pyvenv.cfg", False),
        ("lib/python3/os.py", True),
        ("lib/python3/encodings/evil.py", True),
        ("lib/python3/site-packages/os.py", False),
        ("lib/python3/dist-packages/os.py", False),
        ("lib/python3x/os.py", False),
        ("include/python3/one/one.h", False),
    ],
)
def test_the_program_its_settings_and_the_standard_library_belong_to_nobody(path: str, *, theirs: bool) -> None:
    target = target_at("/env")
    sites = ("/env/lib/python3/dist-packages",)
    target = replace(target, interpreter=replace(target.interpreter, stdlib="/env/lib/python3", site_packages=sites))
    assert is_of_interpreter(target, f"/env/{path}") is theirs


def test_the_source_of_bytecode() -> None:
    assert source_of("/env/a/__pycache__/b.cpython-311.pyc") == "/env/a/b.py"
    assert source_of("/env/a/__pycache__/b.cpython-311.opt-1.pyc") == "/env/a/b.py"
