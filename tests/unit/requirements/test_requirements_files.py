"""Files that include files."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.errors import NetworkError, UnsatisfiableError, UsageError
from holdfast.model.request import FileOptions
from holdfast.requirements.files import RequirementsFile, read_requirements

# From pip's documentation of the format.
DOCUMENTED = """\
###### Requirements without Version Specifiers ######
pytest
pytest-cov
beautifulsoup4
#
###### Requirements with Version Specifiers ######
#   See https://www.python.org/dev/peps/pep-0440/#version-specifiers
docopt == 0.6.1             # Version Matching. Must be version 0.6.1
keyring >= 4.1.1            # Minimum version 4.1.1
coverage != 3.5             # Version Exclusion. Anything except version 3.5
Mopidy-Dirble ~= 1.1        # Compatible release. Same as >= 1.1, == 1.*
#
###### Refer to other requirements files ######
-r other-requirements.txt
#
###### A particular file ######
./downloads/numpy-1.9.2-cp34-none-win32.whl
http://wxpython.org/Phoenix/snapshot-builds/wxPython_Phoenix-3.0.3.dev1820+49a8884-cp34-none-win_amd64.whl
#
###### Additional Requirements without Version Specifiers ######
#   Same as 1st section, just here to show that you can put things in any order.
rejected
green
"""


def read(path: object, *constraints: str, pages: dict[str, str] | None = None, **environ: str) -> RequirementsFile:
    def opener(url: str) -> bytes:
        if pages is None or url not in pages:
            raise NetworkError(f"{url}: 404")
        return pages[url].encode()

    return read_requirements([str(path)], constraints, opener=opener, environ=environ)


def texts(found: RequirementsFile) -> list[str]:
    return [str(root.requirement) for root in found.requirements]


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".txt").write_text(text)
    return folder / "r.txt"


def test_the_documented_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads/numpy-1.9.2-cp34-none-win32.whl").touch()
    (tmp_path / "other-requirements.txt").write_text("nested")
    (tmp_path / "r.txt").write_text(DOCUMENTED)
    found = read("r.txt")
    assert [root.requirement.name for root in found.requirements] == [
        *("pytest", "pytest-cov", "beautifulsoup4", "docopt", "keyring", "coverage", "mopidy-dirble", "nested"),
        *("numpy", "wxpython-phoenix", "rejected", "green"),
    ]
    assert found.requirements[3].origin == "r.txt:8"
    assert found.requirements[7].origin == "other-requirements.txt:1"


def test_nested_files_are_relative_to_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, r="a\n-r sub/s.txt\n-c sub/c.txt", sub__s="b\n-r t.txt", sub__t="c", sub__c="d<2")
    found = read(path)
    assert texts(found) == ["a", "b", "c"]
    assert [str(root.requirement) for root in found.constraints] == ["d<2"]
    assert found.constraints[0].origin == f"{tmp_path}/sub/c.txt:1"


def test_requirements_in_a_constraints_file_are_constraints(tmp_path: Path) -> None:
    write(tmp_path, r="a", c="b<1\n-r s.txt\n-c t.txt", s="x", t="y")
    found = read(tmp_path / "r.txt", str(tmp_path / "c.txt"))
    assert texts(found) == ["x", "a"]
    assert [str(root.requirement) for root in found.constraints] == ["b<1", "y"]


def test_urls_include_beside_themselves() -> None:
    pages = {"https://h/a/r.txt": "-r s.txt\n-c /c.txt", "https://h/a/s.txt": "x", "https://h/c.txt": "y<1"}
    found = read("https://h/a/r.txt", pages=pages)
    assert texts(found) == ["x"]
    assert len(found.constraints) == 1


def test_a_file_may_include_a_url(tmp_path: Path) -> None:
    path = write(tmp_path, r="-r https://h/s.txt")
    assert texts(read(path, pages={"https://h/s.txt": "x"})) == ["x"]
    with pytest.raises(NetworkError):
        read(path)


def test_file_urls_need_no_network(tmp_path: Path) -> None:
    path = write(tmp_path, r="a\n-r s.txt", s="b")
    assert texts(read(path.as_uri())) == ["a", "b"]


def test_a_circle_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, r="-r sub/s.txt", sub__s="-r ../r.txt")
    with pytest.raises(UsageError, match="includes itself"):
        read(path)


def test_the_same_file_twice_is_no_circle(tmp_path: Path) -> None:
    assert texts(read(write(tmp_path, r="-r s.txt\n-r s.txt", s="a"))) == ["a", "a"]


def test_a_missing_file_is_named_with_its_includer(tmp_path: Path) -> None:
    path = write(tmp_path, r="-r gone.txt")
    with pytest.raises(UsageError, match=r"gone\.txt, included by .*r\.txt, cannot be read: No such file"):
        read(path)
    with pytest.raises(UsageError, match=r"nowhere\.txt cannot be read"):
        read(tmp_path / "nowhere.txt")


def test_an_error_names_file_and_line(tmp_path: Path) -> None:
    path = write(tmp_path, r="-r s.txt", s="\n# x\na \\\n  ==\n")
    with pytest.raises(UsageError) as caught:
        read(path)
    assert caught.value.cause.startswith(f"{tmp_path}/s.txt:3: ")


def test_variables(tmp_path: Path) -> None:
    path = write(tmp_path, r="-i https://${TOKEN}@h/simple\na")
    assert read(path, TOKEN="secret").options.index_url == "https://secret@h/simple"


def test_options(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        r="--pre\n--require-hashes\n--trusted-host h\n--only-binary :all:\n--no-binary a --only-binary b\n--no-index",
    )
    assert read(path).options == FileOptions(
        no_index=True,
        pre=True,
        require_hashes=True,
        trusted_hosts=("h",),
        formats=(("only-binary", ":all:"), ("no-binary", "a"), ("only-binary", "b")),
    )


def test_index_url_takes_back_the_indexes_before_it(tmp_path: Path) -> None:
    path = write(tmp_path, r="--extra-index-url e1\n-i i1\n--extra-index-url e2\n-r s.txt", s="-i i2")
    assert read(path).options == FileOptions(index_url="i2")
    path = write(tmp_path, r="--extra-index-url e1\n-i i1\n--extra-index-url e2")
    assert read(path).options == FileOptions(index_url="i1", extra_index_urls=("e2",))


def test_find_links_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    path = write(tmp_path, r="-f wheels\n-f elsewhere\n-f https://h/")
    assert read(path).options.find_links == (f"{tmp_path}/wheels", "elsewhere", "https://h/")


def test_hashes_stay_with_their_requirement(tmp_path: Path) -> None:
    digest = "0" * 64
    found = read(write(tmp_path, r=f"a==1 \\\n    --hash=sha256:{digest} \\\n    --hash=sha512:{digest * 2}\nb"))
    assert [str(item) for item in found.requirements[0].hashes] == [f"sha256:{digest}", f"sha512:{digest * 2}"]
    assert found.requirements[1].hashes == ()


def test_sources_are_refused_with_their_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"r\.txt:1: -e"):
        read(write(tmp_path, r="-e ."))
    with pytest.raises(UnsatisfiableError, match=r"r\.txt:1: .*wheels only"):
        read(write(tmp_path, r="git+https://h/x"))


def test_an_empty_file_is_fine(tmp_path: Path) -> None:
    assert read(write(tmp_path, r="")) == RequirementsFile()
