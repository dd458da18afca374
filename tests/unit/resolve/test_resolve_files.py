"""Rules on single files: names, tags, Requires-Python, formats, hashes, build numbers."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from holdfast.model.filenames import filename_of
from holdfast.model.hashes import Hash
from holdfast.model.release import ReleaseFile
from holdfast.model.request import FormatControl, ResolvePolicy
from holdfast.resolve.filenames import TagRanks, sdist_version, split_wheel_name
from holdfast.resolve.problem import Problem
from holdfast.resolve.rules import FileRules, Fit, PythonRule, Refusal, hashes_agree, hashes_to_verify
from tests.support.package_world import MARKERS, TAGS, PackageWorld, digest

NAME = canonicalize_name("demo")


def rules(policy: ResolvePolicy | None = None, hashes: frozenset[Hash] = frozenset()) -> FileRules:
    problem = Problem(roots=(), policy=policy or ResolvePolicy(), markers=MARKERS, tags=TAGS, python_version="3.12.1")
    return FileRules(problem, {NAME: hashes} if hashes else {})


def judge(
    filename: str,
    *,
    policy: ResolvePolicy | None = None,
    hashes: tuple[Hash, ...] = (),
    allowed: frozenset[Hash] = frozenset(),
    requires_python: str | None = None,
) -> Fit | Refusal:
    file = ReleaseFile(
        filename=filename, url=f"https://x.test/{filename}", hashes=hashes, requires_python=requires_python
    )
    return rules(policy, allowed).judge(NAME, file)


@pytest.mark.parametrize(
    ("filename", "refusal"),
    [
        ("demo-1.0.tar.gz", Refusal.SDIST),
        ("demo-1.0.zip", Refusal.SDIST),
        ("demo-1.0-py3.9.egg", Refusal.NAME),
        ("demo-1.0.exe", Refusal.NAME),
        ("demo-1.0-py3-none.whl", Refusal.NAME),
        ("demo-1.0-x1-py3-none-any.whl", Refusal.NAME),
        ("other-1.0-py3-none-any.whl", Refusal.NAME),
        ("demo-not.a.version-py3-none-any.whl", Refusal.NAME),
        ("demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", Refusal.TAGS),
        ("demo-1.0-cp312-cp312-win_amd64.whl", Refusal.TAGS),
    ],
)
def test_what_is_no_wheel_for_here_is_refused_with_its_reason(filename: str, refusal: Refusal) -> None:
    assert judge(filename) is refusal


def test_a_wheel_is_read_from_its_name() -> None:
    fit = judge("Demo-1.0-3b-py2.py3-none-any.whl")
    assert isinstance(fit, Fit)
    assert (str(fit.version), fit.rank, fit.build) == ("1.0", 2, (3, "b"))


def test_compressed_tags_rank_by_their_best() -> None:
    ranks = TagRanks(TAGS)
    assert ranks.rank(("cp311.cp312", "cp312", "manylinux1_x86_64.manylinux_2_17_x86_64")) == 0
    assert ranks.rank(("py2.py3", "none", "any")) == 2
    assert ranks.rank(("py2", "none", "any")) is None


def test_requires_python_is_judged_for_the_target() -> None:
    assert judge("demo-1.0-py3-none-any.whl", requires_python=">=3.13") is Refusal.PYTHON
    assert isinstance(judge("demo-1.0-py3-none-any.whl", requires_python=">=3.8,<4"), Fit)
    assert isinstance(judge("demo-1.0-py3-none-any.whl", requires_python="nonsense"), Fit)
    ignoring = ResolvePolicy(ignore_requires_python=True)
    assert isinstance(judge("demo-1.0-py3-none-any.whl", requires_python=">=3.13", policy=ignoring), Fit)


def test_a_prerelease_of_python_counts_as_its_release() -> None:
    assert PythonRule("3.14.0rc1", ignored=False)(">=3.14")
    assert not PythonRule("3.14.0rc1", ignored=False)("<3.14")


def test_no_binary_forbids_wheels_unless_the_project_is_excepted() -> None:
    everything = ResolvePolicy(formats=FormatControl(all_no_binary=True))
    assert judge("demo-1.0-py3-none-any.whl", policy=everything) is Refusal.FORBIDDEN
    excepted = ResolvePolicy(formats=FormatControl(all_no_binary=True, only_binary=frozenset({NAME})))
    assert isinstance(judge("demo-1.0-py3-none-any.whl", policy=excepted), Fit)


def test_hashes_narrow_the_files() -> None:
    good, bad = digest("good"), digest("bad")
    other = Hash(algorithm="sha512", digest="00")
    assert judge("demo-1.0-py3-none-any.whl", hashes=(bad,), allowed=frozenset({good})) is Refusal.HASH
    assert isinstance(judge("demo-1.0-py3-none-any.whl", hashes=(good,), allowed=frozenset({good, bad})), Fit)
    assert hashes_agree((other,), frozenset({good}))
    assert hashes_agree((), frozenset({good}))
    assert hashes_to_verify((good, other), frozenset({good, bad})) == (good,)
    assert set(hashes_to_verify((), frozenset({good, bad}))) == {good, bad}


@pytest.mark.parametrize(
    ("filename", "version"),
    [
        ("my-demo-1.0.tar.gz", "1.0"),
        ("my_demo-2.0b1.zip", "2.0b1"),
        ("my-demo-extra.tar.gz", None),
        ("x-1.tar.gz", None),
    ],
)
def test_an_sdist_tells_its_version(filename: str, version: str | None) -> None:
    found = sdist_version(filename, "my-demo")
    assert (str(found) if found else None) == version


def test_a_url_tells_its_file_name() -> None:
    assert (
        filename_of("https://x.test/a/demo-1.0%2Blocal-py3-none-any.whl?token=1") == "demo-1.0+local-py3-none-any.whl"
    )
    assert split_wheel_name("demo-1.0.whl") is None


def test_the_best_tag_wins_then_the_higher_build() -> None:
    world = PackageWorld()
    world.add("demo", "1.0")
    world.add("demo", "1.0", tags=TAGS[0], build="2")
    world.add("demo", "1.0", tags=TAGS[0], build="10")
    world.add("demo", "1.0", tags=TAGS[1], build="11")
    (pin,) = world.resolve("demo").pins
    assert "-10-" in repr(pin.source)


def test_an_older_version_with_a_usable_wheel_is_taken() -> None:
    world = PackageWorld()
    world.add("demo", "2.0", tags="cp312-cp312-win_amd64")
    world.add("demo", "1.5", listed_python=">=3.13")
    world.add("demo", "1.0")
    assert world.solve("demo") == {"demo": "1.0"}
