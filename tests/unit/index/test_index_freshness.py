from __future__ import annotations

import pytest

from holdfast.index.freshness import LONGEST, Head, head_of, join, split

DIGEST = "0" * 64


def head(**headers: str) -> Head:
    found = head_of({name.replace("_", "-"): value for name, value in headers.items()}, DIGEST, 1000.0)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("control", "lifetime"),
    [
        ("max-age=60", 60.0),
        ("public, max-age=60", 60.0),
        ("max-age=0", 0.0),
        ("MAX-AGE = 60", 60.0),
        ("s-maxage=60", 0.0),
        ("max-age=60, no-cache", 0.0),
        ("max-age=999999", LONGEST),
        ("max-age=x", 0.0),
        ("", 0.0),
    ],
)
def test_lifetimes(control: str, lifetime: float) -> None:
    assert head(cache_control=control).lifetime == lifetime


def test_no_store_is_not_kept() -> None:
    assert head_of({"cache-control": "no-store, max-age=60"}, DIGEST, 1.0) is None


def test_time_spent_in_other_caches_counts() -> None:
    assert head(cache_control="max-age=60", age="50").lifetime == 10.0
    assert head(cache_control="max-age=60", age="500").lifetime == 0.0
    assert head(cache_control="max-age=60", age="soon").lifetime == 60.0


def test_fresh_until_the_lifetime_ends_and_not_before_it_began() -> None:
    page = head(cache_control="max-age=60")
    assert page.is_fresh(1000.0)
    assert page.is_fresh(1059.9)
    assert not page.is_fresh(1060.0)
    assert not page.is_fresh(999.0)


def test_conditions() -> None:
    assert head(etag='"x"', last_modified="then").conditions == {"If-None-Match": '"x"', "If-Modified-Since": "then"}
    assert head().conditions == {}


def test_a_304_need_not_repeat_the_validators() -> None:
    before = head(etag='"x"', last_modified="then")
    after = head_of({"cache-control": "max-age=5"}, DIGEST, 2000.0, before)
    assert after == Head(etag='"x"', modified="then", asked=2000.0, lifetime=5.0, digest=DIGEST)


def test_kept_heads_come_back() -> None:
    page = head(etag='"x"', cache_control="max-age=60")
    assert split(join(page, b"page\nmore")) == (page, b"page\nmore")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"{}\n",
        b"[]\nx",
        b"null\n",
        b'{"etag": 1, "modified": null, "asked": 1, "lifetime": 1, "digest": ""}\n',
        b'{"etag": "a\\nb", "modified": null, "asked": 1, "lifetime": 1, "digest": ""}\n',
        b'{"etag": null, "modified": null, "asked": "x", "lifetime": 1, "digest": ""}\n',
        b'{"etag": null, "modified": null, "asked": 1, "lifetime": 1, "digest": ""}',
    ],
)
def test_a_spoilt_cache_is_no_page(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        split(data)


def test_a_cache_cannot_claim_to_be_fresh_for_ever() -> None:
    data = b'{"etag": null, "modified": null, "asked": 1, "lifetime": 1e99, "digest": ""}\n'
    assert split(data)[0].lifetime == LONGEST
