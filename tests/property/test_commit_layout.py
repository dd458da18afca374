"""The steps of a change set, applied to a tree as the design reads them, give exactly the new tree, and harm nothing.

Distributions, foreign files, stale bytecode and what is left of it are drawn; the survey is taken from the model tree,
so that nothing here touches a disk.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.commit.changes import compute_changes, questions
from holdfast.errors import HarmError
from holdfast.model.changes import ChangeSet, DirectorySight, EntryKind, StepKind, Survey
from holdfast.model.composed import Generated
from holdfast.model.places import absolute
from holdfast.model.request import InstallPolicy
from holdfast.model.target import Scheme, SchemeKey
from tests.crash.world import (
    Dist,
    Tree,
    coming,
    digest_of,
    plan_between,
    scheme_at,
    state_of,
    target_at,
    tree_of,
)

ROOT = "/env"
SCHEME = scheme_at(ROOT)
TARGET = target_at(ROOT)
PATHS = (
    *("p/__init__.py", "p/a.py", "p/sub/b.py", "p/sub/c.txt", "ns/__init__.py", "ns/x/m.py", "ns/y.py"),
    *("m.py", "m/__init__.py", "top", "top/below", "bin:run", "data:share/d/one", "data:share/d", "include:h/h.h"),
    *("p/__pycache__/a.cpython-311.pyc", "q/only/deep/file"),
)
FOREIGN = ("p/mine.txt", "p/sub/mine", "ns/x/mine", "m/mine", "bin:mine", "data:share/mine", "__pycache__/mine.txt")
BYTECODE = (
    *("p/__pycache__/a.cpython-311.pyc", "p/__pycache__/a.cpython-39.opt-1.pyc", "__pycache__/m.cpython-311.pyc"),
    *("p/sub/__pycache__/b.cpython-311.pyc", "p/sub/__pycache__/orphan.cpython-311.pyc"),
)


def place(path: str) -> str:
    for prefix, base in (("bin:", SCHEME.scripts), ("data:", SCHEME.data), ("include:", SCHEME.headers)):
        if path.startswith(prefix):
            return f"{base}/{path.removeprefix(prefix)}"
    return f"{SCHEME.purelib}/{path}"


def is_consistent(paths: set[str]) -> bool:
    """No file is a directory of another."""
    return not any(other.startswith(f"{path}/") for path in paths for other in paths)


@st.composite
def distributions(draw: st.DrawFn) -> tuple[Dist, ...]:
    made = []
    for name in draw(st.sets(st.sampled_from(["one", "two", "three"]))):
        paths = draw(st.sets(st.sampled_from(PATHS), max_size=8))
        version = draw(st.sampled_from(["1", "2"]))
        content = draw(st.sampled_from(["same", "same", f"{name} {version}"]))
        if is_consistent({place(path) for path in paths}):
            made.append(Dist(name=name, version=version, files=dict.fromkeys(sorted(paths), content)))
    return tuple(made)


def together(dists: tuple[Dist, ...]) -> bool:
    """They can be installed side by side without a clash."""
    found: Tree = {}
    for dist in dists:
        for path, content in tree_of((dist,), SCHEME).items():
            if found.setdefault(path, content) != content:
                return False
    return is_consistent(set(found))


def directories_of(tree: Tree, existing: set[str]) -> set[str]:
    found = set(existing)
    for each in (*tree, *existing):
        parent = each.rpartition("/")[0]
        while parent:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found


def survey_of(tree: Tree, existing: set[str], digests: tuple[str, ...], closed: frozenset[str] = frozenset()) -> Survey:
    listing: dict[str, dict[str, EntryKind]] = {each: {} for each in directories_of(tree, existing)}
    for each in list(listing):
        parent, _, name = each.rpartition("/")
        if parent:
            listing[parent][name] = EntryKind.DIRECTORY
    for each in tree:
        parent, _, name = each.rpartition("/")
        listing[parent][name] = EntryKind.FILE
    return Survey(
        directories={
            path: DirectorySight(inode=1, mtime_ns=1, entries=names, closed=path in closed)
            for path, names in listing.items()
        },
        digests={path: digest_of(tree[path]) for path in digests if path in tree},
    )


def applied(changes: ChangeSet, tree: Tree, existing: set[str]) -> tuple[Tree, set[str]]:
    """Carry out the steps on the model, each with its precondition; what lies in old/ must be listed."""
    done = {(step.kind, step.place) for step in changes.steps}
    assert len(done) == len(changes.steps)  # a journal that does something twice is refused
    tree, existing = dict(tree), directories_of(tree, existing)
    for step in changes.steps:
        at = absolute(SCHEME, step.place)
        inside = {path for path in tree if path == at or path.startswith(f"{at}/")}
        below = {path for path in existing if path == at or path.startswith(f"{at}/")}
        if step.kind is StepKind.PLACE:
            assert not inside | below, f"{at} is taken"
        if step.kind is StepKind.REPLACE:
            assert inside == {at}
        if step.kind in {StepKind.REMOVE, StepKind.SWAP}:
            assert inside | below, f"{at} is not there"
        for path in inside:
            assert path[len(at) + 1 :] in changes.listed[step.n], f"{path} may not be deleted"
            del tree[path]
        existing -= below
        assert at.rpartition("/")[0] in existing, f"{at} has no directory"
        for name, file in changes.contents.get(step.n, ()):
            assert isinstance(file.source, Generated)
            tree[f"{at}/{name}" if name else at] = file.source.content
        existing = directories_of({path: b"" for path in tree if path.startswith(f"{at}/")}, existing)
    return tree, existing


def changes_between(  # noqa: PLR0917 - before and after, twice
    old: tuple[Dist, ...],
    new: tuple[Dist, ...],
    tree: Tree,
    existing: set[str],
    scheme: Scheme = SCHEME,
    closed: frozenset[str] = frozenset(),
) -> ChangeSet:
    plan, installed = plan_between(old, new, scheme), state_of(old, scheme)
    parts = coming(plan, new, scheme)
    asked = questions(plan, parts, installed, scheme)
    seen = survey_of(tree, existing, asked.digests, closed)
    return compute_changes(plan, parts, installed, seen, TARGET, InstallPolicy())


EXISTING = {SCHEME.directory(key) for key in SchemeKey if key is not SchemeKey.HEADERS}


def surroundings(foreign: set[str], bytecode: set[str], dists: tuple[Dist, ...]) -> Tree:
    """What else lies there: foreign files, and bytecode of modules that are there."""
    tree = tree_of(dists, SCHEME)
    extra = {place(path): b"mine" for path in foreign}
    if not is_consistent({*tree, *extra}):
        extra = {}
    caches = {place(path): b"stale" for path in bytecode if place(path) not in tree}
    return {**extra, **(caches if is_consistent({*tree, *extra, *caches}) else {})}


def is_cache(path: str) -> bool:
    return path.endswith(".pyc")


@settings(max_examples=150, deadline=None)
@given(distributions(), distributions(), st.sets(st.sampled_from(FOREIGN)), st.sets(st.sampled_from(BYTECODE)))
def test_the_steps_lead_to_the_new_tree_and_leave_what_is_foreign(
    old: tuple[Dist, ...], new: tuple[Dist, ...], foreign: set[str], bytecode: set[str]
) -> None:
    if not (together(old) and together(new)):
        return
    extra = surroundings(foreign, bytecode, old)
    tree = {**tree_of(old, SCHEME), **extra}
    wanted = tree_of(new, SCHEME)
    try:
        changes = changes_between(old, new, tree, EXISTING)
    except HarmError:
        in_the_way = {path for path in extra if not is_cache(path)}
        assert not is_consistent({*wanted, *in_the_way}), "refused without a reason"
        return
    after, directories = applied(changes, tree, EXISTING)
    mine = {path: content for path, content in extra.items() if not is_cache(path)}
    assert {path: content for path, content in after.items() if not is_cache(path) or path in wanted} == wanted | mine
    caches = {path for path in after if is_cache(path) and path not in wanted}
    touched = {
        path
        for path, content in tree_of(old, SCHEME).items()
        if wanted.get(path) != content or any(path in tree_of((dist,), SCHEME) for dist in old if dist not in new)
    }
    for cache in caches:
        source = cache.replace("/__pycache__", "").partition(".")[0] + ".py"
        assert source not in touched or source in wanted, f"{cache} outlived its module"
    for directory in directories - directories_of(tree, EXISTING):
        assert any(path.startswith(f"{directory}/") for path in after), f"{directory} was made for nothing"


@settings(max_examples=100, deadline=None)
@given(distributions(), distributions())
def test_uninstall_after_install_gives_the_initial_tree(old: tuple[Dist, ...], new: tuple[Dist, ...]) -> None:
    names = {dist.name for dist in old}
    both = (*old, *(dist for dist in new if dist.name not in names))
    if not together(both):
        return
    start = tree_of(old, SCHEME)
    there, directories = applied(changes_between(old, both, start, EXISTING), start, EXISTING)
    assert there == tree_of(both, SCHEME)
    back, remaining = applied(changes_between(both, old, there, directories), there, directories)
    assert back == start
    schemes = directories_of({}, {SCHEME.headers, "/env/include"})
    assert remaining - directories_of(start, EXISTING) <= schemes | {"/env/include", "/env"}


CLOSED = (SCHEME.data, *map(place, ("data:share", "data:share/d", "p", "ns")))


@settings(max_examples=150, deadline=None)
@given(distributions(), distributions(), st.frozensets(st.sampled_from(CLOSED), min_size=1))
def test_no_directory_moves_out_of_one_that_this_user_may_not_change(
    old: tuple[Dist, ...], new: tuple[Dist, ...], closed: frozenset[str]
) -> None:
    if not (together(old) and together(new)):
        return
    tree = tree_of(old, SCHEME)
    directories = directories_of(tree, EXISTING)
    try:
        changes = changes_between(old, new, tree, EXISTING, closed=closed)
    except HarmError:
        return  # a file would come where the directory has to stay
    for step in changes.steps:
        path = absolute(SCHEME, step.place)
        assert path not in directories or path.rpartition("/")[0] not in closed
    after, _ = applied(changes, tree, EXISTING)
    assert after == tree_of(new, SCHEME)


@settings(max_examples=100, deadline=None)
@given(distributions())
def test_a_fresh_environment_gets_every_top_level_entry_in_one_step(new: tuple[Dist, ...]) -> None:
    if not together(new):
        return
    changes = changes_between((), new, {}, EXISTING)
    wanted = tree_of(new, SCHEME)
    bases = sorted({*EXISTING}, key=len, reverse=True)
    entries = set()
    for path in wanted:
        base = next(each for each in bases if path.startswith(f"{each}/"))
        entries.add(f"{base}/{path[len(base) + 1 :].partition('/')[0]}")
    assert {absolute(SCHEME, step.place) for step in changes.steps} == entries
