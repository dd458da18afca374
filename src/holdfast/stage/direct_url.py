"""direct_url.json: where a distribution came from that was named by URL or path (PEP 610).

https://packaging.python.org/en/latest/specifications/direct-url/ . Values in, bytes out.
"""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit, urlunsplit

from holdfast.model.requirement import DirectUrl

_VARIABLES = re.compile(r"\$\{[A-Za-z0-9_-]+\}(:\$\{[A-Za-z0-9_-]+\})?\Z")


def write_direct_url(direct: DirectUrl, sha256: str) -> bytes:
    """The bytes of direct_url.json for an archive.

    Args:
        direct: What the user named.
        sha256: Hexadecimal digest of the archive that was installed.
    """
    hashes = {each.algorithm: each.digest for each in direct.hashes if each.algorithm in each.SECURE}
    hashes["sha256"] = sha256
    data = {
        "archive_info": {"hash": f"sha256={sha256}", "hashes": dict(sorted(hashes.items()))},
        "url": without_credentials(direct.url),
    }
    return json.dumps(data, sort_keys=True).encode()


def without_credentials(url: str) -> str:
    """The URL without user and password, unless these are only names of environment variables (``${TOKEN}``)."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at or _VARIABLES.match(user):
        return url
    return urlunsplit(parts._replace(netloc=host))
