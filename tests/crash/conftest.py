"""One nursery for all crash tests of a session, and the verdicts that they counted, told at its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.kernel_cases import KernelBench
from tests.crash.real_cases import CASES, MORE, Case
from tests.support.kernel import Kernel, nursery

COUNTED = "crash verdicts"


@pytest.fixture(scope="session")
def kernel() -> Iterator[Kernel]:
    """Runs and strikes commands; skips where processes cannot be traced."""
    with nursery() as found:
        yield found


@pytest.fixture(scope="session", params=(*CASES, *MORE), ids=lambda case: case.name)
def kernel_bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, kernel: Kernel
) -> KernelBench:
    """The environment of one case, made once."""
    case: Case = request.param
    return KernelBench(str(tmp_path_factory.mktemp(case.name)), case, kernel)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The verdicts of each case, so that documents can quote them."""
    lines = [
        f"{report.nodeid.rpartition('::')[2]}: {value}"
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == COUNTED
    ]
    if lines:
        terminalreporter.section(COUNTED)
        for line in lines:
            terminalreporter.write_line(line)
