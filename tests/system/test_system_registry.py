"""Large real requests against the real package index: the same result as uv and pip, file by file.

Marked ``registry``: they download some hundred megabytes. ``.ci/run`` takes the first; ``pytest -m "registry"`` all.
"""

from __future__ import annotations

import os
import ssl

import pytest

from tests.support.environments import verify_record
from tests.support.peers import Peer
from tests.support.same import compare, same_distributions
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.registry

BUNDLES = (ssl.get_default_verify_paths().cafile or "", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem")

REQUESTS = (
    ("cowsay",),
    ("jupyter",),
    ("boto3", "django", "celery"),
    ("numpy", "pandas", "scipy", "scikit-learn", "matplotlib"),
    ("apache-airflow[celery]",),
)


@pytest.fixture(autouse=True)
def system_certificates(sandbox: Sandbox) -> None:
    """The peers bring certificates of their own; all three trust the system's here, as holdfast does by itself."""
    bundle = next((path for path in BUNDLES if os.path.isfile(path)), None)
    if bundle is not None:
        sandbox.settings.update(SSL_CERT_FILE=bundle, PIP_CERT=bundle)


@pytest.mark.parametrize("names", REQUESTS, ids="+".join)
def test_a_fresh_environment_is_what_uv_and_pip_make(
    sandbox: Sandbox, pip: Peer, uv: Peer, names: tuple[str, ...]
) -> None:
    ours = sandbox.venv
    sandbox.run("install", *names, timeout=900).ok()
    frozen = sandbox.run("freeze").ok().stdout.split()
    assert not verify_record(ours.site_packages)
    sandbox.run("check").ok()
    sandbox.run("check", "--files").ok()
    for peer in (uv, pip):
        theirs = sandbox.make_venv(peer.name)
        arguments = ("--no-deps", "--only-binary", ":all:")
        extra = ("--no-compile", "--ignore-requires-python") if peer.name == "pip" else ("--link-mode", "copy")
        peer.run(sandbox, "install", *arguments, *extra, *frozen, venv=theirs).ok()
        assert same_distributions(ours, theirs)
        compare(ours, theirs).assert_same()


@pytest.mark.parametrize("names", REQUESTS, ids="+".join)
def test_the_resolution_is_what_uv_resolves(sandbox: Sandbox, uv: Peer, names: tuple[str, ...]) -> None:
    ours, theirs = sandbox.venv, sandbox.make_venv("uv")
    uv.run(sandbox, "install", "--only-binary", ":all:", *names, venv=theirs).ok()
    sandbox.run("install", *names, timeout=900).ok()
    assert ours.distributions == theirs.distributions
