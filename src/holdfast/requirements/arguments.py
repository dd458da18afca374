"""One requirement as a person writes it, on the command line or in a file -> RootRequirement.

Beside PEP 508 there are, as with pip: a path or URL of a wheel, ``path[extra]``, and a ``#sha256=`` in a URL.

**Guarantees.** Only asks whether a path exists and is a directory; nothing is opened.

**On crash.** Nothing to clean up.

**Limits.** Wheels only, for now: a directory, an sdist and a VCS URL are refused here, with the place where they stand.
"""

from __future__ import annotations

import os
import re
from urllib.parse import quote, unquote, urlsplit

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as _Parsed
from packaging.utils import InvalidWheelFilename, NormalizedName, canonicalize_name, parse_wheel_filename

from holdfast.errors import UnsatisfiableError, UsageError
from holdfast.model.hashes import Hash
from holdfast.model.request import RootRequirement
from holdfast.model.requirement import DirectUrl, Requirement, parse_direct_url, parse_requirement
from holdfast.model.urls import without_credentials
from holdfast.requirements.lines import WHEELS_ONLY

_SCHEMES = frozenset({"http", "https", "file", "ftp"})
_VCS = ("git", "hg", "svn", "bzr")
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz", ".tar.lz")
_FILES = (".txt", ".in")
_EXTRAS = re.compile(r"^(.+?)(\[[^\]/]*\])$")
_SINGLE_EQUALS = re.compile(r"(?<![=<>!~])=(?!=)")
COMMAND_LINE = "command line"


def parse_argument(
    text: str, *, origin: str = COMMAND_LINE, hashes: tuple[Hash, ...] = (), constraint: bool = False
) -> RootRequirement:
    """Understand one requirement.

    Args:
        text: As written.
        origin: ``command line`` or ``requirements.txt:3``.
        hashes: Its ``--hash`` options.
        constraint: It stands in a constraints file: no extras.

    Raises:
        UsageError: It follows no rule, or names a path that is not there.
        UnsatisfiableError: It is an installation from source.
    """
    text = text.strip()
    requirement = _file_requirement(text, origin) or _named_requirement(text, origin)
    if constraint and requirement.extras:
        raise UsageError(f"{_at(origin)}constraints cannot have extras: {without_credentials(text)}")
    return RootRequirement(requirement=requirement, hashes=hashes, origin=origin)


def _named_requirement(text: str, origin: str) -> Requirement:
    try:
        requirement = parse_requirement(text)
    except ValueError as error:
        raise _not_a_requirement(text, str(error), origin) from None
    if text.endswith(_FILES) and os.path.isfile(text):
        raise _not_a_requirement(text, "it is a file", origin)
    if requirement.url is not None:
        _refuse_sources(requirement.url.url, text, origin, conditional=requirement.marker is not None)
    return requirement


def _file_requirement(text: str, origin: str) -> Requirement | None:
    """The requirement when it is a bare URL or a path; None when it is something else."""
    url = _is_url(text)
    # In a URL a semicolon is allowed; only one with a blank after it begins a marker (pip).
    place, _, marker_text = text.partition("; " if url else ";")
    place, extras = _without_extras(place.strip())
    if not url and not _is_path(place):
        return None
    try:
        direct = parse_direct_url(place if url else _url_of_path(place, text, origin))
    except ValueError as error:
        raise _not_a_requirement(text, str(error), origin) from None
    _refuse_sources(direct.url, text, origin, conditional=False)
    return Requirement(
        name=_name_of_wheel(direct, text, origin),
        extras=_parsed_extras(extras, text, origin),
        url=direct,
        marker=_parsed_marker(marker_text.strip(), text, origin),
        text=without_credentials(text),
    )


def _is_url(text: str) -> bool:
    scheme, separator, _ = text.partition(":")
    scheme = scheme.lower()
    return bool(separator) and (scheme in _SCHEMES or scheme.split("+")[0] in _VCS)


def _is_path(place: str) -> bool:
    if "@" in place and not os.path.exists(place) and _PEP508_URL.match(place):
        return False
    looks = os.sep in place or place.startswith(".")
    return looks or (place.lower().endswith(_ARCHIVES) and " " not in place)


_PEP508_URL = re.compile(r"^[A-Za-z0-9._-]+\s*(\[[^\]]*\])?\s*@")


def _url_of_path(place: str, text: str, origin: str) -> str:
    path = os.path.abspath(os.path.expanduser(place))
    if os.path.isdir(path):
        raise UnsatisfiableError(
            f"{_at(origin)}{without_credentials(text)} is a directory with sources; {WHEELS_ONLY}."
        )
    if not path.lower().endswith(_ARCHIVES) and os.path.exists(path):
        hint = f"holdfast install -r {place}" if path.endswith(_FILES) else None
        raise UsageError(f"{_at(origin)}{without_credentials(text)} is not a wheel.", hint=hint)
    if not os.path.exists(path):
        raise UsageError(f"{_at(origin)}{path} does not exist.")
    return f"file://{quote(path)}"


def _refuse_sources(url: str, text: str, origin: str, *, conditional: bool) -> None:
    """Refuse what is no wheel; what a marker may exclude is left to whoever can evaluate it."""
    if conditional:
        return
    parts = urlsplit(url)
    if parts.scheme.split("+")[0] in _VCS:
        raise UnsatisfiableError(f"{_at(origin)}{without_credentials(text)} is a VCS repository; {WHEELS_ONLY}.")
    if not unquote(parts.path).lower().endswith(".whl"):
        raise UnsatisfiableError(f"{_at(origin)}{without_credentials(text)} is not a wheel; {WHEELS_ONLY}.")


def _name_of_wheel(direct: DirectUrl, text: str, origin: str) -> NormalizedName:
    filename = unquote(urlsplit(direct.url).path).rpartition("/")[2]
    try:
        return parse_wheel_filename(filename)[0]
    except InvalidWheelFilename as error:
        raise UsageError(f"{_at(origin)}{error}", details=(without_credentials(text),)) from None


def _without_extras(place: str) -> tuple[str, str]:
    found = _EXTRAS.match(place)
    return (found[1], found[2]) if found else (place, "")


def _parsed_extras(extras: str, text: str, origin: str) -> frozenset[NormalizedName]:
    if not extras:
        return frozenset()
    try:
        return frozenset(canonicalize_name(extra) for extra in _Parsed(f"name{extras}").extras)
    except InvalidRequirement:
        raise UsageError(f"{_at(origin)}{extras} are not extras.", details=(without_credentials(text),)) from None


def _parsed_marker(marker: str, text: str, origin: str) -> Marker | None:
    if not marker:
        return None
    try:
        return Marker(marker)
    except InvalidMarker as error:
        raise _not_a_requirement(text, str(error), origin) from None


def _not_a_requirement(text: str, reason: str, origin: str) -> UsageError:
    first, *rest = reason.splitlines() or [""]
    hint = None
    if text.endswith(_FILES) and os.path.isfile(text):
        hint = f"holdfast install -r {text}"
    name = re.split(r"[\s;\[]", text, maxsplit=1)[0]
    if _SINGLE_EQUALS.search(name):
        hint = f"'{_SINGLE_EQUALS.sub('==', name, count=1)}' (a version is compared with ==)"
    details = tuple(without_credentials(line) for line in rest) or (without_credentials(text),)
    return UsageError(
        f"{_at(origin)}{without_credentials(text)!r} is not a requirement: {first}", hint=hint, details=details
    )


def _at(origin: str) -> str:
    return "" if origin == COMMAND_LINE else f"{origin}: "
