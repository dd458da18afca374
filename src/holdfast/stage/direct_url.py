"""direct_url.json: where a distribution came from that was named by URL or path (PEP 610).

https://packaging.python.org/en/latest/specifications/direct-url/ . Values in, bytes out.
"""

from __future__ import annotations

import json

from holdfast.model.requirement import DirectUrl
from holdfast.model.urls import as_recorded


def write_direct_url(direct: DirectUrl, sha256: str) -> bytes:
    """The bytes of direct_url.json for an archive, or for a directory whose editable installation an archive holds.

    Args:
        direct: What the user named.
        sha256: Hexadecimal digest of the archive that was installed.
    """
    if direct.editable:
        return json.dumps({"dir_info": {"editable": True}, "url": as_recorded(direct.url)}, sort_keys=True).encode()
    hashes = {each.algorithm: each.digest for each in direct.hashes if each.algorithm in each.SECURE}
    hashes["sha256"] = sha256
    data = {
        "archive_info": {"hash": f"sha256={sha256}", "hashes": dict(sorted(hashes.items()))},
        "url": as_recorded(direct.url),
    }
    return json.dumps(data, sort_keys=True).encode()
