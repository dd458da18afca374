"""What to type when the operating system says no."""

from __future__ import annotations

import errno

import pytest

from holdfast import disk


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "df -h /place"),
        (errno.EDQUOT, "df -h /place"),
        (errno.EROFS, "ls -ld /place"),
        (errno.EACCES, "ls -ld /place"),
        (errno.EIO, "dmesg"),
        (errno.EBUSY, "Repeat the command."),
    ],
)
def test_every_error_has_something_to_type(number: int, words: str) -> None:
    assert words in disk.remedy(OSError(number, "no"), "/place")
