"""What can be asked for: names, versions, extras, markers, URLs, files."""

from __future__ import annotations

import hashlib
import os

import pytest

from tests.scenarios.world import World, told
from tests.support.environments import installed
from tests.support.sdists import SdistSpec
from tests.support.wheels import WheelSpec, build_wheel, pkg, wheel_bytes


def sha256(spec: WheelSpec) -> str:
    return hashlib.sha256(wheel_bytes(spec)).hexdigest()


def test_a_name_brings_the_newest_release_and_what_it_requires(world: World) -> None:
    world.add(pkg("alpha", "1.0"), pkg("alpha", "2.0", requires=("Beta_Package>=1",)), pkg("beta-package", "1.5"))
    done = world.install("Alpha")
    assert world.packages == {"alpha": "2.0", "beta-package": "1.5"}
    assert done.stdout.splitlines()[-1] == "Successfully installed alpha-2.0 beta-package-1.5"
    assert world.sandbox.venv.imported("alpha.__version__", "alpha") == "2.0"


@pytest.mark.parametrize(
    ("asked", "version"),
    [
        ("alpha==1.1", "1.1"),
        ("alpha<2", "1.10"),
        ("alpha~=1.1.0", "1.1.1"),
        ("alpha!=2.0,!=1.10", "1.1.1"),
        ("alpha==1.1.*", "1.1.1"),
        ("alpha===1.1", "1.1"),
        ("alpha >= 1 , < 1.1", "1.0"),
        ("alpha>=3.0a1", "3.0b1"),
        ("alpha==3.0b1", "3.0b1"),
    ],
)
def test_a_specifier_chooses_the_highest_version_in_it(world: World, asked: str, version: str) -> None:
    world.add(*(pkg("alpha", each) for each in ("1.0", "1.1", "1.1.1", "1.10", "2.0", "3.0b1")))
    world.install(asked)
    assert world.packages == {"alpha": version}


def test_pre_releases_are_taken_with_pre_or_when_there_is_nothing_else(world: World) -> None:
    world.add(pkg("alpha", "1.0"), pkg("alpha", "2.0rc1"), pkg("beta", "1.0.dev3"))
    world.install("alpha", "beta")
    assert world.packages == {"alpha": "1.0", "beta": "1.0.dev3"}
    world.install("--pre", "-U", "alpha")
    assert world.packages["alpha"] == "2.0rc1"


def test_extras_bring_their_requirements_and_only_they(world: World) -> None:
    world.add(
        pkg(
            "alpha",
            requires=("one; extra == 'x'", "two; extra == 'y'", "alpha[x,y]; extra == 'all'"),
            extras=("x", "y", "all"),
        ),
        pkg("one"),
        pkg("two"),
    )
    world.install("alpha")
    assert set(world.packages) == {"alpha"}
    world.install("alpha[X]")
    assert set(world.packages) == {"alpha", "one"}
    world.install("alpha[all]")
    assert set(world.packages) == {"alpha", "one", "two"}


def test_an_extra_that_is_not_there_is_a_warning(world: World) -> None:
    world.add(pkg("alpha"))
    done = world.install("alpha[nonesuch]")
    assert "nonesuch" in done.stderr
    assert world.packages == {"alpha": "1.0"}


def test_markers_are_those_of_the_target(world: World) -> None:
    world.add(
        pkg("alpha", requires=("no; python_version < '3'", "yes; python_version >= '3'", "win; os_name == 'nt'")),
        pkg("yes"),
    )
    world.install("alpha", "never; sys_platform == 'win32'")
    assert set(world.packages) == {"alpha", "yes"}


def test_a_wheel_by_url_is_held_to_its_hash_and_its_origin_is_written_down(world: World) -> None:
    spec = pkg("alpha", requires=("beta",))
    world.add(spec, pkg("beta"))
    url = f"{world.index.file_url(spec.filename)}#sha256={sha256(spec)}"
    world.install(f"alpha @ {url}")
    assert world.packages == {"alpha": "1.0", "beta": "1.0"}
    (alpha,) = (each for each in installed(world.site) if each.name == "alpha")
    direct = alpha.read("direct_url.json")
    assert direct is not None
    assert sha256(spec) in direct
    assert world.run("freeze").stdout.splitlines() == [f"alpha @ {url}", "beta==1.0"]
    wrong = f"{world.index.file_url(spec.filename)}#sha256={'0' * 64}"
    told(world.install("--force-reinstall", wrong, code=5), cause="sha256")


def test_a_wheel_by_url_that_is_not_there_is_said_to_be_not_there(world: World) -> None:
    done = told(world.install(f"{world.index.root}/files/alpha-1.0-py3-none-any.whl", code=4), cause="404")
    assert "alpha-1.0-py3-none-any.whl" in done.stderr


def test_local_wheels_are_installed_by_path_and_by_file_url(world: World) -> None:
    first = build_wheel(pkg("alpha", requires=("beta",)), world.sandbox.cwd)
    second = build_wheel(pkg("beta"), os.path.join(world.sandbox.root, "elsewhere here"))
    world.install(f"./{os.path.basename(first)}", second, "--no-index")
    assert world.packages == {"alpha": "1.0", "beta": "1.0"}
    assert all(each.read("direct_url.json") for each in installed(world.site))
    world.install("--force-reinstall", "--no-deps", f"file://{first}", "--no-index")
    told(world.install("./nonesuch-1.0-py3-none-any.whl", code=2), cause="nonesuch-1.0-py3-none-any.whl")


