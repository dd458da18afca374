"""Whether an installed distribution came from the very file that is asked for (PEP 610)."""

from __future__ import annotations

from holdfast.model.hashes import archive_hashes
from holdfast.model.installed import InstalledDistribution
from holdfast.model.requirement import DirectUrl
from holdfast.model.target import SchemeKey
from holdfast.model.urls import without_credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from holdfast.model.stored import Manifest  # what is satisfied has none


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


_OF_INSTALLERS = ("/INSTALLER", "/REQUESTED", "/direct_url.json", "/RECORD", "/RECORD.jws", "/RECORD.p7s")
_LIBRARIES = frozenset({SchemeKey.PURELIB, SchemeKey.PLATLIB})


def is_built_from(old: InstalledDistribution, manifest: Manifest, metadata_sha256: str) -> bool:
    """Whether a wheel is the one that was installed: its RECORD lists the wheel's files with the wheel's hashes.

    Args:
        old: With its RECORD; without one METADATA alone decides, and if there is none either nothing speaks against it.
        manifest: Of a wheel of that name and version.
        metadata_sha256: Of the installed METADATA; may be empty.
    """
    if old.record is None:
        return metadata_sha256 in {"", manifest.metadata_sha256}
    digests = {entry.path: entry.digest for entry in old.record if entry.algorithm in {"sha256", ""}}
    return all(
        digests.get(file.path) in {file.digest, ""}
        for file in manifest.files
        if file.scheme in _LIBRARIES and not file.path.endswith(_OF_INSTALLERS)
    )
