"""One wheel file over HTTP into a partial file: streamed, hashed on the way, resumed where the connection broke.

**Guarantees**: memory stays flat. What is handed back has every promised hash; a server's wrong length or wrong part
never passes for the file.

**On crash**: the partial file is left in the work area.

**Limits**: a file without any promised hash is only as good as the server; it is resumed only if the server names its
version (ETag, Last-Modified).
"""

from __future__ import annotations

import re

from holdfast.errors import IntegrityError, NetworkError
from holdfast.events import DownloadAdvanced, DownloadStarted, Reporter
from holdfast.fetch.exchange import BrokenError, Streamed
from holdfast.fetch.http import ABSENT, HANDLED, Client
from holdfast.fetch.jobs import WheelJob, check_digests, new_hashers
from holdfast.fetch.ranges import parse_content_range, strong_validator
from holdfast.model.urls import printable_url
from holdfast.store.partials import PartialFile

GOOD_PART = 256 * 1024
"""A try that brought so many bytes does not count against the retries."""

_WHOLE, _PARTIAL, _BEYOND = 200, 206, 416


def transfer(job: WheelJob, partial: PartialFile, client: Client, reporter: Reporter) -> str:
    """Download one file and compare it with its promised hashes.

    Returns:
        Its sha256.

    Raises:
        NetworkError: It is not there, or the retries are used up.
        AuthenticationError: 401, 403 or 407.
        IntegrityError: It is not what was promised.
    """
    work = _Transfer(job, partial, client, reporter)
    digests = work.run()
    if work.resumed:  # the parts may be of different files: once more in one piece before anybody is blamed
        try:
            check_digests(job, digests)
        except IntegrityError:
            work.restart()
            digests = work.run()
    check_digests(job, digests)
    return digests["sha256"]


class _Transfer:
    def __init__(self, job: WheelJob, partial: PartialFile, client: Client, reporter: Reporter) -> None:
        self._job = job
        self._partial = partial
        self._client = client
        self._reporter = reporter
        self._attempts = client.attempts()
        self._hashers = new_hashers(job)
        self._validator: str | None = None
        self._announced = False
        self._shown = 0  # bytes that were reported; a restart does not take them back
        self.resumed = False

    def run(self) -> dict[str, str]:
        """Until the whole file is here."""
        while not self._once():
            pass
        size = self._job.size
        if size is not None and self._partial.size != size:
            raise self._wrong_size(f"{self._partial.size} bytes came")
        return {name: hasher.hexdigest() for name, hasher in self._hashers.items()}

    def restart(self) -> None:
        """Forget what is here."""
        self._partial.restart()
        self._hashers = new_hashers(self._job)
        self._validator = None
        self.resumed = False

    def _once(self) -> bool:
        """One request; whether the file is complete."""
        before = self._partial.size
        headers = {"Accept-Encoding": "identity"}
        if before:
            headers["Range"] = f"bytes={before}-"
            if self._validator is not None:
                headers["If-Range"] = self._validator
        with self._client.stream(
            self._job.url, headers=headers, handled=HANDLED | {_BEYOND}, attempts=self._attempts
        ) as answer:
            if answer.status in ABSENT:
                where = printable_url(self._job.url)
                raise NetworkError(
                    f"{self._job.filename} is listed but not there: {where} answered {answer.status}.",
                    hint="The same command later: the index may be out of step with its files.",
                )
            if answer.status == _BEYOND and before and _total(answer) == before:
                return True  # the length that was claimed at first was wrong: this is all
            if not self._fits(answer, before):
                self.restart()
                if answer.status != _WHOLE:
                    self._again(answer, "a part that was not asked for")
                    return False
            try:
                self._take(answer)
            except BrokenError as error:
                self._broken(error, answer, before)
                return False
        return True

    def _fits(self, answer: Streamed, before: int) -> bool:
        """Whether the answer goes on where the partial file ends."""
        if not before:
            return answer.status == _WHOLE
        part = parse_content_range(answer.headers.get("content-range", ""))
        self.resumed = answer.status == _PARTIAL and part is not None and part[0] == before
        return self.resumed

    def _take(self, answer: Streamed) -> None:
        self._validator = strong_validator(answer.headers)
        job, partial = self._job, self._partial
        if not self._announced:
            self._announced = True
            self._reporter.emit(DownloadStarted(filename=job.filename, size=job.size or _length(answer)))
        hashers = tuple(self._hashers.values())
        for chunk in answer.chunks():
            partial.write(chunk)
            for hasher in hashers:
                hasher.update(chunk)
            if job.size is not None and partial.size > job.size:
                raise self._wrong_size("more bytes came")
            if partial.size > self._shown:
                self._reporter.emit(DownloadAdvanced(filename=job.filename, received=partial.size - self._shown))
                self._shown = partial.size

    def _broken(self, error: BrokenError, answer: Streamed, before: int) -> None:
        if self._partial.size - before >= GOOD_PART:
            self._attempts.progressed()
        if self._validator is None and not self._job.listed and not self._job.required:
            self.restart()  # nothing could tell two versions of the file apart
        self._attempts.again(answer.url, error.failure.error, error.failure.reason)

    def _again(self, answer: Streamed, reason: str) -> None:
        failure = NetworkError(f"{printable_url(answer.url)} cannot be downloaded: the server sent {reason}.")
        self._attempts.again(answer.url, failure, reason)

    def _wrong_size(self, what: str) -> IntegrityError:
        return IntegrityError(
            f"{self._job.filename} from {printable_url(self._job.url)} should have {self._job.size} bytes, but {what}.",
            hint="The same command again; if it stays so, tell whoever runs the index.",
        )


def _length(answer: Streamed) -> int | None:
    text = answer.headers.get("content-length", "")
    return int(text) if answer.status == _WHOLE and text.isascii() and text.isdigit() else None


def _total(answer: Streamed) -> int | None:
    form = re.fullmatch(r"bytes\s+\*/(\d{1,18})", answer.headers.get("content-range", "").strip(), re.ASCII)
    return int(form[1]) if form else None
