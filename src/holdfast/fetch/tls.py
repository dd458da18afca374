"""Which certificates are believed.

**Guarantees**: verification is off only for hosts that ``--trusted-host`` names.

**On crash**: changes nothing.

**Limits**: the system's store is what OpenSSL finds (SSL_CERT_FILE and SSL_CERT_DIR included); where it finds nothing
(python.org's macOS builds), certifi's, which httpx brings.
"""

from __future__ import annotations

import os
import ssl

from holdfast.errors import UsageError
from holdfast.model.request import Network


def verified(network: Network) -> ssl.SSLContext:
    """A context that verifies.

    Raises:
        UsageError: ``--cert`` or ``--client-cert`` cannot be read.
    """
    context = ssl.create_default_context()
    bundle, said_by = _bundle(network)
    if bundle:
        try:
            if os.path.isdir(bundle):
                context.load_verify_locations(capath=bundle)
            else:
                context.load_verify_locations(cafile=bundle)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"The certificates in {bundle} ({said_by}) cannot be used: {_why(error)}.") from error
    elif not _system_has_certificates(context):
        import certifi  # noqa: PLC0415 - a dependency of httpx, needed on few systems

        context.load_verify_locations(cafile=certifi.where())
    return _with_client_certificate(context, network)


def unverified(network: Network) -> ssl.SSLContext:
    """A context for trusted hosts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _with_client_certificate(context, network)


def plain() -> ssl.SSLContext:
    """A context for connections that never use it: loading no certificates saves 20 ms."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _bundle(network: Network) -> tuple[str | None, str]:
    if network.cert:
        return os.path.expanduser(network.cert), "--cert"
    if not os.environ.get("SSL_CERT_FILE"):
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            if os.environ.get(name):
                return os.environ[name], name
    return None, ""


def _system_has_certificates(context: ssl.SSLContext) -> bool:
    if context.cert_store_stats()["x509_ca"]:
        return True
    paths = ssl.get_default_verify_paths()
    try:
        return bool(paths.capath and os.listdir(paths.capath))  # looked up by OpenSSL when needed
    except OSError:
        return False


def _with_client_certificate(context: ssl.SSLContext, network: Network) -> ssl.SSLContext:
    if network.client_cert:
        path = os.path.expanduser(network.client_cert)
        try:
            context.load_cert_chain(path, password=_no_passphrase)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise UsageError(
                f"The client certificate {path} cannot be used: {_why(error)}.",
                hint="--client-cert takes one PEM file with the certificate and its unencrypted key.",
            ) from error
    return context


def _no_passphrase() -> str:
    """Never prompt on the terminal in the middle of other output."""
    raise ValueError("its key is encrypted")


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
