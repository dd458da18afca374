"""How often a request is tried, and how long is waited in between.

**Guarantees**: at most ``limit`` repetitions in a row without progress; every wait is announced and bounded.

**On crash**: holds nothing.

**Limits**: a Retry-After of more than a minute is not waited for longer than that.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from holdfast.errors import NetworkError
from holdfast.events import Reporter, Retrying
from holdfast.model.urls import printable_url

FIRST_DELAY = 0.25
LONGEST_DELAY = 10.0
LONGEST_RETRY_AFTER = 60.0


class Attempts:
    """The tries of one request.

    Args:
        limit: Repetitions after the first try.
        reporter: Told of each.
        wait: Sleeps for so many seconds, or raises because the client is told to stop.
    """

    def __init__(self, limit: int, reporter: Reporter, wait: Callable[[float], None]) -> None:
        self._limit = limit
        self._reporter = reporter
        self._wait = wait
        self._used = 0

    def again(self, url: str, failure: NetworkError, reason: str, retry_after: float | None = None) -> None:
        """Wait before the next try.

        Args:
            url: What is asked for.
            failure: Raised when there is no further try.
            reason: Why, without credentials.
            retry_after: What the server asks for, in seconds.
        """
        if self._used >= self._limit:
            raise failure
        self._used += 1
        delay = backoff(self._used) if retry_after is None else min(retry_after, LONGEST_RETRY_AFTER)
        self._reporter.emit(Retrying(url=printable_url(url), reason=reason, attempt=self._used, delay=delay))
        self._wait(delay)

    def progressed(self) -> None:
        """A good part arrived: count from the beginning."""
        self._used = 0


def backoff(attempt: int) -> float:
    """Seconds before repetition ``attempt`` (1 is the first): doubling, with jitter so that clients spread."""
    delay: float = min(LONGEST_DELAY, FIRST_DELAY * 2 ** (attempt - 1))
    return delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads requests, guards nothing


def parse_retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header: a number or a date (RFC 9110, 10.2.3); None when it is neither."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - servers hardly ever say a date

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
