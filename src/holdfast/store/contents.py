"""What is in a wheel and where it goes: the dist-info directory, ``.data``, entry points. Values in, values out.

Follows https://packaging.python.org/en/latest/specifications/binary-distribution-format/ and
https://packaging.python.org/en/latest/specifications/entry-points/ .
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.utils import InvalidWheelFilename, NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from holdfast.model.filenames import is_filename
from holdfast.model.metadata import Metadata, parse_metadata
from holdfast.model.stored import ScriptEntryPoint
from holdfast.model.target import SchemeKey
from holdfast.store.faults import WheelFault, shown

SUPPORTED_WHEEL = (1, 0)
"""The newest Wheel-Version that is understood: a newer minor is warned of, a newer major refused."""

_INFO = ".dist-info"
_DATA = ".data"
_REFERENCE = re.compile(r"(?P<module>[\w.]+)\s*:\s*(?P<attribute>[\w.]+)\s*(\[.*\])?\s*\Z")
_BLANKS = re.compile(r"[^\S\n]{2,}")
_GROUPS = (("console_scripts", False), ("gui_scripts", True))


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFacts:
    """What WHEEL says. ``newer``: of a minor version that we do not know, as text."""

    purelib: bool
    newer: str | None = None


def named_by(filename: str) -> tuple[NormalizedName, Version]:
    """Name and version that a wheel's file name claims.

    Raises:
        WheelFault: It is no wheel's file name.
    """
    if not is_filename(filename):
        raise WheelFault("that is no wheel's file name (it has a separator or a control character, or is too long)")
    try:
        name, version, _, _ = parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidVersion) as error:
        raise WheelFault(f"that is no wheel's file name ({error})") from error
    return name, version


def find_info(members: Iterable[str]) -> str:
    """The one dist-info directory of a wheel.

    Raises:
        WheelFault: There is none, or more than one.
    """
    found = sorted({top for top, slash, _ in (name.partition("/") for name in members) if slash and _is_info(top)})
    if len(found) != 1:
        what = f"{len(found)} dist-info directories ({', '.join(map(shown, found))})" if found else "no dist-info"
        raise WheelFault(f"it holds {what}, where one belongs")
    return found[0]


def check_identity(filename: str, info: str, metadata: Metadata) -> None:
    """File name, dist-info directory and METADATA speak of the same distribution.

    Raises:
        WheelFault: They do not.
    """
    name, version = named_by(filename)
    if (metadata.name, metadata.version) != (name, version):
        raise WheelFault(f"its METADATA says {metadata.display_name} {metadata.version}")
    stem_name, _, stem_version = info.removesuffix(_INFO).rpartition("-")
    try:
        same = canonicalize_name(stem_name) == name and Version(stem_version.replace("_", "-")) == version
    except InvalidVersion:
        same = stem_version == str(version)
    if not same:
        raise WheelFault(f"its dist-info directory is {shown(info)}")


def read_metadata(data: bytes) -> Metadata:
    """Parse METADATA.

    Raises:
        WheelFault: It is damaged or too new.
    """
    try:
        return parse_metadata(data)
    except ValueError as error:
        raise WheelFault(f"its METADATA cannot be read: {error}") from error


def read_wheel(data: bytes) -> WheelFacts:
    """Parse WHEEL.

    Raises:
        WheelFault: It is damaged, or of a version that is not understood.
    """
    fields: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip().lower(), value.strip())
    text = fields.get("wheel-version", "")
    major, dot, minor = text.partition(".")
    if not (dot and major.isdecimal() and minor.isdecimal()):
        raise WheelFault("its WHEEL file says no Wheel-Version")
    version = (int(major), int(minor))
    if version[0] > SUPPORTED_WHEEL[0]:
        raise WheelFault(f"its Wheel-Version is {text}, and this holdfast understands up to 1.x")
    return WheelFacts(
        purelib=fields.get("root-is-purelib", "").lower() == "true",
        newer=text if version > SUPPORTED_WHEEL else None,
    )


class _CaseKeepingParser(configparser.ConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr


def read_scripts(data: bytes) -> tuple[ScriptEntryPoint, ...]:
    """The entry points that become scripts; of two with one name the last counts.

    Raises:
        WheelFault: The file cannot be read, or an entry would lead elsewhere.
    """
    # No section can be named "", so none is merged into the others, as [DEFAULT] would be.
    parser = _CaseKeepingParser(delimiters=("=",), strict=False, interpolation=None, default_section="")
    try:
        # Runs of blanks mean no more than one, and configparser takes the square of their length.
        parser.read_string(_BLANKS.sub(" ", data.decode("utf-8")))
    except (UnicodeDecodeError, configparser.Error) as error:
        raise WheelFault(f"its entry_points.txt cannot be read ({str(error).splitlines()[0]})") from error
    found: dict[str, ScriptEntryPoint] = {}
    for group, gui in _GROUPS:
        for name, reference in parser.items(group) if parser.has_section(group) else ():
            found[name] = _script(name, reference, gui=gui)
    return tuple(found[name] for name in sorted(found))


def _script(name: str, reference: str, *, gui: bool) -> ScriptEntryPoint:
    if name in {".", ".."} or not is_filename(name):
        raise WheelFault(f"the entry point {shown(name)} is no name for a script")
    match = _REFERENCE.match(reference)
    if match is None:
        raise WheelFault(f"the entry point {shown(name)} refers to {shown(reference)}, which is no function")
    return ScriptEntryPoint(name=name, module=match["module"], attribute=match["attribute"], gui=gui)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """Where the members of one wheel go.

    Attributes:
        info: Its dist-info directory.
        project: Its name: the directory of its headers.
        root: PURELIB or PLATLIB: where its root goes.
    """

    info: str
    project: NormalizedName
    root: SchemeKey

    def __call__(self, member: str) -> tuple[SchemeKey, str]:
        """Scheme and path of a member.

        Raises:
            WheelFault: It is in an unknown part of ``.data``, or brings another dist-info directory.
        """
        top, _, rest = member.partition("/")
        if not (top.endswith(_DATA) and rest and self._is_data(top)):
            return self.root, member
        key, _, path = rest.partition("/")
        if key not in set(SchemeKey) or not path:
            raise WheelFault(f"{shown(member)} is for no known part of an installation")
        scheme = SchemeKey(key)
        if scheme in {SchemeKey.PURELIB, SchemeKey.PLATLIB} and _is_info(path.partition("/")[0]):
            raise WheelFault(f"{shown(member)} would bring another dist-info directory")
        return scheme, f"{self.project}/{path}" if scheme is SchemeKey.HEADERS else path

    def _is_data(self, top: str) -> bool:
        ours = self.info.removesuffix(_INFO)
        return top.removesuffix(_DATA) == ours or canonicalize_name(top.removesuffix(_DATA)) == canonicalize_name(ours)


def _is_info(top: str) -> bool:
    return top.lower().endswith(_INFO)
