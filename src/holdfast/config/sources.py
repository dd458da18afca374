"""Where settings are found: environment variables, our configuration file, pip's. Reads only.

**Guarantees.** A file that does not exist is no error; one that cannot be read or understood is a UsageError naming it
(ours, and pip's, because an index or a certificate may stand in it). No parser is imported when no file exists.

**On crash.** Nothing to clean up.

**Limits.** pip looks for its ``site`` file in the environment that pip runs from; here it is the environment that the
command is about, as far as that is known before the target is located.
"""

from __future__ import annotations

import os
import sys

from holdfast.config.places import home_directory, user_config_file
from holdfast.config.settings import Reading
from holdfast.config.table import SETTINGS
from holdfast.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from holdfast.config.settings import Setting

Layer = dict[str, Reading]

_PREFIX = "HOLDFAST_"
_PIP_PREFIX = "PIP_"


def find_layers(
    environ: Mapping[str, str],
    command: str,
    *,
    isolated: bool = False,
    site_prefix: str | None = None,
    platform: str = sys.platform,
) -> tuple[Layer, ...]:
    """Read every place where settings may stand.

    Args:
        environ: Environment variables.
        command: ``install``, ...: its sections in the files count, and override the general ones.
        isolated: ``--isolated``: neither environment variables nor the user's files.
        site_prefix: The environment whose ``pip.conf`` counts.
        platform: As ``sys.platform``.

    Returns:
        The layers, strongest first: ``HOLDFAST_*``, our file, ``PIP_*``, pip's files.

    Raises:
        UsageError: A configuration file cannot be read, or says what is not a setting.
    """
    pip_files = tuple(pip_configuration_files(environ, isolated=isolated, site_prefix=site_prefix, platform=platform))
    return (
        {} if isolated else from_variables(environ, _PREFIX, (item for item in SETTINGS if item.ambient)),
        {} if isolated else _from_our_file(environ, command),
        {} if isolated else from_variables(environ, _PIP_PREFIX, (item for item in SETTINGS if item.pip)),
        _from_pip_files(pip_files, command),
    )


def from_variables(environ: Mapping[str, str], prefix: str, table: Iterable[Setting]) -> Layer:
    """The variables that name a setting; an empty one counts as not set, as with pip."""
    found: Layer = {}
    for setting in table:
        for key, inverted in setting.spellings():
            variable = prefix + key.upper().replace("-", "_")
            if environ.get(variable):
                found[setting.name] = Reading(environ[variable], variable, inverted=inverted)
                break
    return found


def our_configuration_file(environ: Mapping[str, str]) -> str | None:
    """Path of our configuration file; None where there is no home for it."""
    return environ.get(f"{_PREFIX}CONFIG_FILE") or user_config_file(environ)


def _from_our_file(environ: Mapping[str, str], command: str) -> Layer:
    path = our_configuration_file(environ)
    if path is None:
        return {}
    try:
        with open(path, "rb") as file:
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):
        if environ.get(f"{_PREFIX}CONFIG_FILE"):
            raise UsageError(f"{path}, named by HOLDFAST_CONFIG_FILE, does not exist.") from None
        return {}
    except OSError as error:
        if not environ.get(f"{_PREFIX}CONFIG_FILE") and _is_out_of_reach(path):
            return {}  # another user's home, as in a container that runs with --user
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    return parse_our_file(content, path, command)


def _is_out_of_reach(path: str) -> bool:
    """Whether a directory on the way is closed to this user, so that nobody can say whether there is a file."""
    try:
        os.lstat(path)
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def parse_our_file(content: bytes, path: str, command: str) -> Layer:
    """Read ``config.toml``: keys are long option names; a table named like a command overrides for that command.

    Raises:
        UsageError: It is not TOML, or a key is no setting.
    """
    import tomllib  # noqa: PLC0415 - only where there is a file

    try:
        document = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from error
    tables = [("", {key: value for key, value in document.items() if not isinstance(value, dict)})]
    tables += [(key, value) for key, value in document.items() if isinstance(value, dict)]
    known = {key: (item, inverted) for item in SETTINGS if item.ambient for key, inverted in item.spellings()}
    found: Layer = {}
    for section, table in tables:
        for key, value in table.items():
            if key.replace("_", "-") not in known:
                where = f"[{section}] {key}" if section else key
                raise UsageError(f"{path}: {where!r} is not a setting.", hint="holdfast config")
            setting, inverted = known[key.replace("_", "-")]
            if section in {"", command}:
                origin = f"{path} [{section}] {key}" if section else f"{path} {key}"
                found[setting.name] = Reading(value, origin, inverted=inverted)
    return found


def pip_configuration_files(
    environ: Mapping[str, str], *, isolated: bool, site_prefix: str | None, platform: str = sys.platform
) -> Iterator[str]:
    """Pip's files, weakest first: global, user, site, ``PIP_CONFIG_FILE``; the last as os.devnull: none at all.

    https://pip.pypa.io/en/stable/topics/configuration/#location
    """
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    mac = platform == "darwin"
    if mac:
        yield "/Library/Application Support/pip/pip.conf"
    else:
        for directory in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"):
            if directory:
                yield os.path.join(directory, "pip", "pip.conf")
    yield "/etc/pip.conf"
    home = home_directory(environ)
    if home and not isolated and not (named and os.path.exists(named)):
        yield os.path.join(home, ".pip", "pip.conf")
        if mac and os.path.isdir(os.path.join(home, "Library/Application Support/pip")):
            yield os.path.join(home, "Library/Application Support/pip/pip.conf")
        else:
            yield os.path.join(environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "pip", "pip.conf")
    if site_prefix:
        yield os.path.join(site_prefix, "pip.conf")
    if named:
        yield named


def _from_pip_files(paths: Iterable[str], command: str) -> Layer:
    """A command's section in any file is stronger than ``[global]`` in any other; then the later file wins (pip)."""
    contents = []
    for path in paths:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                contents.append((path, file.read()))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            # pip goes on without a file that it may not read; a file that another user owns is none of ours either.
            if isinstance(error, PermissionError | IsADirectoryError):
                continue
            raise UsageError(f"pip's configuration file {path} cannot be read: {error.strerror}.") from error
    parsed = [parse_pip_file(text, path) for path, text in contents]
    found: Layer = {}
    for section in ("global", command):
        for sections in parsed:
            found |= sections.get(section, {})
    return found


def parse_pip_file(text: str, path: str) -> dict[str, Layer]:
    """The settings in each section of one of pip's files; empty values and what is no setting of ours are ignored.

    Raises:
        UsageError: It is not an INI file as configparser reads it.
    """
    import configparser  # noqa: PLC0415 - only where there is a file

    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text, path)
    except configparser.Error as error:
        raise UsageError(f"pip's configuration file cannot be understood: {' '.join(str(error).split())}.") from error
    known = {key: (item, inverted) for item in SETTINGS if item.pip for key, inverted in item.spellings()}
    sections: dict[str, Layer] = {}
    for section in parser.sections():
        layer: Layer = {}
        for raw_key, value in parser.items(section):
            key = raw_key.lower().replace("_", "-").removeprefix("--")
            if value and key in known:
                setting, inverted = known[key]
                layer[setting.name] = Reading(value, f"{path} [{section}] {raw_key}", inverted=inverted)
        sections[section] = layer
    return sections
