"""Certificates for tests that speak TLS on loopback, made by the openssl program; valid for two days."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from dataclasses import dataclass

NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
LEAF = """\
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=DNS:localhost,IP:127.0.0.1
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """PEM files.

    Args:
        authority: the CA, for ``--cert`` and SSL_CERT_FILE.
        server: key and certificate of ``localhost`` and 127.0.0.1.
        client: key and certificate in one file, for ``--client-cert``.
    """

    authority: str
    server: str
    client: str

    def context(self, *, client_required: bool = False) -> ssl.SSLContext:
        """What a server needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server)
        if client_required:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.authority)
        return context


def have_openssl() -> bool:
    """Whether certificates can be made here."""
    return shutil.which("openssl") is not None


def make_certificates(directory: str) -> Certificates:
    """A CA, a server and a client, in an existing directory."""
    authority, key = os.path.join(directory, "authority.pem"), os.path.join(directory, "authority.key")
    names = ("-subj", "/CN=holdfast tests authority")
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    _openssl("req", "-x509", *NEW_KEY, "-keyout", key, "-out", authority, "-days", "2", *names, *usage)
    with open(os.path.join(directory, "leaf.ext"), "w", encoding="utf-8") as file:
        file.write(LEAF)
    server, client = (_leaf(directory, name, authority, key) for name in ("localhost", "client"))
    return Certificates(authority=authority, server=server, client=client)


def _leaf(directory: str, name: str, authority: str, authority_key: str) -> str:
    key, request, certificate, both = (
        os.path.join(directory, f"{name}{suffix}") for suffix in (".key", ".csr", ".crt", ".pem")
    )
    _openssl("req", "-new", *NEW_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
    signer = ("-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-days", "2")
    extensions = ("-extfile", os.path.join(directory, "leaf.ext"))
    _openssl("x509", "-req", "-in", request, "-out", certificate, *signer, *extensions)
    with open(both, "w", encoding="utf-8") as joined:
        for path in (key, certificate):
            with open(path, encoding="utf-8") as part:
                joined.write(part.read())
    return both


def _openssl(*args: str) -> None:
    subprocess.run(["openssl", *args], check=True, capture_output=True, timeout=60)
