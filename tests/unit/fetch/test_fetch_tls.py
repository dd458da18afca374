from __future__ import annotations

import os

import pytest

from holdfast.errors import NetworkError, UsageError
from holdfast.events import Retrying
from holdfast.fetch.http import Client
from holdfast.model.request import Network
from tests.support.certificates import Certificates, have_openssl, make_certificates
from tests.support.hearing import Heard
from tests.support.index import ForwardProxy, Index
from tests.support.wheels import pkg

pytestmark = pytest.mark.skipif(not have_openssl(), reason="no openssl program to make certificates with")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(str(tmp_path_factory.mktemp("certificates")))


def test_an_unknown_authority_is_refused_at_once(certificates: Certificates) -> None:
    heard = Heard()
    with Index(tls=certificates) as index, Client(Network(timeout=5), reporter=heard) as client:
        with pytest.raises(NetworkError, match=r"certificate of 127\.0\.0\.1") as caught:
            client.get(index.url)
        assert "--cert" in (caught.value.hint or "")
        assert f"--trusted-host 127.0.0.1:{index.port}" in (caught.value.hint or "")
    assert not heard.of(Retrying)


def test_cert_names_the_authority(certificates: Certificates) -> None:
    with Index(tls=certificates) as index, Client(Network(timeout=5, cert=certificates.authority)) as client:
        index.add(pkg("a"))
        assert client.get(f"{index.url}a/").status == 200


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environment_names_the_authority(
    certificates: Certificates, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, certificates.authority)
    with Index(tls=certificates) as index, Client(Network(timeout=5)) as client:
        index.add(pkg("a"))
        assert client.get(f"{index.url}a/").status == 200


def test_a_trusted_host_is_not_verified_and_no_other(certificates: Certificates) -> None:
    with Index(tls=certificates) as index:
        index.add(pkg("a"))
        with Client(Network(timeout=5, retries=0, trusted_hosts=("127.0.0.1",))) as client:
            assert client.get(f"{index.url}a/").status == 200
            with pytest.raises(NetworkError, match="certificate"):
                client.get(f"{index.localhost_root}/simple/a/")


def test_a_client_certificate(certificates: Certificates) -> None:
    with Index(tls=certificates, client_required=True) as index:
        index.add(pkg("a"))
        network = Network(timeout=5, retries=0, cert=certificates.authority, client_cert=certificates.client)
        with Client(network) as client:
            assert client.get(f"{index.url}a/").status == 200
        without = Network(timeout=5, retries=0, cert=certificates.authority)
        with Client(without) as client, pytest.raises(NetworkError, match=r"127\.0\.0\.1"):
            client.get(f"{index.url}a/")


def test_through_a_tunnel(certificates: Certificates) -> None:
    with Index(tls=certificates) as index, ForwardProxy(auth=("me", "secret")) as proxy:
        index.add(pkg("a"))
        url = proxy.url.replace("http://", "http://me:secret@")
        with Client(Network(timeout=5, cert=certificates.authority, proxy=url)) as client:
            assert client.get(f"{index.url}a/").status == 200
        with (
            Client(Network(timeout=5, cert=certificates.authority, proxy=proxy.url)) as client,
            pytest.raises(NetworkError, match="407"),
        ):
            client.get(f"{index.url}a/")
    assert [request.method for request in proxy.requests] == ["CONNECT", "CONNECT"]


@pytest.mark.parametrize("option", ["cert", "client_cert"])
def test_what_is_no_certificate_is_a_mistake_of_the_user(tmp_path: object, option: str) -> None:
    path = os.path.join(str(tmp_path), "x.pem")
    with open(path, "w", encoding="utf-8") as file:
        file.write("nothing\n")
    for named in (path, f"{path}.not"):
        network = Network(cert=named) if option == "cert" else Network(client_cert=named)
        with Client(network) as client, pytest.raises(UsageError, match=r"x\.pem"):
            client.get("https://localhost:1/")


def test_plain_http_to_a_tls_server_and_back(certificates: Certificates, index: Index) -> None:
    with Client(Network(timeout=2, retries=0)) as client:
        with Index(tls=certificates) as secure, pytest.raises(NetworkError):
            client.get(secure.url.replace("https:", "http:"))
        with pytest.raises(NetworkError):
            client.get(index.url.replace("http:", "https:"))
