"""What is said: help, failures, listings."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement as Parsed
from packaging.utils import canonicalize_name
from packaging.version import Version

from holdfast.cli.catalogue import COMMANDS, overview
from holdfast.cli.context import Context
from holdfast.cli.details import file_lines, required_by, requires, show_json, show_lines
from holdfast.cli.dispatch import load
from holdfast.cli.failure import failure_lines
from holdfast.cli.help import help_text
from holdfast.cli.listing import chosen, freeze_line, list_columns, list_json, not_frozen
from holdfast.cli.main import main
from holdfast.cli.parse import CommandLineError
from holdfast.errors import NetworkError, ResolutionConflict
from holdfast.model.installed import InstalledDistribution, InstalledState, RecordEntry
from holdfast.model.metadata import Metadata
from holdfast.model.requirement import parse_requirement

USAGE = "usage: holdfast install"


def installed(
    name: str,
    version: str = "1.0",
    *,
    requires: tuple[str, ...] = (),
    direct_url: dict[str, object] | None = None,
    editable: bool = False,
    owned: bool = True,
    headers: tuple[tuple[str, str], ...] = (),
    record: tuple[str, ...] | None = None,
) -> InstalledDistribution:
    return InstalledDistribution(
        metadata=Metadata(
            name=canonicalize_name(name),
            display_name=name,
            version=Version(version),
            requires=tuple(parse_requirement(text) for text in requires),
            summary=f"About {name}",
            headers=headers,
        ),
        location="/env/site-packages",
        info_name=f"{name}-{version}.dist-info",
        record=None if record is None else tuple(RecordEntry(path=path) for path in record),
        record_digest="",
        direct_url=direct_url,
        editable=editable,
        owned=owned,
    )


def state(*distributions: InstalledDistribution) -> InstalledState:
    return InstalledState(distributions={item.name: item for item in distributions})


def context(*, verbose: bool = False) -> Context:
    made = Context()
    made.command, made.usage, made.verbose = "install", USAGE, verbose
    return made


def test_the_derivation_of_a_conflict_is_for_who_asks() -> None:
    error = ResolutionConflict("a and b clash.", derivation=("a needs c", "b excludes c"), hint="less")
    assert "  a needs c" not in failure_lines(error, context())
    assert failure_lines(error, context(verbose=True)) == (
        "error: install failed. Nothing was changed.",
        "a and b clash.",
        "How this follows:",
        "  a needs c",
        "  b excludes c",
        "Try: less",
    )


def test_a_failure_begins_with_outcome_and_state() -> None:
    error = NetworkError("h does not answer.\nTwice.", hint="holdfast --offline", details=("one", "two\nthree"))
    assert failure_lines(error, context()) == (
        "error: install failed. Nothing was changed.",
        "h does not answer.",
        "Twice.",
        "  one",
        "  two",
        "  three",
        "Try: holdfast --offline",
    )


def test_a_wrong_word_is_one_line_and_the_usage() -> None:
    assert failure_lines(CommandLineError("there is no option -Z."), context()) == (
        "error: there is no option -Z.",
        USAGE,
    )


def test_a_failure_cannot_write_on_the_terminal() -> None:
    lines = failure_lines(NetworkError("a\x1b[2Jb", details=("\x07",), hint="\x9b", state="\x1b[m"), context())
    assert "".join(lines).isprintable()


def test_the_overview_names_every_command() -> None:
    for name, summary in COMMANDS.items():
        assert f"  {name}" in overview()
        assert summary in overview()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_has_help(name: str) -> None:
    command = load(name)
    text = help_text(command)
    assert text.startswith(f"usage: holdfast {name} ")
    assert all(len(line) <= 100 for line in text.splitlines())
    for _, group in command.groups:
        for setting in group:
            assert all(flag in text for flag in (*setting.flags, *setting.off))


@pytest.mark.parametrize("name", COMMANDS)
def test_no_option_of_a_command_is_there_twice(name: str) -> None:
    flags = [flag for _, group in load(name).groups for setting in group for flag in (*setting.flags, *setting.off)]
    assert len(flags) == len(set(flags))


def test_an_unknown_command_has_a_suggestion() -> None:
    with pytest.raises(CommandLineError, match="did you mean uninstall"):
        load("unistall")


def test_list_columns_as_pip_has_them() -> None:
    assert list_columns([installed("a"), installed("Long-Name", "1.10")]) == (
        "Package   Version",
        "--------- -------",
        "a         1.0",
        "Long-Name 1.10",
    )
    assert list_columns([]) == ()


def test_list_columns_with_an_editable_project() -> None:
    item = installed("a", editable=True, direct_url={"url": "file:///src/my%20a", "dir_info": {"editable": True}})
    assert list_columns([item])[0].endswith("Editable project location")
    assert list_columns([item])[2] == "a       1.0     /src/my a"
    assert list_json([item]) == [{"name": "a", "version": "1.0", "editable_project_location": "/src/my a"}]


def test_what_is_chosen_is_sorted() -> None:
    found = state(installed("B"), installed("a"), installed("seen", owned=False))
    assert [item.name for item in chosen(found)] == ["a", "b", "seen"]
    assert [item.name for item in chosen(found, local=True, exclude=[canonicalize_name("A")])] == ["b"]


@pytest.mark.parametrize(
    ("direct_url", "line"),
    [
        (None, "Name==1.0"),
        (
            {"url": "https://h/n.whl", "archive_info": {"hash": "sha256=ab"}},
            "Name @ https://h/n.whl#sha256=ab",
        ),
        (
            {"url": "https://h/n.whl", "archive_info": {"hashes": {"sha256": "ab"}}},
            "Name @ https://h/n.whl#sha256=ab",
        ),
        ({"url": "file:///w/n.whl", "archive_info": {}}, "Name @ file:///w/n.whl"),
        (
            {"url": "https://h/n", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}, "subdirectory": "s"},
            "Name @ git+https://h/n@c0ffee#subdirectory=s",
        ),
    ],
)
def test_freeze(direct_url: dict[str, object] | None, line: str) -> None:
    assert freeze_line(installed("Name", direct_url=direct_url)) == line
    assert Parsed(line).name == "Name"


def test_a_password_in_somebodys_direct_url_is_not_shown() -> None:
    item = installed(
        "name", direct_url={"url": "https://u:secret@h/r.git", "vcs_info": {"vcs": "git", "commit_id": "c"}}
    )
    assert freeze_line(item) == "name @ git+https://h/r.git@c"
    assert "secret" not in str(show_json(item, state(item), {}))


def test_freeze_of_an_editable_project() -> None:
    item = installed("Name", editable=True, direct_url={"url": "file:///src", "dir_info": {"editable": True}})
    assert freeze_line(item) == "-e /src"


def test_freeze_leaves_out_what_a_new_environment_has() -> None:
    assert not_frozen("3.12.1") == {"pip"}
    assert not_frozen("3.8.10") == {"pip", "setuptools", "wheel", "distribute"}


def test_show_in_pips_fields() -> None:
    app = installed(
        "App",
        requires=("Lib>=1", "other; extra == 'x'", "win; sys_platform == 'win32'"),
        headers=(("author", "Somebody"), ("license", "MIT\nlong text"), ("home_page", "https://h")),
        record=("b", "a"),
    )
    lib = installed("lib", headers=(("license_expression", "MIT"),))
    found, markers = state(app, lib), {"sys_platform": "linux", "python_version": "3.12"}
    assert show_lines(app, found, markers) == (
        "Name: App",
        "Version: 1.0",
        "Summary: About App",
        "Home-page: https://h",
        "Author: Somebody",
        "Author-email: ",
        "License: MIT",
        "Location: /env/site-packages",
        "Requires: lib",
        "Required-by: ",
    )
    assert show_lines(lib, found, markers)[-4:] == (
        "License-Expression: MIT",
        "Location: /env/site-packages",
        "Requires: ",
        "Required-by: App",
    )
    assert requires(app, markers) == ("lib",)
    assert required_by(lib, found, markers) == ("App",)
    assert file_lines(app) == ("Files:", "  a", "  b")
    assert file_lines(lib) == ("Files:", "Cannot locate RECORD or installed-files.txt")
    assert show_json(lib, found, markers)["required_by"] == ["App"]


def test_a_requirement_is_shown_without_its_password() -> None:
    assert str(parse_requirement("name @ https://u:secret@h/name-1-py3-none-any.whl")).endswith(
        "@ https://h/name-1-py3-none-any.whl"
    )


@pytest.mark.parametrize("platform", ["win32", "cygwin"])
def test_windows_is_refused_with_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], platform: str
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    assert main(["install", "demo"]) == 3
    assert capsys.readouterr().err == "error: holdfast runs on Linux and macOS; Windows is not supported.\n"
