from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpx
import pytest

from tests.support.certificates import Certificates
from tests.support.index import ForwardProxy, Index
from tests.support.peers import Peer
from tests.support.sandbox import Sandbox
from tests.support.wheels import pkg, wheel_bytes

APPLE = pkg("apple")


@pytest.fixture
def index(certificates: Certificates) -> Iterator[Index]:
    with Index(tls=certificates) as simulator:
        simulator.add(APPLE)
        yield simulator


def trusting(certificates: Certificates) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificates.authority)


def test_who_trusts_the_authority_is_served(index: Index, certificates: Certificates) -> None:
    with httpx.Client(verify=trusting(certificates), trust_env=False) as client:
        for root in (index.root, index.localhost_root):
            assert client.get(f"{root}/files/{APPLE.filename}").content == wheel_bytes(APPLE)
    assert index.root.startswith("https://")


def test_who_does_not_is_not(index: Index) -> None:
    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.ConnectError, match="CERTIFICATE"):
        client.get(index.url)


def test_a_client_certificate_may_be_asked_for(certificates: Certificates) -> None:
    context = trusting(certificates)
    with Index(tls=certificates, client_required=True) as index:
        with httpx.Client(verify=context, trust_env=False) as client, pytest.raises(httpx.TransportError):
            client.get(index.url)
        context.load_cert_chain(certificates.client)
        with httpx.Client(verify=context, trust_env=False) as client:
            assert client.get(index.url).status_code == 200


def test_a_proxy_tunnels(index: Index, certificates: Certificates) -> None:
    with ForwardProxy() as proxy:
        with httpx.Client(proxy=proxy.url, verify=trusting(certificates), trust_env=False) as client:
            assert client.get(index.file_url(APPLE.filename)).content == wheel_bytes(APPLE)
        assert [(each.method, each.target) for each in proxy.requests] == [("CONNECT", f"127.0.0.1:{index.port}")]


@pytest.mark.peer
def test_uv_is_content_with_it(sandbox: Sandbox, uv: Peer, index: Index, certificates: Certificates) -> None:
    line = ("install", "--index-url", index.url, "apple")

    assert uv.run(sandbox, *line, env={"UV_HTTP_RETRIES": "0"}).returncode != 0
    uv.run(sandbox, *line, env={"SSL_CERT_FILE": certificates.authority}).ok()

    assert sandbox.venv.distributions == {"apple": "1.0"}
