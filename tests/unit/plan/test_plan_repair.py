"""Which of several dist-infos is kept, what is restored, and what is refused."""

from __future__ import annotations

import pytest
from packaging.utils import NormalizedName
from packaging.version import Version

from holdfast.errors import HarmError, UnsatisfiableError
from holdfast.model.ailments import Ailment, AilmentKind
from holdfast.model.installed import InstalledDistribution, InstalledState, RecordEntry
from holdfast.model.metadata import Metadata
from holdfast.plan.repair import RepairPlan, path_of, plan_repair


def dist(
    version: str, *, record: bool = True, info: str = "", url: dict[str, object] | None = None, name: str = "demo"
) -> InstalledDistribution:
    return InstalledDistribution(
        metadata=Metadata(name=NormalizedName(name), display_name=name, version=Version(version)),
        location="/site",
        info_name=info or f"{name}-{version}.dist-info",
        record=(RecordEntry(path=f"{name}.py"),) if record else None,
        record_digest="",
        direct_url=url,
        editable=bool(url and "dir_info" in url),
    )


def state(*each: InstalledDistribution, duplicates: tuple[InstalledDistribution, ...] = ()) -> InstalledState:
    return InstalledState(distributions={one.name: one for one in each}, duplicates=duplicates)


def ailment(kind: AilmentKind, each: InstalledDistribution) -> Ailment:
    return Ailment(kind=kind, path=path_of(each), distribution=each)


def versions(plan: RepairPlan) -> tuple[list[str], list[str]]:
    return [str(each.version) for each in plan.restore], [str(each.version) for each in plan.further]


def test_what_is_whole_is_left_alone() -> None:
    plan = plan_repair(state(dist("1.0")), {}, ())
    assert not plan
    assert plan == RepairPlan()


@pytest.mark.parametrize(
    ("faults", "kept"),
    [
        ({}, "2.0"),
        ({"2.0": 1}, "1.0"),
        ({"1.0": 1}, "2.0"),
        ({"1.0": 2, "2.0": 1}, "2.0"),
        ({"1.0": 1, "2.0": 2}, "1.0"),
    ],
)
def test_of_two_the_one_with_fewer_faults_is_kept_then_the_newest(faults: dict[str, int], kept: str) -> None:
    old, new = dist("1.0"), dist("2.0")
    counts = {f"/site/demo-{version}.dist-info": count for version, count in faults.items()}
    plan = plan_repair(state(new, duplicates=(old,)), counts, (ailment(AilmentKind.DUPLICATE, old),))
    assert versions(plan) == ([kept], ["1.0" if kept == "2.0" else "2.0"])


@pytest.mark.parametrize("kind", [AilmentKind.NO_METADATA, AilmentKind.EMPTY])
def test_one_that_cannot_be_read_goes_before_one_that_can(kind: AilmentKind) -> None:
    whole, broken = dist("1.0"), dist("2.0")
    plan = plan_repair(state(whole), {"/site/demo-1.0.dist-info": 3}, (ailment(kind, broken),))
    assert versions(plan) == (["1.0"], ["2.0"])


def test_a_stash_counts_only_where_nothing_whole_is_left() -> None:
    stash = dist("1.0", info="~emo-1.0.dist-info")
    left = Ailment(kind=AilmentKind.LEFTOVER, path=path_of(stash), distribution=stash, stashed=stash)
    plan = plan_repair(state(dist("2.0")), {}, (left,))
    assert versions(plan) == ([], [])
    assert plan.leftovers == (stash,)
    plan = plan_repair(state(), {}, (left,))
    assert versions(plan) == (["1.0"], [])
    assert plan.leftovers == ()
    half = dist("2.0", record=False)
    plan = plan_repair(state(half), {}, (left, ailment(AilmentKind.NO_RECORD, half)))
    assert versions(plan) == (["1.0"], ["2.0"])


def test_names_leave_everything_else_alone() -> None:
    hurt, other = dist("1.0"), dist("1.0", name="other")
    faults = {path_of(hurt): 1, path_of(other): 1}
    plan = plan_repair(state(hurt, other), faults, (), (NormalizedName("other"),))
    assert [each.name for each in plan.restore] == ["other"]
    with pytest.raises(UnsatisfiableError, match="nothing"):
        plan_repair(state(hurt), faults, (), (NormalizedName("nothing"),))


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ({"url": "file:///src/demo", "dir_info": {"editable": True}}, "pip install --no-deps -e /src/demo"),
        (
            {"url": "https://x/demo", "vcs_info": {"vcs": "git"}},
            "pip install --no-deps --force-reinstall git+https://x/demo",
        ),
    ],
)
def test_what_no_wheel_restores_is_refused_with_what_to_type(url: dict[str, object], hint: str) -> None:
    hurt, other = dist("1.0", url=url), dist("1.0", name="other")
    with pytest.raises(HarmError) as caught:
        plan_repair(state(hurt, other), {path_of(hurt): 1, path_of(other): 1}, ())
    assert caught.value.hint == f"{hint}; and the others: holdfast repair other"
    plan = plan_repair(state(hurt, other), {path_of(other): 1}, ())
    assert [each.name for each in plan.restore] == ["other"]
