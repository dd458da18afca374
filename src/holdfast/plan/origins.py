"""Whether an installed distribution came from the very file that is asked for (PEP 610)."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.model.hashes import Hash
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


def archive_hashes(direct_url: Mapping[str, object]) -> frozenset[Hash]:
    """The hashes that ``direct_url.json`` gives for the file, in the newer (``hashes``) and older (``hash``) form."""
    info = direct_url.get("archive_info")
    if not isinstance(info, Mapping):
        return frozenset()
    hashes, single = info.get("hashes"), info.get("hash")
    texts = [f"{name}:{digest}" for name, digest in hashes.items()] if isinstance(hashes, Mapping) else []
    if isinstance(single, str):
        texts.append(single)
    found = set()
    for text in texts:
        try:
            found.add(Hash.parse(text))
        except ValueError:
            continue
    return frozenset(found)
