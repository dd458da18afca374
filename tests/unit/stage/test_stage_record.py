from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode

from hypothesis import given
from hypothesis import strategies as st
from installer.records import RecordEntry, parse_record_file

from holdfast.stage.record import RecordRow, write_record

PATHS = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\0\x85\u2028\u2029\\", exclude_categories=["Cs", "Cc"]),
    min_size=1,
)
DIGESTS = st.binary(min_size=32, max_size=32).map(lambda each: urlsafe_b64encode(each).rstrip(b"=").decode())


@given(st.dictionaries(PATHS, st.none() | st.tuples(DIGESTS, st.integers(0, 2**40))))
def test_every_reader_reads_what_was_written(wanted: dict[str, tuple[str, int] | None]) -> None:
    rows = [
        RecordRow(path=path, digest=each[0], size=each[1]) if each else RecordRow(path=path)
        for path, each in wanted.items()
    ]
    text = write_record(rows).decode()
    read = [RecordEntry.from_elements(*row) for row in parse_record_file(text.split("\n")[:-1])]
    assert [entry.path for entry in read] == sorted(wanted)
    for entry in read:
        expected = wanted[entry.path]
        if expected is None:
            assert entry.hash_ is None
            assert entry.size is None
        else:
            assert entry.hash_ is not None
            assert (entry.hash_.name, entry.hash_.value, entry.size) == ("sha256", *expected)


def test_a_row_looks_as_the_standard_shows_it() -> None:
    digest = urlsafe_b64encode(hashlib.sha256(b"x").digest()).rstrip(b"=").decode()
    rows = [RecordRow(path="p-1.dist-info/RECORD"), RecordRow(path='p/a,"b".py', digest=digest, size=1)]
    assert write_record(rows).decode() == (f'p-1.dist-info/RECORD,,\n"p/a,""b"".py",sha256={digest},1\n')
