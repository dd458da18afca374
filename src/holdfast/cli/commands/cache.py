"""``holdfast cache``."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from holdfast.cli.command import Command, Invocation
from holdfast.cli.parse import CommandLineError, did_you_mean
from holdfast.config.table import CACHE, JSON, OUTPUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from holdfast.flows.cache import Cleaned


def run(invocation: Invocation) -> int:
    """Say where the cache is and what is in it, look after it, or empty it."""
    words = invocation.parsed.arguments
    if len(words) != 1:
        raise CommandLineError(f"cache needs one of: {', '.join(_ACTIONS)}.")
    if words[0] not in _ACTIONS:
        raise CommandLineError(f"there is no cache {words[0]!r}{did_you_mean(words[0], tuple(_ACTIONS))}")
    return _ACTIONS[words[0]](invocation, _directory(invocation))


def _dir(invocation: Invocation, directory: str) -> int:
    return _result(invocation, {"path": directory}, (directory,))


def _info(invocation: Invocation, directory: str) -> int:
    from holdfast.flows.cache import usage  # noqa: PLC0415 - after the options are known to be right
    from holdfast.report.amounts import bytes_text, count_text  # noqa: PLC0415

    found = usage(directory)
    rows = {name: {"files": files, "bytes": size} for name, (files, size) in found.items()}
    lines = [f"{name}: {count_text(files, 'file')}, {bytes_text(size)}" for name, (files, size) in found.items()]
    return _result(invocation, {"path": directory, "contents": rows}, (directory, *lines))


def _list(invocation: Invocation, directory: str) -> int:
    from datetime import UTC, datetime  # noqa: PLC0415 - after the options are known to be right

    from holdfast.flows.cache import wheels  # noqa: PLC0415
    from holdfast.report.amounts import bytes_text  # noqa: PLC0415

    rows: list[dict[str, object]] = []
    lines: list[str] = []
    for entry in wheels(directory):
        if (manifest := entry.manifest) is None:
            continue
        used = datetime.fromtimestamp(entry.used_ns // 1_000_000_000, UTC).isoformat()
        rows.append(
            {"filename": manifest.filename, "sha256": manifest.sha256, "bytes": entry.bytes, "used": used},
        )
        lines.append(f"{manifest.filename} ({bytes_text(entry.bytes)}, used {used[:10]})")
    return _result(invocation, {"path": directory, "wheels": rows}, sorted(lines))


def _prune(invocation: Invocation, directory: str) -> int:
    from holdfast.flows.cache import prune  # noqa: PLC0415 - after the options are known to be right

    return _removed(invocation, directory, prune)


def _clean(invocation: Invocation, directory: str) -> int:
    from holdfast.flows.cache import clean  # noqa: PLC0415 - after the options are known to be right

    return _removed(invocation, directory, clean)


def _verify(invocation: Invocation, directory: str) -> int:
    from holdfast.cli.streams import remark  # noqa: PLC0415 - after the options are known to be right
    from holdfast.flows.cache import verify_all  # noqa: PLC0415

    found = verify_all(directory)
    remark(
        f"warning: {'left' if path in found.left else 'removed'} {path}, which was damaged" for path in found.damaged
    )
    line = f"Entries verified in {directory}: {found.entries}; damaged: {len(found.damaged)}"
    rows = {"path": directory, "entries": found.entries, "damaged": list(found.damaged), "left": list(found.left)}
    _result(invocation, rows, () if invocation.quiet else (line,))
    return _DAMAGE_LEFT if found.left else 0


def _removed(invocation: Invocation, directory: str, remove: Callable[[str], Cleaned]) -> int:
    from holdfast.cli.streams import remark  # noqa: PLC0415 - after the options are known to be right
    from holdfast.report.amounts import bytes_text, count_text  # noqa: PLC0415

    cleaned = remove(directory)
    rows = {"path": directory, "files": cleaned.files, "bytes": cleaned.bytes, "left": list(cleaned.left)}
    line = f"Removed {count_text(cleaned.files, 'file')} ({bytes_text(cleaned.bytes)}) from {directory}"
    _result(invocation, rows, () if invocation.quiet else (line,))
    remark(f"warning: left {path}" for path in cleaned.left)
    return 0


def _result(invocation: Invocation, value: dict[str, object], lines: Iterable[str]) -> int:
    from holdfast.cli.streams import say, say_json  # noqa: PLC0415 - after the options are known to be right

    if invocation.parsed.flag("json"):
        say_json(value)
    else:
        say(lines)
    return 0


def _directory(invocation: Invocation) -> str:
    from holdfast.config.requests import cache_directory  # noqa: PLC0415 - after the options are known to be right
    from holdfast.errors import UsageError  # noqa: PLC0415

    directory = cache_directory(invocation.settings, invocation.environ)
    if directory is None:
        raise UsageError("There is no cache: --no-cache is set, or there is no home directory to keep it in.")
    return directory


_ACTIONS: dict[str, Callable[[Invocation, str], int]] = {
    "dir": _dir,
    "info": _info,
    "list": _list,
    "prune": _prune,
    "clean": _clean,
    "verify": _verify,
}
_DAMAGE_LEFT = 5

COMMAND = Command(
    usage="usage: holdfast cache [options] dir|info|list|prune|clean|verify",
    text=(
        "dir: print where the cache is.\ninfo: what takes how much room in it.\nlist: the wheels in it.\n"
        "prune: remove what no environment shares and nothing was installed from for 30 days.\n"
        "clean: remove everything in it.\n"
        "verify: hash every file, and remove what is not as it was added (else exit code 5)."
    ),
    groups=(("Cache", CACHE), ("Output", (*JSON, *OUTPUT))),
    run=run,
)
