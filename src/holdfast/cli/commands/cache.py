"""``holdfast cache``."""

from __future__ import annotations

from holdfast.cli.command import Command, Invocation
from holdfast.cli.parse import CommandLineError, did_you_mean
from holdfast.config.table import CACHE, JSON, OUTPUT

_ACTIONS = ("dir", "clean")


def run(invocation: Invocation) -> int:
    """Say where the cache is, or empty it."""
    words = invocation.parsed.arguments
    if len(words) != 1:
        raise CommandLineError(f"cache needs one of: {', '.join(_ACTIONS)}.")
    if words[0] not in _ACTIONS:
        raise CommandLineError(f"there is no cache {words[0]!r}{did_you_mean(words[0], _ACTIONS)}")
    return _dir(invocation) if words[0] == "dir" else _clean(invocation)


def _dir(invocation: Invocation) -> int:
    from holdfast.cli.streams import say, say_json  # noqa: PLC0415 - after the options are known to be right

    directory = _directory(invocation)
    if invocation.parsed.flag("json"):
        say_json({"path": directory})
    else:
        say((directory,))
    return 0


def _clean(invocation: Invocation) -> int:
    from holdfast.cli.streams import remark, say, say_json  # noqa: PLC0415 - after the options are known to be right
    from holdfast.flows.cache import clean_cache  # noqa: PLC0415
    from holdfast.report.amounts import bytes_text, count_text  # noqa: PLC0415

    directory = _directory(invocation)
    cleaned = clean_cache(directory)
    if invocation.parsed.flag("json"):
        say_json(
            {"path": directory, "files": cleaned.files, "bytes": cleaned.bytes, "left": list(cleaned.left)},
        )
    elif not invocation.quiet:
        say((f"Removed {count_text(cleaned.files, 'file')} ({bytes_text(cleaned.bytes)}) from {directory}",))
    remark(f"warning: left {path}" for path in cleaned.left)
    return 0


def _directory(invocation: Invocation) -> str:
    from holdfast.config.requests import cache_directory  # noqa: PLC0415 - after the options are known to be right
    from holdfast.errors import UsageError  # noqa: PLC0415

    directory = cache_directory(invocation.settings, invocation.environ)
    if directory is None:
        raise UsageError("There is no cache: --no-cache is set, or there is no home directory to keep it in.")
    return directory


COMMAND = Command(
    usage="usage: holdfast cache [options] dir|clean",
    text="dir: print where the cache is. clean: remove everything in it.",
    groups=(("Cache", CACHE), ("Output", (*JSON, *OUTPUT))),
    run=run,
)
