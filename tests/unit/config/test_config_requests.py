"""Settings -> requests."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from holdfast.config.formats import fold_formats
from holdfast.config.requests import install_request, target_request, uninstall_request
from holdfast.config.settings import Reading, Settings, Value
from holdfast.config.table import SETTINGS
from holdfast.errors import UsageError
from holdfast.model.hashes import Hash
from holdfast.model.request import FileOptions, FormatControl, InstallRequest, RootRequirement
from holdfast.model.requirement import parse_requirement
from holdfast.model.target import TargetRequest


def settings(command_line: dict[str, Value], **variables: str) -> Settings:
    layer = {name.replace("_", "-"): Reading(value, name) for name, value in variables.items()}
    return Settings(SETTINGS, command_line, [layer])


def request(
    command_line: dict[str, Value],
    *roots: RootRequirement,
    options: FileOptions | None = None,
    given: tuple[tuple[str, object], ...] = (),
    **variables: str,
) -> InstallRequest:
    return install_request(
        settings(command_line, **variables),
        requirements=roots,
        options=options,
        given=given,
        environ={"HOME": "/h"},
        cwd="/w",
    )


def target(command_line: dict[str, Value], **variables: str) -> TargetRequest:
    return target_request(settings(command_line, **variables), environ={"VIRTUAL_ENV": "/v"}, cwd="/w")


def root(text: str, *hashes: Hash) -> RootRequirement:
    return RootRequirement(requirement=parse_requirement(text), hashes=hashes)


def test_defaults_are_those_of_the_model() -> None:
    made = request({})
    plain = InstallRequest(requirements=())
    assert (made.sources, made.network, made.resolve, made.policy, made.lock) == (
        plain.sources,
        plain.network,
        plain.resolve,
        plain.policy,
        plain.lock,
    )


def test_extra_indexes_come_first() -> None:
    made = request({"index-url": "https://i", "extra-index-url": ("https://e", "https://f", "https://e")})
    assert made.sources.indexes == ("https://e", "https://f", "https://i")


def test_no_index_leaves_find_links() -> None:
    made = request({"no-index": True, "find-links": ("/a",)}, extra_index_url="https://e")
    assert made.sources.indexes == ()
    assert made.sources.find_links == ("/a",)


def test_a_files_index_url_replaces_every_index_before_it() -> None:
    options = FileOptions(index_url="https://file", extra_index_urls=("https://more",), find_links=("/f",))
    made = request(
        {"index-url": "https://i", "extra-index-url": ("https://e",), "find-links": ("/a",)}, options=options
    )
    assert made.sources.indexes == ("https://more", "https://file")
    assert made.sources.find_links == ("/a", "/f")


def test_a_files_other_options_add_up() -> None:
    options = FileOptions(no_index=True, pre=True, require_hashes=True, trusted_hosts=("h",))
    made = request({"trusted-host": ("g",)}, options=options)
    assert made.sources.indexes == ()
    assert made.resolve.pre
    assert made.resolve.require_hashes
    assert made.network.trusted_hosts == ("g", "h")


def test_one_hash_asks_for_all() -> None:
    digest = Hash(algorithm="sha256", digest="0" * 64)
    assert request({}, root("a==1", digest), root("b==1")).resolve.require_hashes
    assert not request({}, root("b==1")).resolve.require_hashes


def test_the_command_has_names_only() -> None:
    assert request({}, root("A @ https://u:p@h/a-1-py3-none-any.whl?k=v"), root("b>1")).command == "install a b"


def test_check_is_a_dry_run() -> None:
    made = request({"check": True})
    assert made.dry_run


def test_names_of_exceptions_are_normalised() -> None:
    assert request({"allow-breaking": ("A_b,c", "D")}).policy.allow_breaking == {"a-b", "c", "d"}


def test_cache() -> None:
    assert request({"no-cache": True}).cache_dir is None
    assert request({}, cache_dir="rel").cache_dir not in {None, "rel"}
    assert request({}).cache_dir in {"/h/.cache/holdfast", "/h/Library/Caches/holdfast"}


def test_bytecode_is_undecided_until_said() -> None:
    assert request({}).policy.compile_bytecode is None
    assert request({"compile-bytecode": False}).policy.compile_bytecode is False
    assert request({}, compile_bytecode="1").policy.compile_bytecode is True


@pytest.mark.parametrize(
    ("name", "value"), [("timeout", 0.0), ("timeout", -1.0), ("retries", -1), ("lock-timeout", -2.0)]
)
def test_numbers_that_make_no_sense(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=name):
        request({name: value})


def test_a_target_on_the_command_line_hides_those_of_variables() -> None:
    assert target({"target": "/t"}, system="1", python="3.12") == TargetRequest(target="/t", virtual_env="/v", cwd="/w")


def test_a_target_in_a_variable_counts_when_nothing_else_is_said() -> None:
    assert target({}, system="1").system
    assert not target({}, system="0").system


def test_python_and_target_together() -> None:
    both = target({"target": "/t", "python": "3.12"})
    assert (both.python, both.target) == ("3.12", "/t")


def test_user_does_not_go_with_a_directory() -> None:
    with pytest.raises(UsageError):
        target({"user": True, "prefix": "/p"})
    assert target({"user": True}, prefix="/p").user


def test_uninstall() -> None:
    made = uninstall_request(
        settings({"lock-timeout": 0.0}),
        names=(canonicalize_name("A_b"),),
        must_exist=True,
        environ={},
        cwd="/w",
    )
    assert made.names == ("a-b",)
    assert made.command == "uninstall a-b"
    assert made.must_exist
    assert made.lock.timeout == 0


A, B = canonicalize_name("a"), canonicalize_name("b")


@pytest.mark.parametrize(
    ("said", "control"),
    [
        ([("only-binary", ":all:")], FormatControl(all_only_binary=True)),
        ([("no-binary", "A,b")], FormatControl(no_binary=frozenset({A, B}))),
        ([("no-binary", "a"), ("only-binary", "a")], FormatControl(only_binary=frozenset({A}))),
        ([("no-binary", "a"), ("only-binary", ":all:")], FormatControl(all_only_binary=True)),
        (
            [("only-binary", ":all:"), ("no-binary", "a")],
            FormatControl(all_only_binary=True, no_binary=frozenset({A})),
        ),
        ([("only-binary", ":all:"), ("no-binary", ":all:")], FormatControl(all_no_binary=True)),
        ([("no-binary", ":all:"), ("no-binary", ":none:")], FormatControl()),
        ([("no-binary", "a,:none:,b")], FormatControl(no_binary=frozenset({B}))),
        ([("no-binary", "")], FormatControl()),
    ],
)
def test_formats_are_folded_in_order(said: list[tuple[str, str]], control: FormatControl) -> None:
    assert fold_formats(said) == control


def test_formats_of_the_command_line_come_after_variables_and_before_files() -> None:
    made = request(
        {"only-binary": ("a",), "no-binary": ("b",)},
        given=(("no-binary", "b"), ("only-binary", "a")),
        options=FileOptions(formats=(("only-binary", "b"),)),
        no_binary="a",
    )
    assert made.resolve.formats == FormatControl(only_binary=frozenset({A, B}))


@pytest.mark.parametrize("name", ["index-url", "extra-index-url", "find-links"])
def test_other_schemes_than_http_and_file_are_refused_without_their_credentials(name: str) -> None:
    value: Value = "ftp://me:pw@example.org/x" if name == "index-url" else ("ftp://me:pw@example.org/x",)
    with pytest.raises(UsageError) as caught:
        request({name: value})
    assert "ftp://example.org/x" in caught.value.cause
    assert "pw" not in caught.value.cause
