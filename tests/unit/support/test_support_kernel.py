"""The tracer strikes where it says: the call is made or it is not, whoever of the processes makes it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from tests.support.kernel import Kernel, Stop, nursery
from tests.support.sandbox import Sandbox

PROGRAM = """
import os, subprocess, sys, threading
os.mkdir("one")
thread = threading.Thread(target=os.mkdir, args=("two",))
thread.start()
thread.join()
subprocess.run([sys.executable, "-I", "-c", "import os; os.mkdir('three')"], check=True)
with open("file", "w") as file:
    file.write("content")
os.fsync(os.open("one", os.O_RDONLY))
os.rename("one", "four")
sys.stdout.write("done")
"""
CALLS = ["mkdir", "mkdir", "mkdir", "openat", "write", "rename"]


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    with nursery() as found:
        yield found


def argv() -> list[str]:
    return [sys.executable, "-I", "-c", PROGRAM]


def test_it_counts_what_threads_and_children_change(kernel: Kernel, sandbox: Sandbox) -> None:
    traced = kernel.trace(sandbox, argv=argv())
    assert (traced.done.returncode, traced.done.stdout) == (0, "done")
    assert [name for name, *_ in traced.calls] == CALLS
    assert traced.calls[-1][1:] == (os.path.join(sandbox.cwd, "one"), os.path.join(sandbox.cwd, "four"))
    assert traced.outside == ()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_before_a_call_it_is_not_made_and_after_it_is(kernel: Kernel, sandbox: Sandbox, n: int) -> None:
    made = ("one", "two", "three")
    assert kernel.trace(sandbox, argv=argv(), stop=Stop(n=n)).done.returncode == -9
    assert set(os.listdir(sandbox.cwd)) == set(made[:n])
    for name in made[:n]:
        os.rmdir(os.path.join(sandbox.cwd, name))
    assert kernel.trace(sandbox, argv=argv(), stop=Stop(n=n, after=True)).done.returncode == -9
    assert set(os.listdir(sandbox.cwd)) == set(made[: n + 1])


def test_an_errno_comes_instead_of_the_call(kernel: Kernel, sandbox: Sandbox) -> None:
    traced = kernel.trace(sandbox, argv=argv(), stop=Stop(n=5, fault="EDQUOT"), syncing=True)
    assert [name for name, *_ in traced.calls] == [*CALLS[:5], "fsync"]
    assert traced.done.returncode == 1
    assert "Disk quota exceeded" in traced.done.stderr
    assert not os.path.exists(os.path.join(sandbox.cwd, "four"))


def test_what_is_changed_elsewhere_is_told(
    kernel: Kernel, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = str(tmp_path_factory.mktemp("elsewhere") / "made")
    traced = kernel.trace(sandbox, argv=[sys.executable, "-I", "-c", f"import os; os.mkdir({elsewhere!r})"])
    assert traced.outside == (("mkdir", elsewhere),)
