"""Fixtures for all tests: a world that this machine's settings do not reach."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings

from tests.support.certificates import Certificates, have_openssl, make_certificates
from tests.support.index import Index
from tests.support.peers import Peer, find_pip, find_uv
from tests.support.sandbox import Sandbox, is_dirty
from tests.support.users import CannotError, People, people, public_directory

# The same examples in every run, so that what fails fails again; others with: pytest --hypothesis-profile=wild
settings.register_profile("wild", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("holdfast", settings.get_profile("wild"), derandomize=True)
settings.load_profile("holdfast")


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The whole session runs without the machine's settings for installers and Pythons.

    The temporary directory is one of pytest's, so that nothing outlives the session by more than pytest keeps.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background: every child would ignore it too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    kept = dict(os.environ)
    home = tmp_path_factory.mktemp("home")
    for name in tuple(os.environ):
        if is_dirty(name) and name != "PYENV_ROOT":  # where interpreters are found is no setting
            del os.environ[name]
    os.environ["PIP_CONFIG_FILE"] = os.devnull
    os.environ["HOME"] = str(home)
    os.environ["TMPDIR"] = str(tmp_path_factory.mktemp("tmp"))
    tempfile.tempdir = None
    yield
    os.environ.clear()
    os.environ.update(kept)
    tempfile.tempdir = None


@pytest.fixture
def index() -> Iterator[Index]:
    """A fresh index: both page formats, sidecars, ranges, hashes."""
    with Index() as simulator:
        yield simulator


@pytest.fixture
def sandbox(tmp_path: object) -> Sandbox:
    """A fresh world with an environment of the tests' own Python."""
    return Sandbox(root=str(tmp_path))


@pytest.fixture
def pip() -> Peer:
    """The machine's newest pip; skips where there is none."""
    peer = find_pip()
    if peer is None:
        pytest.skip("no Python of this machine has pip 22.3 or newer")
    return peer


@pytest.fixture
def uv() -> Peer:
    """The machine's uv; skips where there is none."""
    peer = find_uv()
    if peer is None:
        pytest.skip("uv is neither beside the tests' Python nor on the path")
    return peer


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A CA, a server and a client for loopback; skips without the openssl program."""
    if not have_openssl():
        pytest.skip("the openssl program, which makes the certificates, is not here")
    return make_certificates(str(tmp_path_factory.mktemp("certificates")))


@pytest.fixture
def public() -> Iterator[str]:
    """A directory that every user reaches, unlike pytest's own."""
    with public_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def crowd() -> Iterator[People]:
    """Real users, and a holdfast that they can run; skips where the machine has no such thing."""
    with ExitStack() as stack:
        try:
            yield stack.enter_context(people(stack.enter_context(public_directory())))
        except CannotError as error:
            pytest.skip(str(error))
