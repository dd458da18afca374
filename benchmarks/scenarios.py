"""The cases: in which state an installer finds the world, what it is asked, and what has to be true afterwards."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks.workloads import Distributions, distribution_of


class Environment(StrEnum):
    """The environment that a run is given."""

    FRESH = "fresh"  # made for this run
    EMPTY = "empty"  # empty and never changed: the same one for all runs
    INSTALLED = "installed"  # has it all


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row of the table.

    Args:
        name: what ``--cases`` calls it.
        title: what the table calls it.
        environment: the environment at the start.
        cold: the cache is empty; otherwise it is the tool's own, filled.
        dry_run: only resolve.
        new: the question was never asked before.
        bytecode: compile, too.
        report: ask holdfast for JSON, to learn how long it held the lock; nobody else runs.
        budgets: tool -> ours divided by its time, at most.
    """

    name: str
    title: str
    environment: Environment
    cold: bool = False
    dry_run: bool = False
    new: bool = False
    bytecode: bool = False
    report: bool = False
    budgets: dict[str, float] = field(default_factory=dict)


LOCK_BUDGET = 0.1
"""Seconds for which the lock may be held."""

CASES = {
    each.name: each
    for each in (
        Case(name="noop", title="already satisfied", environment=Environment.INSTALLED, budgets={"uv": 1.0}),
        Case(name="warm", title="warm cache, fresh venv", environment=Environment.FRESH, budgets={"uv": 0.9}),
        Case(name="lock", title="lock held (warm)", environment=Environment.FRESH, report=True),
        Case(
            name="bytecode",
            title="warm cache, fresh venv, with bytecode",
            environment=Environment.FRESH,
            bytecode=True,
            budgets={"uv": 0.15},
        ),
        Case(
            name="cold",
            title="empty cache, fresh venv",
            environment=Environment.FRESH,
            cold=True,
            budgets={"uv": 1.0, "pip": 0.2},
        ),
        Case(
            name="resolve-new",
            title="resolve, warm, new question",
            environment=Environment.EMPTY,
            dry_run=True,
            new=True,
            budgets={"uv": 1.0},
        ),
        Case(
            name="resolve-again",
            title="resolve, warm, asked before",
            environment=Environment.EMPTY,
            dry_run=True,
            budgets={"uv": 0.5},
        ),
    )
}

GROUPS = {"resolve": ("resolve-new", "resolve-again")}
"""Names that stand for several cases."""


def chosen(names: list[str]) -> tuple[Case, ...]:
    """The cases of these names, in the table's order.

    Raises:
        KeyError: there is no such case.
    """
    wanted = {each for name in names for each in GROUPS.get(name, (name,))}
    if unknown := wanted - CASES.keys():
        raise KeyError(", ".join(sorted(unknown)))
    return tuple(case for name, case in CASES.items() if name in wanted)


def requirements_for(case: Case, requirements: tuple[str, ...], serial: int) -> tuple[str, ...]:
    """The request; a new question excludes a release that nobody wants, another one each time."""
    return (*requirements, f"{requirements[0]}!=0.0.0.dev{serial}") if case.new else requirements


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What lies in an environment: distributions, files, modules, bytecode, when site-packages was last changed."""

    distributions: Distributions
    files: int
    sources: int
    compiled: int
    changed: int

    def differs(self, other: Content) -> bool:
        """Whether somebody installed something: bytecode comes and goes as programs run."""
        return (self.distributions, self.changed) != (other.distributions, other.changed)


def look(venv: str) -> Content:
    """Read an environment's content from the disk."""
    (purelib,) = glob.glob(os.path.join(glob.escape(venv), "lib", "python*", "site-packages"))
    names = [name for name in os.listdir(purelib) if name.endswith(".dist-info")]
    files = [name for _, _, inside in os.walk(purelib) for name in inside]
    return Content(
        distributions=frozenset(distribution_of(name) for name in names),
        files=len(files),
        sources=sum(name.endswith(".py") for name in files),
        compiled=sum(name.endswith(".pyc") for name in files),
        changed=os.stat(purelib).st_mtime_ns,
    )


def difference(expected: Distributions, found: Distributions) -> str | None:
    """What is wrong with what was found; None: nothing."""
    missing, more = expected - found, found - expected
    said = [f"missing: {_some(missing)}"] * bool(missing) + [f"unexpected: {_some(more)}"] * bool(more)
    return "; ".join(said) or None


def _some(distributions: Distributions, most: int = 3) -> str:
    names = [f"{name} {version}" for name, version in sorted(distributions)]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def fault(
    case: Case, *, code: int, expected: Distributions, said: Distributions, before: Content, after: Content
) -> str | None:
    """Why a run does not count; None: it did what it was asked.

    Args:
        case: what was asked.
        code: its exit code.
        expected: the workload.
        said: what a dry run said that it would install.
        before: the environment at the start.
        after: the environment at the end.
    """
    if code != 0:
        return f"exit {code}"
    if case.dry_run:
        return difference(expected, said) or ("the dry run changed the environment" if before.differs(after) else None)
    if case.environment is Environment.INSTALLED and before.differs(after):
        return "it was satisfied, and the environment was changed"
    if case.bytecode and after.compiled < after.sources * 0.9:  # some modules are templates that nobody can compile
        return f"{after.compiled} of {after.sources} modules compiled"
    return difference(expected, after.distributions)
