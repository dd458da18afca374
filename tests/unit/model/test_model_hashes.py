from __future__ import annotations

import base64
import hashlib

from holdfast.model.hashes import Hash, archive_hashes, record_text

ONE, TWO = "a" * 64, "b" * 64


def test_a_digest_is_written_as_in_record() -> None:
    for number in range(200):
        digest = hashlib.sha256(bytes([number])).digest()
        assert record_text(digest) == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_hashes_of_direct_url_in_both_forms() -> None:
    both = {"url": "x", "archive_info": {"hashes": {"sha256": ONE}, "hash": f"sha256={TWO}"}}
    assert archive_hashes(both) == {Hash(algorithm="sha256", digest=ONE), Hash(algorithm="sha256", digest=TWO)}


def test_spoilt_direct_urls_have_no_hashes() -> None:
    spoilt: tuple[object, ...] = (
        None,
        [],
        {"hashes": []},
        {"hashes": {"sha256": "no"}},
        {"hash": 7},
        {"hash": "sha256"},
    )
    for info in spoilt:
        assert archive_hashes({"archive_info": info}) == frozenset()
    assert archive_hashes({}) == frozenset()
