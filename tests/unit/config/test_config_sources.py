"""Variables and files -> layers, strongest first."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from holdfast.config.settings import Settings
from holdfast.config.sources import Layer, find_layers, parse_our_file, parse_pip_file, pip_configuration_files
from holdfast.config.table import SETTINGS
from holdfast.errors import UsageError


def raws(layer: Layer, below: Path | None = None) -> dict[str, object]:
    """What was found; ``below``: only in files there, for this machine may have an /etc/pip.conf."""
    return {
        name: reading.raw for name, reading in layer.items() if below is None or reading.origin.startswith(str(below))
    }


def layers(tmp_path: Path, command: str = "install", *, isolated: bool = False, **environ: str) -> tuple[Layer, ...]:
    clean = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "etc"), "PIP_CONFIG_FILE": os.devnull}
    return find_layers({**clean, **environ}, command, isolated=isolated)


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_our_variables(tmp_path: Path) -> None:
    ours, *_ = layers(tmp_path, HOLDFAST_LOCK_TIMEOUT="5", HOLDFAST_NO_CACHE_DIR="1", HOLDFAST_LINK_MODE="")
    assert raws(ours) == {"lock-timeout": "5", "no-cache": "1"}
    assert ours["lock-timeout"].origin == "HOLDFAST_LOCK_TIMEOUT"
    assert ours["no-cache"].origin == "HOLDFAST_NO_CACHE_DIR"


def test_a_variable_may_say_the_opposite(tmp_path: Path) -> None:
    found = layers(tmp_path, HOLDFAST_NO_COMPILE="1")
    assert Settings(SETTINGS, {}, found).maybe("compile-bytecode") is False


def test_pips_variables_only_say_where_packages_come_from(tmp_path: Path) -> None:
    _, _, pip, _ = layers(tmp_path, PIP_INDEX_URL="u", PIP_DEFAULT_TIMEOUT="9", PIP_NO_DEPS="1", PIP_USER="1")
    assert raws(pip) == {"index-url": "u", "timeout": "9"}


def test_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    assert layers(tmp_path, PIP_INDEX_URL="", HOLDFAST_INDEX_URL="") == ({}, {}, {}, {})


def test_ours_is_above_pips(tmp_path: Path) -> None:
    found = layers(tmp_path, PIP_INDEX_URL="pip", HOLDFAST_INDEX_URL="ours")
    assert Settings(SETTINGS, {}, found).text("index-url") == "ours"


def test_our_file_is_between_the_variables(tmp_path: Path) -> None:
    write(tmp_path / ".config/holdfast/config.toml", 'index-url = "file"\n[install]\nlock-timeout = 3\n')
    found = layers(tmp_path, PIP_INDEX_URL="pip")
    assert Settings(SETTINGS, {}, found).text("index-url") == "file"
    assert Settings(SETTINGS, {}, found).number("lock-timeout") == 3
    assert "lock-timeout" not in layers(tmp_path, "uninstall")[1]


def test_our_file_may_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.toml", 'find_links = ["a b", "c"]\n')
    found = layers(tmp_path, HOLDFAST_CONFIG_FILE=path)
    assert Settings(SETTINGS, {}, found).words("find-links") == ("a b", "c")
    with pytest.raises(UsageError, match="does not exist"):
        layers(tmp_path, HOLDFAST_CONFIG_FILE=path + "x")


@pytest.mark.parametrize("text", ["index-ulr = 'x'", "[install]\nindx = 1", "dry-run = true", "no = ", "\xff"])
def test_our_file_is_wrong(text: str) -> None:
    with pytest.raises(UsageError, match=r"config\.toml"):
        parse_our_file(text.encode("latin-1"), "config.toml", "install")


def test_isolated_reads_neither_variables_nor_the_users_files(tmp_path: Path) -> None:
    write(tmp_path / ".config/holdfast/config.toml", 'index-url = "file"\n')
    write(tmp_path / ".config/pip/pip.conf", "[global]\nindex-url = user\n")
    write(tmp_path / "etc/pip/pip.conf", "[global]\nindex-url = machine\n")
    found = layers(
        tmp_path, isolated=True, HOLDFAST_INDEX_URL="x", PIP_INDEX_URL="y", PIP_CONFIG_FILE=str(tmp_path / "none")
    )
    assert found[:3] == ({}, {}, {})
    assert raws(found[3])["index-url"] != "user"


def test_pips_files_in_pips_order(tmp_path: Path) -> None:
    environ = {"HOME": "/h", "XDG_CONFIG_DIRS": "/x:/y", "PIP_CONFIG_FILE": str(tmp_path / "absent")}
    assert tuple(pip_configuration_files(environ, isolated=False, site_prefix="/venv", platform="linux")) == (
        "/x/pip/pip.conf",
        "/y/pip/pip.conf",
        "/etc/pip.conf",
        "/h/.pip/pip.conf",
        "/h/.config/pip/pip.conf",
        "/venv/pip.conf",
        environ["PIP_CONFIG_FILE"],
    )


def test_pips_user_files_do_not_count_beside_a_named_one(tmp_path: Path) -> None:
    path = write(tmp_path / "pip.conf", "")
    found = tuple(pip_configuration_files({"HOME": "/h", "PIP_CONFIG_FILE": path}, isolated=False, site_prefix=None))
    assert not [name for name in found if name.startswith("/h")]
    assert found[-1] == path


def test_devnull_as_pips_file_means_none_at_all() -> None:
    environ = {"HOME": "/h", "PIP_CONFIG_FILE": os.devnull}
    assert tuple(pip_configuration_files(environ, isolated=False, site_prefix="/venv")) == ()


def test_a_commands_section_is_stronger_in_whatever_file(tmp_path: Path) -> None:
    write(tmp_path / "etc/pip/pip.conf", "[install]\nindex-url = machine-install\n[global]\nretries = 1\n")
    write(tmp_path / ".config/pip/pip.conf", "[global]\nindex-url = user-global\nretries = 2\n")
    (*_, files) = layers(tmp_path, PIP_CONFIG_FILE=str(tmp_path / "none"))
    assert raws(files, tmp_path) == {"index-url": "machine-install", "retries": "2"}
    (*_, files) = layers(tmp_path, "list", PIP_CONFIG_FILE=str(tmp_path / "none"))
    assert raws(files, tmp_path)["index-url"] == "user-global"


def test_pips_file_as_pip_reads_it() -> None:
    text = (
        "[global]\nextra_index_url =\n    https://a/\n    https://b/\nno-index =\n--proxy = p\nuser = yes\nTIMEOUT=60\n"
    )
    layer = parse_pip_file(text, "pip.conf")["global"]
    assert Settings(SETTINGS, {}, [layer]).words("extra-index-url") == ("https://a/", "https://b/")
    assert raws(layer).keys() == {"extra-index-url", "proxy", "timeout"}
    assert layer["proxy"].origin == "pip.conf [global] --proxy"


def test_pips_file_is_no_ini_file() -> None:
    with pytest.raises(UsageError, match=r"pip\.conf"):
        parse_pip_file("index-url = x\n", "pip.conf")


def test_percent_signs_are_no_interpolation() -> None:
    layer = parse_pip_file("[global]\nindex-url = https://u:p%40ss@h/\n", "pip.conf")["global"]
    assert layer["index-url"].raw == "https://u:p%40ss@h/"


def test_no_parser_is_imported_without_a_file(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from holdfast.config.sources import find_layers\n"
        f"find_layers({{'HOME': {str(tmp_path)!r}, 'PIP_CONFIG_FILE': '/dev/null'}}, 'install')\n"
        "assert not {'configparser', 'tomllib', 're', 'dataclasses'} & set(sys.modules), sorted(sys.modules)\n"
    )
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0
