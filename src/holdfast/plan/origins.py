"""Whether an installed distribution came from the very file that is asked for (PEP 610)."""

from __future__ import annotations

from holdfast.model.hashes import archive_hashes
from holdfast.model.installed import InstalledDistribution
from holdfast.model.requirement import DirectUrl
from holdfast.model.urls import without_credentials


def is_same_origin(old: InstalledDistribution, wanted: DirectUrl) -> bool:
    """Whether what lies at ``wanted`` is what is installed, as far as can be told without looking at it.

    The URLs must be the same apart from credentials; if a hash is asked for, the installed file's must be known and be
    one of them.
    """
    if old.direct_url is None or old.editable != wanted.editable:
        return False
    url = old.direct_url.get("url")
    if not isinstance(url, str) or without_credentials(url) != without_credentials(wanted.url):
        return False
    return not wanted.hashes or bool(set(wanted.hashes) & archive_hashes(old.direct_url))
