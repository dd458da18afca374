from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.scenarios import CASES, Content, chosen, fault, requirements_for
from benchmarks.session import lock_seconds
from benchmarks.tools import Ask, Holdfast, Pip, Uv
from benchmarks.workloads import Distributions, distribution_of

TWO: Distributions = frozenset({("a-b", "1.0"), ("c", "2")})
BARE = Content(distributions=frozenset(), files=0, sources=0, compiled=0, changed=1)
FULL = Content(distributions=TWO, files=9, sources=5, compiled=0, changed=2)
HALF = Content(distributions=frozenset({("c", "2")}), files=4, sources=2, compiled=0, changed=2)
NOTHING: Distributions = frozenset()


def why(
    case: str, *, code: int = 0, said: Distributions = NOTHING, before: Content = BARE, after: Content = FULL
) -> str | None:
    return fault(CASES[case], code=code, expected=TWO, said=said, before=before, after=after)


def test_a_run_counts_only_when_all_is_there() -> None:
    assert why("warm") is None
    assert why("warm", code=4) == "exit 4"
    assert why("cold", after=HALF) == "missing: a-b 1.0"
    assert why("warm", after=replace(FULL, distributions=TWO | {("d", "3")})) == "unexpected: d 3"
    assert why("bytecode") == "0 of 5 modules compiled"
    assert why("bytecode", after=replace(FULL, compiled=5)) is None


def test_a_dry_run_says_all_and_changes_nothing() -> None:
    assert why("resolve-new", said=TWO, after=BARE) is None
    assert why("resolve-new", said=HALF.distributions, after=BARE) == "missing: a-b 1.0"
    assert why("resolve-new", said=TWO) == "the dry run changed the environment"


def test_what_is_satisfied_stays_as_it_is() -> None:
    assert why("noop", before=FULL) is None
    assert why("noop", before=FULL, after=replace(FULL, compiled=1)) is None
    touched = replace(FULL, changed=3)
    assert why("noop", before=FULL, after=touched) == "it was satisfied, and the environment was changed"


def test_cases_are_chosen_by_name_and_group() -> None:
    assert [case.name for case in chosen(["resolve", "noop"])] == ["noop", "resolve-new", "resolve-again"]
    with pytest.raises(KeyError, match="hot"):
        chosen(["hot"])


def test_a_new_question_is_another_one_each_time() -> None:
    asked = {requirements_for(CASES["resolve-new"], ("x", "y"), serial) for serial in range(3)}
    assert len(asked) == 3
    assert requirements_for(CASES["resolve-again"], ("x", "y"), 7) == ("x", "y")


def test_what_dry_runs_say_is_read() -> None:
    words = "Would install A_b-1.0 c-2\n"
    assert Holdfast(program="h", version="0").would_install(words, "") == TWO
    assert Pip(runner="p", version="0").would_install(f"Collecting c\n{words}", "") == TWO
    assert Uv(program="u", version="0").would_install("", "Would install 2 packages\n + a-b==1.0\n + c==2\n") == TWO


def test_all_are_asked_for_the_same() -> None:
    ask = Ask(python="/e/bin/python", requirements=("x", "y"), index="http://i/simple/", bytecode=True)
    for tool in (Holdfast(program="h", version="0"), Uv(program="u", version="0"), Pip(runner="p", version="0")):
        line = tool.line(ask)
        assert line[-2:] == ("x", "y")
        assert line[line.index("--index-url") + 1] == "http://i/simple/"
        assert "/e/bin/python" in line
        assert {"--compile", "--compile-bytecode"} & set(line)


def test_names_and_versions_come_from_file_names() -> None:
    assert distribution_of("Jupyter_Core-5.1-py3-none-any.whl") == ("jupyter-core", "5.1")
    assert distribution_of("Jupyter.Core-5.1.dist-info") == ("jupyter-core", "5.1")


def test_the_locks_time_is_read_from_json() -> None:
    report = '{"lock": {"waited": 0, "held": 0.025, "synced": 0.01}}'
    assert lock_seconds(report, "held") == 0.025
    assert lock_seconds(report, "synced") == 0.01
    assert lock_seconds('{"lock": null}', "held") is None
    assert lock_seconds("Traceback", "held") is None
