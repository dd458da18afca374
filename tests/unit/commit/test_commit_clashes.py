"""Who owns a path: shared, kept, replaced or refused, with the owner named (design section 4, "Clashes")."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import NormalizedName

from holdfast.commit.changes import compute_changes, questions
from holdfast.commit.namespaces import only_extends_path
from holdfast.errors import HarmError
from holdfast.model.changes import ChangeSet
from holdfast.model.composed import ComposedDistribution
from holdfast.model.installed import InstalledDistribution, InstalledState, RecordEntry
from holdfast.model.plan import InstallPlan, Remove, Replace
from holdfast.model.request import InstallPolicy
from holdfast.target.survey import survey
from tests.crash.world import (
    Dist,
    as_installed,
    change,
    coming,
    plan_between,
    scheme_at,
    state_of,
    target_at,
    tree_of,
    write_tree,
)

PKGUTIL = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
PKG_RESOURCES = "try:\n    __import__('pkg_resources').declare_namespace(__name__)\nexcept ImportError:\n    pass\n"


@pytest.fixture
def root(tmp_path: Path) -> str:
    made = os.path.realpath(tmp_path / "env")
    os.makedirs(f"{made}/lib/python3/site-packages")
    return made


def read(root: str, path: str) -> str:
    return Path(f"{root}/{path}").read_text(encoding="utf-8")


def decide(root: str, plan: InstallPlan, installed: InstalledState, *new: ComposedDistribution) -> ChangeSet:
    target = target_at(root)
    asked = questions(plan, new, installed, target.scheme)
    seen = survey(target.scheme, asked.paths, digests=asked.digests, texts=asked.texts)
    return compute_changes(plan, new, installed, seen, target, InstallPolicy())


ONE = Dist(name="one", files={"shared.py": "one", "one.py": ""})
TWO = Dist(name="two", files={"shared.py": "two", "two.py": ""})


def test_a_new_clash_is_refused_and_names_path_owner_and_way_out(root: str) -> None:
    change(root, (), (ONE,))
    with pytest.raises(HarmError) as caught:
        change(root, (ONE,), (ONE, TWO))
    assert "shared.py belongs to one" in caught.value.cause
    assert "--allow-clash two" in (caught.value.hint or "")
    assert not os.path.exists(f"{root}/lib/python3/site-packages/two.py")


def test_a_clash_within_the_request_is_refused(root: str) -> None:
    with pytest.raises(HarmError, match="belongs to one; two brings another"):
        change(root, (), (ONE, TWO))


def test_an_allowed_clash_is_made(root: str) -> None:
    change(root, (), (ONE,))
    allowed = InstallPolicy(allow_clash=frozenset({NormalizedName("two")}))
    change(root, (ONE,), (ONE, TWO), policy=allowed)
    assert read(root, "lib/python3/site-packages/shared.py") == "two"


def test_an_old_clash_is_no_reason_to_refuse_an_upgrade(root: str) -> None:
    allowed = InstallPolicy(allow_clash=frozenset({NormalizedName("two")}))
    change(root, (), (ONE,))
    change(root, (ONE,), (ONE, TWO), policy=allowed)
    newer = Dist(name="two", version="2", files={"shared.py": "two 2"})
    change(root, (ONE, TWO), (ONE, newer))
    assert read(root, "lib/python3/site-packages/shared.py") == "two 2"
    change(root, (ONE, newer), (ONE,))
    assert read(root, "lib/python3/site-packages/shared.py") == "two 2"  # one lists it still


def test_a_file_may_pass_from_one_project_to_another(root: str) -> None:
    change(root, (), (ONE,))
    change(root, (ONE,), (TWO,))
    assert read(root, "lib/python3/site-packages/shared.py") == "two"


def test_differing_namespace_declarations_keep_the_first(root: str) -> None:
    one = Dist(name="one", files={"ns/__init__.py": PKGUTIL, "ns/one.py": ""})
    two = Dist(name="two", files={"ns/__init__.py": PKG_RESOURCES, "ns/two.py": ""})
    three = Dist(name="three", files={"ns/__init__.py": "x = 1", "ns/three.py": ""})
    change(root, (), (one, two))
    assert read(root, "lib/python3/site-packages/ns/__init__.py") == PKGUTIL
    change(root, (one, two), (two,))
    assert read(root, "lib/python3/site-packages/ns/__init__.py") == PKGUTIL
    change(root, (two,), (one, two))
    with pytest.raises(HarmError):
        change(root, (one, two), (one, two, three))


@pytest.mark.parametrize("text", [PKGUTIL, PKG_RESOURCES, f'"""Doc."""\nimport pkgutil\n{PKGUTIL}'])
def test_what_only_extends_path(text: str) -> None:
    assert only_extends_path(text)


@pytest.mark.parametrize("text", ["", "x = 1", f"{PKGUTIL}x = 1", f"{PKGUTIL}import os", "(", "def f(): pass", "\0"])
def test_what_does_more_or_less(text: str) -> None:
    assert not only_extends_path(text)


@pytest.mark.parametrize("path", ["bin:python", "bin:python3.11", "data:pyvenv.cfg", "bin:python3-config"])
def test_nothing_may_shadow_the_interpreter(root: str, path: str) -> None:
    with pytest.raises(HarmError, match="interpreter"):
        change(root, (), (Dist(name="a", files={path: "x"}),), policy=InstallPolicy(replace_unowned=True))


def removing(root: str, *paths: str) -> ChangeSet:
    """Uninstall a distribution whose RECORD lists these paths too."""
    scheme = scheme_at(root)
    found = as_installed(ONE, scheme)
    entries = (*(found.record or ()), *(RecordEntry(path=path) for path in paths))
    return decide(root, InstallPlan(actions=(Remove(old=replace(found, record=entries)),)), state_of((ONE,), scheme))


def test_a_record_that_climbs_out_is_not_followed(root: str) -> None:
    outside = os.path.dirname(root)
    write_tree({f"{outside}/victim": b"", f"{root}/bin/python": b"", f"{root}/pyvenv.cfg": b""})
    change(root, (), (ONE,))
    changes = removing(root, f"{outside}/victim", "../../../../victim", "../../../bin/python", "../../../pyvenv.cfg")
    assert len(changes.warnings) == 1
    assert "left alone" in changes.warnings[0]
    assert {step.place.path for step in changes.steps} == {"one-1.dist-info", "one.py", "shared.py"}


def test_a_record_through_a_symlink_that_leads_out_is_not_followed(root: str, tmp_path: Path) -> None:
    write_tree({f"{tmp_path}/outside/victim": b""})
    change(root, (), (ONE,))
    os.symlink(f"{tmp_path}/outside", f"{root}/lib/python3/site-packages/link")
    changes = removing(root, "link/victim")
    assert len(changes.warnings) == 1
    assert all("victim" not in step.place.path for step in changes.steps)


def test_a_symlinked_directory_inside_the_target_is_one_place(root: str) -> None:
    """As /usr/local/man -> share/man on Debian: the file is named by one path and listed by another."""
    os.makedirs(f"{root}/share/man/man1")
    os.symlink("share/man", f"{root}/man")
    one = Dist(name="one", files={"data:man/man1/one.1": "page"})
    change(root, (), (one,))
    assert read(root, "share/man/man1/one.1") == "page"
    with pytest.raises(HarmError, match="belongs to one"):
        change(root, (one,), (one, Dist(name="two", files={"data:share/man/man1/one.1": "other"})))
    change(root, (one,), ())
    assert not os.path.exists(f"{root}/share/man")  # nothing else was in it
    assert os.path.islink(f"{root}/man")


def test_writing_through_a_symlink_that_leads_out_is_refused(root: str, tmp_path: Path) -> None:
    os.symlink(tmp_path, f"{root}/lib/python3/site-packages/a")
    with pytest.raises(HarmError, match="symlink"):
        change(root, (), (Dist(name="a", files={"a/x.py": ""}),))


@pytest.mark.parametrize("allowed", [False, True])
def test_a_foreign_directory_in_the_way_of_a_file_is_never_thrown_away(root: str, *, allowed: bool) -> None:
    write_tree({f"{root}/bin/tool/mine": b"mine"})
    with pytest.raises(HarmError, match="bin/tool"):
        change(root, (), (Dist(name="a", files={"bin:tool": ""}),), policy=InstallPolicy(replace_unowned=allowed))


def test_a_foreign_file_in_the_way_of_a_directory_is_replaced_on_demand(root: str) -> None:
    new = Dist(name="a", files={"a/x.py": ""})
    write_tree({f"{root}/lib/python3/site-packages/a": b"mine"})
    with pytest.raises(HarmError, match="site-packages/a"):
        change(root, (), (new,))
    change(root, (), (new,), policy=InstallPolicy(replace_unowned=True))
    assert os.path.exists(f"{root}/lib/python3/site-packages/a/x.py")


def test_what_has_no_record_cannot_be_removed(root: str) -> None:
    scheme = scheme_at(root)
    found: InstalledDistribution = replace(as_installed(ONE, scheme), record=None)
    with pytest.raises(ValueError, match="no RECORD"):
        decide(root, InstallPlan(actions=(Remove(old=found),)), InstalledState(distributions={found.name: found}))


def test_a_distribution_that_is_only_visible_is_shadowed_not_touched(root: str) -> None:
    scheme = scheme_at(root)
    system = replace(as_installed(ONE, scheme), location="/usr/lib/python3/dist-packages", owned=False)
    newer = Dist(name="one", version="2", files={"one.py": "2"})
    (action,) = plan_between((ONE,), (newer,), scheme).actions
    assert isinstance(action, Replace)
    plan = InstallPlan(actions=(replace(action, old=system),))
    state = InstalledState(distributions={system.name: system}, observed=((scheme.purelib, ()),))
    changes = decide(root, plan, state, *coming(plan, (newer,), scheme))
    assert {step.kind for step in changes.steps} == {"place"}
    assert changes.projects[0].old is None


def test_duplicates_of_a_project_leave_with_it(root: str) -> None:
    scheme = scheme_at(root)
    older = Dist(name="one", version="0", files={"zero.py": "", "one.py": ""})
    write_tree({**tree_of((older,), scheme), **tree_of((ONE,), scheme)})
    extra = as_installed(older, scheme)
    plan = plan_between((ONE,), (), scheme)
    plan = InstallPlan(actions=plan.actions, duplicates=(extra,))
    state = replace(state_of((ONE,), scheme), duplicates=(extra,))
    changes = decide(root, plan, state)
    names = {step.place.path for step in changes.steps}
    assert names == {"one-0.dist-info", "one-1.dist-info", "one.py", "shared.py", "zero.py"}
    assert [project.old and project.old[0].path for project in changes.projects] == [
        "one-1.dist-info",
        "one-0.dist-info",
    ]


def test_two_files_of_one_request_where_one_needs_the_other_as_a_directory(root: str) -> None:
    with pytest.raises(HarmError):
        change(root, (), (Dist(name="a", files={"x": ""}), Dist(name="b", files={"x/y": ""})))


@pytest.mark.parametrize(("path", "refused"), [("one", True), ("two", False)])
def test_bytecode_that_a_wheel_brings_for_the_source_of_another_is_a_clash(
    root: str, path: str, *, refused: bool
) -> None:
    scheme = scheme_at(root)
    one = Dist(name="one", files={"one/part.py": "1"})
    two = Dist(name="two", files={"two/part.py": "2", f"{path}/__pycache__/part.cpython-311.pyc": "evil"})
    change(root, (), (one,))
    plan = plan_between((one,), (one, two), scheme)
    (brought,) = coming(plan, (two,), scheme)
    for digest in ("", "of a file in the wheel"):
        files = tuple(replace(file, digest=digest) if file.path.endswith(".pyc") else file for file in brought.files)
        new = replace(brought, files=files)
        if refused and digest:
            with pytest.raises(HarmError, match=r"part\.cpython-311\.pyc belongs to one; two brings another"):
                decide(root, plan, state_of((one,), scheme), new)
        else:
            decide(root, plan, state_of((one,), scheme), new)
