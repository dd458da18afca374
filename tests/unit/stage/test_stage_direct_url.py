from __future__ import annotations

import json

import pytest

from holdfast.model.hashes import Hash
from holdfast.model.requirement import DirectUrl
from holdfast.stage.direct_url import write_direct_url

SHA = "ab" * 32


def test_an_archive_names_its_hash_in_both_spellings() -> None:
    direct = DirectUrl(
        url="https://user:secret@example.org/p-1-py3-none-any.whl",
        hashes=(Hash(algorithm="sha512", digest="cd" * 64), Hash(algorithm="md5", digest="00")),
    )
    assert json.loads(write_direct_url(direct, SHA)) == {
        "url": "https://example.org/p-1-py3-none-any.whl",
        "archive_info": {"hash": f"sha256={SHA}", "hashes": {"sha256": SHA, "sha512": "cd" * 64}},
    }


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("https://example.org/x.whl", "https://example.org/x.whl"),
        ("https://user@example.org:8443/x.whl?a=b", "https://example.org:8443/x.whl?a=b"),
        ("https://user:pass@word@example.org/x.whl", "https://example.org/x.whl"),
        ("https://${TOKEN}@example.org/x.whl", "https://${TOKEN}@example.org/x.whl"),
        ("https://${USER}:${PASS}@example.org/x.whl", "https://${USER}:${PASS}@example.org/x.whl"),
        ("https://${USER}:secret@example.org/x.whl", "https://example.org/x.whl"),
        ("file:///home/me/x.whl", "file:///home/me/x.whl"),
    ],
)
def test_credentials_are_stripped_and_names_of_variables_are_not(url: str, plain: str) -> None:
    assert json.loads(write_direct_url(DirectUrl(url=url), SHA))["url"] == plain