def test_a_local_wheel_that_changed_is_installed_again_when_forced(world: World) -> None:
    build_wheel(pkg("alpha"), world.sandbox.cwd)
    world.install("./alpha-1.0-py3-none-any.whl")
    build_wheel(pkg("alpha", files={"alpha/more.py": "MORE = 1\n"}), world.sandbox.cwd)
    world.install("--force-reinstall", "./alpha-1.0-py3-none-any.whl")
    assert world.sandbox.venv.imported("alpha.more.MORE", "alpha.more") == "1"


def test_requirements_files_nest_comment_continue_and_read_the_environment(world: World) -> None:
    world.add(*(pkg(name, version) for name in ("alpha", "beta", "gamma", "delta") for version in ("1.0", "2.0")))
    world.sandbox.write(
        "requirements.txt",
        "# comment\nalpha \\\n   <2   # trailing\n\n-r more/nested.txt\n-c limits.txt\n${WANTED}==1.0\n",
    )
    world.sandbox.write(
        "more/nested.txt", "beta ; python_version >= '3'\nbeta-no ; python_version < '3'\n-c more.txt\n"
    )
    world.sandbox.write("more/more.txt", "beta<2\n")
    world.sandbox.write("limits.txt", "delta<2\nnever-asked-for==9\n")
    world.install("-r", "requirements.txt", "delta", env={"WANTED": "gamma"})
    assert world.packages == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0", "delta": "1.0"}


def test_constraints_hold_for_what_is_required_too_and_ask_for_nothing(world: World) -> None:
    world.add(pkg("alpha", requires=("beta",)), pkg("beta", "1.0"), pkg("beta", "2.0"), pkg("gamma"))
    world.sandbox.write("limits.txt", "beta==1.0\ngamma==1.0\n")
    world.install("alpha", "-c", "limits.txt")
    assert world.packages == {"alpha": "1.0", "beta": "1.0"}
    told(world.install("beta==2.0", "-c", "limits.txt", code=1), cause="limits.txt")


def test_hashes_in_a_file_hold_for_everything(world: World) -> None:
    alpha, beta = pkg("alpha", requires=("beta",)), pkg("beta")
    world.add(alpha, beta)
    one = f"alpha==1.0 --hash=sha256:{sha256(alpha)}\n"
    both = f"{one}beta==1.0 \\\n  --hash=sha256:{'0' * 64} \\\n  --hash=sha256:{sha256(beta)}\n"
    world.sandbox.write("requirements.txt", both)
    world.sandbox.write("half.txt", one)
    world.sandbox.write("wrong.txt", f"beta==1.0 --hash=sha256:{'1' * 64}\n")
    told(world.install("-r", "half.txt", code=1), cause="beta")
    done = told(world.install("-r", "wrong.txt", code=1), cause="hash")
    assert "not found" not in done.stderr
    assert world.packages == {}
    world.install("-r", "requirements.txt")
    assert world.packages == {"alpha": "1.0", "beta": "1.0"}


def test_require_hashes_wants_a_hash_and_a_pin(world: World) -> None:
    world.add(pkg("alpha"))
    told(world.install("--require-hashes", "alpha==1.0", code=1), cause="--hash")


def test_options_in_a_requirements_file_count(world: World) -> None:
    build_wheel(pkg("alpha", "1.0rc1"), os.path.join(world.sandbox.root, "wheels"))
    world.sandbox.write("requirements.txt", "--no-index\n--find-links ../wheels\n--pre\nalpha\n")
    world.install("-r", "requirements.txt")
    assert world.packages == {"alpha": "1.0rc1"}


def test_a_requirements_file_that_is_wrong_is_named_with_its_line(world: World) -> None:
    world.sandbox.write("requirements.txt", "alpha\nbeta >=< 1\n")
    told(world.install("-r", "requirements.txt", code=2), cause="requirements.txt:2")
    told(world.install("-r", "absent.txt", code=2), cause="absent.txt")


def test_a_project_that_has_only_sdists_is_refused_in_a_sentence(world: World) -> None:
    world.index.add(SdistSpec(name="alpha", version="1.0"))
    done = told(world.install("alpha", code=1), cause="source distributions only")
    assert "wheels only" in done.stderr
    world.add(pkg("alpha", "0.9"))
    world.install("alpha", "--no-cache")
    assert world.packages == {"alpha": "0.9"}


def test_an_unknown_name_is_absent_and_says_where_was_looked(world: World) -> None:
    done = told(world.install("nonesuch", code=1), cause="does not exist", hint="spelling")
    assert world.index.url in done.stderr


def test_a_release_for_another_python_is_passed_over_and_said_when_there_is_no_other(world: World) -> None:
    world.add(pkg("alpha", "2.0", requires_python=">=4"))
    done = told(world.install("alpha", code=1), cause="Python >=4")
    assert "not found" not in done.stderr
    world.add(pkg("alpha", "1.0"))
    world.install("alpha", "--no-cache")
    assert world.packages == {"alpha": "1.0"}
    world.install("-U", "--ignore-requires-python", "alpha", "--no-cache")
    assert world.packages == {"alpha": "2.0"}


def test_a_wheel_for_another_platform_is_incompatible_and_says_for_whom_it_is(world: World) -> None:
    world.add(WheelSpec(name="alpha", version="1.0", tags=("cp39-cp39-win_amd64",), files={"alpha.py": ""}))
    told(world.install("alpha", code=1), cause="win_amd64")
