"""Every parser of what strangers write, as one function of bytes: an answer or one of its documented errors.

Whatever else is raised, takes longer than `LONGEST`, or gives an answer that the parser promises not to give, fails.
Inputs that did so once are files in ``tests/data/found/PARSER/``.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from holdfast.errors import IntegrityError, UnsatisfiableError, UsageError
from holdfast.fetch.ranges import local_metadata, metadata_member
from holdfast.index.filenames import version_of
from holdfast.index.page import Page, decode, encode
from holdfast.index.simple_html import parse_html, parse_links
from holdfast.index.simple_json import parse_json
from holdfast.model.filenames import filename_of, is_filename
from holdfast.model.metadata import parse_metadata
from holdfast.requirements.arguments import parse_argument
from holdfast.requirements.files import read_requirements as read_requirements_files
from holdfast.requirements.lines import RequirementLine, parse_line
from holdfast.requirements.text import decode as decode_requirements
from holdfast.requirements.text import logical_lines
from holdfast.resolve.filenames import TagRanks, split_wheel_name
from holdfast.resolve.rules import PythonRule
from holdfast.store.archive import Archive
from holdfast.store.contents import read_scripts, read_wheel
from holdfast.store.faults import WheelFault
from holdfast.store.listing import check_complete, parse_listing

FOUND = os.path.join(os.path.dirname(os.path.dirname(__file__)), "data", "found")
LONGEST = 10.0
"""Seconds for one input, on a machine that has other things to do; an honest one takes milliseconds."""

_URL = "https://index.test/simple/a/"
_TAGS = TagRanks(("py3-none-any",))
_PYTHON = PythonRule("3.11.2", ignored=False)


def read_zip(data: bytes) -> None:
    """The reader of archives: members with harmless names and exactly the declared bytes, or a fault."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with suppress(WheelFault), Archive(file.name) as archive:
            for name, member in archive.members.items():
                assert not name.startswith("/")
                assert not {"", ".", ".."} & set(name.split("/"))
                assert not set(name) & set("\\\0\n\r")
                with suppress(WheelFault):
                    assert sum(map(len, archive.chunks(member))) == member.size
        local_metadata(file.name)
        file.seek(0)
        metadata_member(file)  # type: ignore[arg-type] # of the same shape


def read_record(data: bytes) -> None:
    """RECORD of a wheel."""
    with suppress(WheelFault):
        check_complete(parse_listing(data), frozenset({"a/__init__.py", "a-1.dist-info/METADATA"}), "a-1.dist-info")


def read_metadata(data: bytes) -> None:
    """METADATA: what is read can be compared, shown and evaluated."""
    try:
        metadata = parse_metadata(data)
    except ValueError:
        return
    str(metadata.version)
    if metadata.requires_python is not None:
        metadata.requires_python.contains("3.11.2")
    for requirement in metadata.requires:
        requirement.specifier.contains("1.0", prereleases=True)
        str(requirement.marker)
        assert requirement.name == canonicalize_name(requirement.name)
        if requirement.url is not None:
            split_wheel_name(filename_of(requirement.url.url))
            urlsplit(requirement.url.url)


def read_info(data: bytes) -> None:
    """WHEEL and entry_points.txt."""
    with suppress(WheelFault):
        read_wheel(data)
    with suppress(WheelFault):
        for script in read_scripts(data):
            assert is_filename(script.name)


def read_requirements(data: bytes) -> None:
    """A requirements file: whole, with what it includes, and each of its lines by itself."""

    def opened(url: str) -> bytes:
        raise UsageError(f"{url} is not to be had")

    with tempfile.TemporaryDirectory() as where, suppress(UsageError, UnsatisfiableError):
        path = os.path.join(where, "r.txt")
        with open(path, "wb") as file:
            file.write(data)
        read_requirements_files((path,), (), opener=opened, environ={"A": "-e"})
    try:
        text = decode_requirements(data, "r.txt")
    except UsageError:
        return
    for line in logical_lines(text, {"A": "-e"}):
        with suppress(UsageError, UnsatisfiableError):
            said = parse_line(line.text, f"r.txt:{line.number}")
            if isinstance(said, RequirementLine):
                root = parse_argument(said.text, origin="r.txt:1", hashes=said.hashes)
                root.requirement.specifier.contains("1.0")


def read_html(data: bytes) -> None:
    """An index's page, or one for ``--find-links``, in HTML."""
    text = data.decode("utf-8", "replace")
    with suppress(IntegrityError):
        _use(parse_html(text, url=_URL, origin="i"))
    _use(Page(files=parse_links(text, url=_URL, origin="i")))


def read_json(data: bytes) -> None:
    """An index's page in JSON."""
    with suppress(IntegrityError):
        _use(parse_json(data, url=_URL, origin="i"))


def _use(page: Page) -> None:
    """What every command does with a page."""
    assert decode(encode(page), "i") == page
    for file in page.files:
        assert is_filename(file.filename)
        assert file.url.startswith(("http://", "https://"))
        _TAGS.rank_of_filename(file.filename)
        _PYTHON(file.requires_python)
        version_of(file.filename)
        split_wheel_name(file.filename)


PARSERS: dict[str, Callable[[bytes], None]] = {
    "zip": read_zip,
    "record": read_record,
    "metadata": read_metadata,
    "info": read_info,
    "requirements": read_requirements,
    "html": read_html,
    "json": read_json,
}


def attack(parser: str, data: bytes) -> None:
    """Give a parser an input; fails where it does not answer as it should, or not in time."""
    began = time.process_time()
    PARSERS[parser](data)
    assert time.process_time() - began < LONGEST
