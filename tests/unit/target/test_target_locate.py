from __future__ import annotations

import os

import pytest

from holdfast.errors import TargetError, UsageError
from holdfast.model.target import Target, TargetKind, TargetRequest
from holdfast.store.facts import StoredFacts
from holdfast.target.locate import locate as locate_uncached
from tests.support.environments import Venv, make_venv
from tests.support.interpreters import Interpreter, interpreters, this_interpreter


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> StoredFacts:
    return StoredFacts(str(tmp_path_factory.mktemp("facts")))


@pytest.fixture
def venv(tmp_path: object) -> Venv:
    return make_venv(f"{tmp_path}/venv")


def locate(cache: StoredFacts, **request: object) -> Target:
    return locate_uncached(TargetRequest(**request), cache)  # type: ignore[arg-type]


def program(path: str, target: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nexec {target} "$@"\n')
    os.chmod(path, 0o755)


def test_virtual_env(venv: Venv, cache: StoredFacts) -> None:
    target = locate(cache, virtual_env=venv.root, cwd="/")
    assert target.kind is TargetKind.VENV
    assert target.scheme.purelib == target.scheme.platlib == venv.site_packages
    assert target.scheme.scripts == venv.bin
    assert target.scheme.data == target.root == venv.root
    assert target.interpreter.executable == venv.python
    assert target.visible[0] == venv.site_packages  # Debian's Python looks into further directories of its prefix
    assert all(path.startswith(venv.root + "/") for path in target.visible)
    assert target.library_directories == (venv.site_packages,)


def test_the_nearest_dot_venv_upwards(tmp_path: object, cache: StoredFacts) -> None:
    outer, inner = make_venv(f"{tmp_path}/.venv"), make_venv(f"{tmp_path}/a/.venv")
    os.makedirs(f"{tmp_path}/a/b/c")
    assert locate(cache, cwd=f"{tmp_path}/a/b/c").root == inner.root
    assert locate(cache, cwd=str(tmp_path)).root == outer.root


def test_a_dot_venv_that_is_none_is_not_looked_at(tmp_path: object, cache: StoredFacts) -> None:
    venv = make_venv(f"{tmp_path}/.venv")
    os.makedirs(f"{tmp_path}/a/.venv")
    assert locate(cache, cwd=f"{tmp_path}/a").root == venv.root


def test_the_order(tmp_path: object, cache: StoredFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    named, active, conda, here = (make_venv(f"{tmp_path}/{name}") for name in ("named", "active", "conda", ".venv"))
    monkeypatch.setenv("PATH", os.path.dirname(this_interpreter().executable))
    request: dict[str, object] = {"cwd": str(tmp_path)}
    expected = [here.root]
    assert locate(cache, **request).root == here.root
    for key, value, root in (
        ("conda_prefix", conda.root, conda.root),
        ("virtual_env", active.root, active.root),
        ("system", True, os.path.dirname(os.path.dirname(this_interpreter().executable))),
        ("python", named.root, named.root),
    ):
        request[key] = value
        assert os.path.realpath(locate(cache, **request).root) == os.path.realpath(root), key
        expected.append(root)
    assert len(set(expected)) == 5


def test_nothing_to_install_into(tmp_path: object, cache: StoredFacts) -> None:
    with pytest.raises(TargetError) as caught:
        locate(cache, cwd=str(tmp_path))
    assert "holdfast venv" in str(caught.value.hint)
    assert "--system" in str(caught.value.hint)
    assert caught.value.exit_code == 3


def test_a_dangling_interpreter(venv: Venv, cache: StoredFacts) -> None:
    for name in os.listdir(venv.bin):
        if name.startswith("python"):
            os.unlink(f"{venv.bin}/{name}")
    os.symlink("/no/such/python3.9", venv.python)
    for request in ({"virtual_env": venv.root}, {"python": venv.root}):
        with pytest.raises(TargetError) as caught:
            locate(cache, **request)
        assert "/no/such/python3.9, which does not exist" in caught.value.cause
        assert caught.value.hint == f"Make it anew: holdfast venv --clear {venv.root}"
    with pytest.raises(TargetError, match="which does not exist"):
        locate(cache, python=venv.python)


def test_a_virtual_env_that_is_gone(tmp_path: object, cache: StoredFacts) -> None:
    make_venv(f"{tmp_path}/.venv")
    with pytest.raises(TargetError, match=r"VIRTUAL_ENV names .*/gone, which does not exist") as caught:
        locate(cache, virtual_env=f"{tmp_path}/gone", cwd=str(tmp_path))
    assert "unset VIRTUAL_ENV" in str(caught.value.hint)


def test_an_empty_directory_is_no_environment(tmp_path: object, cache: StoredFacts) -> None:
    with pytest.raises(TargetError, match="has no Python in it"):
        locate(cache, virtual_env=str(tmp_path))
    with pytest.raises(TargetError, match="without a Python in it"):
        locate(cache, python=str(tmp_path))


def test_a_lost_pyvenv_cfg_does_not_lead_into_the_system(venv: Venv, cache: StoredFacts) -> None:
    os.unlink(f"{venv.root}/pyvenv.cfg")
    with pytest.raises(TargetError, match=r"pyvenv\.cfg is missing or damaged"):
        locate(cache, virtual_env=venv.root)


def test_python_by_path_to_the_interpreter_relative(venv: Venv, cache: StoredFacts) -> None:
    target = locate(cache, python="venv/bin/python", cwd=os.path.dirname(venv.root))
    assert target.root == venv.root
    assert target.kind is TargetKind.PYTHON
    assert locate(cache, python="venv", cwd=os.path.dirname(venv.root)).root == venv.root


@pytest.mark.parametrize("interpreter", interpreters(), ids=str)
def test_python_by_version(interpreter: Interpreter, cache: StoredFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.path.dirname(interpreter.executable) + ":/nowhere")
    for spelling in (interpreter.minor, f"python{interpreter.minor}"):
        assert locate(cache, python=spelling).interpreter.version.startswith(interpreter.minor)


def test_a_version_is_found_behind_an_unversioned_name(
    tmp_path: object, cache: StoredFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = this_interpreter()
    program(f"{tmp_path}/bin/python3", python.executable)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    monkeypatch.setenv("PYENV_ROOT", f"{tmp_path}/none")
    monkeypatch.setattr("holdfast.target.interpreters.WELL_KNOWN", ())
    full = ".".join(map(str, python.version))
    assert locate(cache, python=full).interpreter.version == full
    with pytest.raises(TargetError, match=r"There is no Python 3\.99"):
        locate(cache, python="3.99")


def test_a_shim_without_a_python_behind_it_is_passed_over(
    tmp_path: object, cache: StoredFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = this_interpreter()
    os.makedirs(f"{tmp_path}/shims")
    for name in (f"python{python.minor}", "python3"):
        program(f"{tmp_path}/shims/{name}", "/bin/false")
    monkeypatch.setenv("PATH", f"{tmp_path}/shims:{os.path.dirname(python.executable)}")
    assert locate(cache, python=python.minor).interpreter.version.startswith(python.minor)
    assert not locate(cache, system=True).interpreter.is_virtual


def test_pyenvs_newest_patch_comes_first(tmp_path: object, cache: StoredFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    python = this_interpreter()
    for patch in (2, 10, 9):
        program(f"{tmp_path}/versions/{python.minor}.{patch}/bin/python", python.executable)
    from holdfast.target import interpreters as module  # noqa: PLC0415 - looked into by this test only

    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    found = [path for path in module._candidates(python.minor, "") if path.startswith(str(tmp_path))]
    assert [path.split("/")[-3] for path in found] == [f"{python.minor}.{patch}" for patch in (10, 9, 2)]
    assert locate(cache, python=python.minor).interpreter.version.startswith(python.minor)


def test_old_versions_are_refused_by_name(cache: StoredFacts) -> None:
    with pytest.raises(TargetError, match=r"holdfast installs for Python 3\.8 and newer"):
        locate(cache, python="3.7")


def test_a_name_that_is_not_on_path(cache: StoredFacts) -> None:
    with pytest.raises(TargetError, match="There is no jython on PATH"):
        locate(cache, python="jython")


def test_system_passes_environments_on_path_over(
    venv: Venv, cache: StoredFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = this_interpreter()
    shims = f"{os.path.dirname(venv.root)}/shims"
    program(f"{shims}/python3", venv.python)
    monkeypatch.setenv("PATH", f"{venv.bin}:{shims}:{os.path.dirname(python.executable)}:/usr/bin")
    target = locate(cache, system=True, virtual_env=venv.root)
    assert target.kind is TargetKind.SYSTEM
    assert not target.interpreter.is_virtual


def test_target_directory(venv: Venv, cache: StoredFacts, tmp_path: object) -> None:
    target = locate(cache, target="lib/here", virtual_env=venv.root, cwd=str(tmp_path))
    directory = f"{tmp_path}/lib/here"
    assert target.kind is TargetKind.TARGET
    assert target.scheme.purelib == target.scheme.platlib == target.scheme.data == target.root == directory
    assert target.scheme.scripts == f"{directory}/bin"
    assert target.visible == (directory,)
    assert target.interpreter.executable == venv.python


def test_prefix(cache: StoredFacts, tmp_path: object) -> None:
    python = this_interpreter()
    target = locate(cache, prefix=f"{tmp_path}/prefix", python=python.executable)
    assert target.kind is TargetKind.PREFIX
    assert target.root == f"{tmp_path}/prefix"
    assert target.scheme.purelib.startswith(f"{tmp_path}/prefix/")
    assert target.visible == (target.scheme.purelib,)


def test_root_goes_on_top_of_everything(venv: Venv, cache: StoredFacts, tmp_path: object) -> None:
    image = f"{tmp_path}/image"
    os.symlink("image", f"{tmp_path}/link")
    for root in ("image", "link"):
        target = locate(cache, root=root, virtual_env=venv.root, cwd=str(tmp_path))
        assert target.relocation == image
        assert target.scheme.purelib == image + venv.site_packages
        assert target.root == image + venv.root
        assert target.visible[0] == image + venv.site_packages
        assert all(path.startswith(image + venv.root + "/") for path in target.visible)
    assert locate(cache, root=image, target="/opt/x", virtual_env=venv.root).scheme.data == f"{image}/opt/x"


def test_user(cache: StoredFacts, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    python = this_interpreter()
    monkeypatch.setenv("HOME", str(tmp_path))
    target = locate(cache, user=True, python=python.executable)
    assert target.kind is TargetKind.USER
    assert target.scheme.purelib.startswith(str(tmp_path))
    assert target.visible[0] == target.scheme.purelib
    assert set(target.visible[1:]) == set(map(os.path.realpath, target.interpreter.site_packages))


def test_user_is_refused_in_an_environment_that_does_not_see_it(venv: Venv, cache: StoredFacts) -> None:
    with pytest.raises(TargetError, match="does not see the user's own packages"):
        locate(cache, user=True, python=venv.root)


def test_two_places_exclude_each_other(cache: StoredFacts) -> None:
    with pytest.raises(UsageError, match="--target and --prefix exclude each other"):
        locate(cache, target="a", prefix="b")


def test_one_directory_has_one_spelling(venv: Venv, cache: StoredFacts) -> None:
    """As on Fedora, where platlib is in lib64, and lib64 is a symlink."""
    os.symlink(os.path.dirname(venv.root), f"{venv.root}-link")
    target = locate(cache, virtual_env=f"{venv.root}-link/venv")
    assert target.scheme.purelib == venv.site_packages
    assert target.interpreter.executable == f"{venv.root}-link/venv/bin/python"


def test_lib64_is_lib(tmp_path: object) -> None:
    from holdfast.model.target import Scheme  # noqa: PLC0415 - next to its one use
    from holdfast.target.schemes import resolved  # noqa: PLC0415 - next to its one use

    os.makedirs(f"{tmp_path}/lib/python3.12/site-packages")
    os.symlink("lib", f"{tmp_path}/lib64")
    scheme = resolved(
        Scheme(
            purelib=f"{tmp_path}/lib/python3.12/site-packages",
            platlib=f"{tmp_path}/lib64/python3.12/site-packages",
            scripts=f"{tmp_path}/bin",
            headers=f"{tmp_path}/include",
            data=str(tmp_path),
        )
    )
    assert scheme.platlib == scheme.purelib


def test_system_packages_are_visible_after_the_own_ones(cache: StoredFacts, tmp_path: object) -> None:
    import subprocess  # noqa: PLC0415 - next to its one use

    python, root = this_interpreter(), f"{tmp_path}/venv"
    options = ["--without-pip", "--symlinks", "--system-site-packages"]
    subprocess.run([python.executable, "-I", "-m", "venv", *options, root], check=True)
    target = locate(cache, virtual_env=root)
    base = locate(cache, python=python.executable)
    assert target.visible[0] == target.scheme.purelib
    assert base.scheme.purelib in target.visible[1:]
