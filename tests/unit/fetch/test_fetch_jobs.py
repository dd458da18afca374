from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.errors import IntegrityError
from holdfast.fetch.jobs import WheelJob, check_digests, job_of, job_of_pin
from holdfast.model.hashes import Hash
from holdfast.model.metadata import parse_metadata
from holdfast.model.release import ReleaseFile
from holdfast.model.requirement import parse_direct_url
from holdfast.model.resolution import DirectWheel, IndexWheel, Pin

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
MD5 = "d" * 32
JOB = WheelJob(filename="a-1.0-py3-none-any.whl", url="https://me:secret@host/a-1.0-py3-none-any.whl")


def sha(*digests: str) -> tuple[Hash, ...]:
    return tuple(Hash(algorithm="sha256", digest=digest) for digest in digests)


@pytest.mark.parametrize(
    ("listed", "required", "possible"),
    [
        ((), (), ()),
        (sha(A), (), (A,)),
        ((), sha(A, B), (A, B)),
        (sha(A), sha(A, B), (A,)),
        (sha(A), sha(B), ()),
        (sha(A), (Hash(algorithm="sha512", digest="e" * 128),), ()),
        ((), (*sha(A), Hash(algorithm="sha512", digest="e" * 128)), ()),
        ((Hash(algorithm="md5", digest=MD5),), (), ()),
    ],
)
def test_only_a_digest_that_keeps_every_promise_is_looked_up(
    listed: tuple[Hash, ...], required: tuple[Hash, ...], possible: tuple[str, ...]
) -> None:
    assert replace(JOB, listed=listed, required=required).possible == possible


def test_every_listed_algorithm_counts() -> None:
    job = replace(JOB, listed=(*sha(A), Hash(algorithm="md5", digest=MD5)))
    assert job.algorithms == {"sha256", "md5"}
    check_digests(job, {"sha256": A, "md5": MD5})
    with pytest.raises(IntegrityError, match="host") as caught:
        check_digests(job, {"sha256": A, "md5": "0" * 32})
    text = f"{caught.value.cause} {caught.value.details}"
    assert JOB.filename in text
    assert MD5 in text
    assert "0" * 32 in text
    assert "secret" not in text


def test_one_required_hash_is_enough() -> None:
    job = replace(JOB, required=(*sha(A, B), Hash(algorithm="md5", digest=MD5)))
    check_digests(job, {"sha256": B, "md5": "0" * 32})
    check_digests(job, {"sha256": C, "md5": MD5})
    with pytest.raises(IntegrityError, match="required"):
        check_digests(job, {"sha256": C, "md5": "0" * 32})


def test_an_unknown_algorithm_promises_nothing_that_can_be_kept() -> None:
    odd = Hash(algorithm="crc32", digest="00")
    check_digests(replace(JOB, listed=(odd,)), {"sha256": A})
    with pytest.raises(IntegrityError, match="required"):
        check_digests(replace(JOB, required=(odd,)), {"sha256": A})


def test_jobs_of_wheels() -> None:
    file = ReleaseFile(filename=JOB.filename, url="https://host/a.whl", hashes=sha(A), size=3, sidecar=sha(B))
    listed = job_of(IndexWheel(file=file), required=sha(A))
    assert (listed.listed, listed.required, listed.size, listed.sidecar) == (sha(A), sha(A), 3, sha(B))
    direct = job_of(DirectWheel(direct=parse_direct_url(f"https://host/a.whl#sha256={A}"), filename=JOB.filename))
    assert (direct.url, direct.listed) == ("https://host/a.whl", sha(A))
    metadata = parse_metadata(b"Metadata-Version: 2.1\nName: a\nVersion: 1.0\n")
    pin = Pin(name=metadata.name, version=metadata.version, source=IndexWheel(file=file), metadata=metadata)
    job = job_of_pin(pin, required=sha(A), allow_bad_record=True)
    assert job == replace(listed, metadata=metadata, allow_bad_record=True)
