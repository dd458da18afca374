"""Our directories are those that platformdirs names."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

from holdfast.config.places import home_directory, user_cache_directory, user_config_file


@pytest.mark.parametrize(
    "more", [{}, {"XDG_CACHE_HOME": "/c", "XDG_CONFIG_HOME": "/d"}, {"XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": " "}]
)
def test_as_platformdirs(more: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    assert user_cache_directory(os.environ) == platformdirs.user_cache_dir("holdfast")
    assert user_config_file(os.environ) == os.path.join(platformdirs.user_config_dir("holdfast"), "config.toml")


def test_relative_xdg_directories_are_ignored() -> None:
    assert user_cache_directory({"HOME": "/h", "XDG_CACHE_HOME": "c"}) in {
        "/h/.cache/holdfast",
        "/h/Library/Caches/holdfast",
    }


def test_without_home_the_user_database_is_asked() -> None:
    found = home_directory({})
    assert found is None or os.path.isabs(found)


def test_a_home_that_is_no_path_is_none() -> None:
    assert home_directory({"HOME": "nowhere"}) is None
    assert user_cache_directory({"HOME": "nowhere"}) is None
    assert user_config_file({"HOME": "nowhere"}) is None
