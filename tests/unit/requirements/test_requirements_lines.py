"""One line -> what it says."""

from __future__ import annotations

import pytest

from holdfast.errors import UsageError
from holdfast.model.hashes import Hash
from holdfast.requirements.lines import NestedLine, OptionLine, RequirementLine, parse_line

SHA = "a" * 64
WHERE = "r.txt:7"


@pytest.mark.parametrize(
    "text",
    [
        "requests",
        "requests [security] >= 2.8.1, == 2.8.* ; python_version < '2.7'",
        "a; sys_platform == 'linux-x'",
        "urllib3 @ https://h/urllib3-1-py3-none-any.whl",
        "./downloads/numpy-1-py3-none-any.whl",
        "a>=1,<2",
    ],
)
def test_requirements(text: str) -> None:
    assert parse_line(text, WHERE) == RequirementLine(text=text)


@pytest.mark.parametrize("option", [f"--hash=sha256:{SHA}", f"--hash sha256:{SHA}", f"--hash='sha256:{SHA}'"])
def test_hashes(option: str) -> None:
    assert parse_line(f"a==1 {option} {option}", WHERE) == RequirementLine(
        text="a==1", hashes=(Hash(algorithm="sha256", digest=SHA),) * 2
    )


def test_config_settings_say_nothing_to_a_wheel() -> None:
    assert parse_line('a --config-settings="k=v" -C x=y', WHERE) == RequirementLine(text="a")


@pytest.mark.parametrize(
    ("text", "path", "constraint"),
    [
        ("-r other.txt", "other.txt", False),
        ("-rother.txt", "other.txt", False),
        ("--requirement other.txt", "other.txt", False),
        ("--requirement=other.txt", "other.txt", False),
        ("-c 'with blank.txt'", "with blank.txt", True),
        ("--constraint https://h/c.txt", "https://h/c.txt", True),
    ],
)
def test_nested(text: str, path: str, *, constraint: bool) -> None:
    assert parse_line(text, WHERE) == NestedLine(path=path, constraint=constraint)


def test_options() -> None:
    line = parse_line("-i https://i --extra-index-url=https://e --no-index --pre --only-binary :all:", WHERE)
    assert line == OptionLine(
        options=(
            ("index-url", "https://i"),
            ("extra-index-url", "https://e"),
            ("no-index", ""),
            ("pre", ""),
            ("only-binary", ":all:"),
        )
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("--indx-url x", "there is no option --indx-url"),
        ("-x", "there is no option -x"),
        ("--index-url", "--index-url needs a value"),
        ("--index-url=", "--index-url needs a value"),
        ("--pre=1", "--pre takes no value"),
        ("--pre yes", "'yes' stands where an option should"),
        ("-i 'x", "quotation"),
        ("a --hash=sha256", "--hash must be"),
        ("a --hash=sha256:xyz", "--hash must be"),
        ("a --hash=md5:00", "--hash of md5"),
        (f"--hash=sha256:{SHA}", "--hash without a requirement"),
        ("a --pre", "--pre stands on a line of its own"),
        ("-r a.txt --pre", "stand alone"),
        ("-e .", "-e asks for an installation from source"),
        ("a --global-option=x", "--global-option asks for an installation from source"),
    ],
)
def test_wrong_lines_are_named(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_line(text, WHERE)
    assert caught.value.cause.startswith(f"{WHERE}: ")
    assert says.lower() in caught.value.cause.lower()
