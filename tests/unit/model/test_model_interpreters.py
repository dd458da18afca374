from __future__ import annotations

import pytest

from holdfast.model.interpreters import names_an_interpreter


@pytest.mark.parametrize(
    "name",
    ["python", "python3", "python3.12", "Python", "pythonw", "pypy3", "python3.13t", "python3.13td", "python3-config"],
)
def test_names_of_interpreters(name: str) -> None:
    assert names_an_interpreter(name)


@pytest.mark.parametrize("name", ["pip", "pip3.12", "ipython", "pythonic", "pydoc", "python3-x", "python\n"])
def test_names_of_other_programs(name: str) -> None:
    assert not names_an_interpreter(name)
