"""Bytecode, compiled once for each wheel and kind of interpreter by the target's own Python, then linked along.

**Guarantees**: an entry is published by one rename and compared with its list when it is used; one whose file changed
is dropped and compiled again. Bytecode names its source's size and mtime, which placing keeps. A file that does not
compile is left out, and a compiler that fails leaves a distribution without bytecode: never an error.

**On crash**: ``.adding-*`` directories are left, which the next adder removes when they are an hour old.

**Limits**: tracebacks name the path that an import finds, as importlib writes it; what reads bytecode without importing
it sees the path inside the wheel.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from holdfast import disk
from holdfast.model.stored import StoredWheel, WheelFile
from holdfast.model.target import Interpreter, SchemeKey
from holdfast.store import keys, sharing, sweep
from holdfast.store.access import is_foreign
from holdfast.store.unpack import FILE_MODE
from holdfast.store.verify import digest_of
from holdfast.store.wheels import WheelStore

FILES = "files.json"
"""In an entry: member to size in bytes and sha256, as RECORD writes it, of what was compiled."""

_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "compile_script.py")
_LIBRARIES = frozenset({SchemeKey.PURELIB, SchemeKey.PLATLIB})
_SHARE = 512 << 10
"""Bytes of source that are worth a process of their own."""
_LIST_LIMIT = 64 << 20
_PLAIN = stat.S_IFREG | FILE_MODE


class _CompilerError(Exception):
    """The target's Python did not compile: nothing is known of what it was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One wheel to compile into ``litter``, which becomes ``entry``."""

    stored: StoredWheel
    entry: str
    litter: str
    files: tuple[WheelFile, ...]


def compiled(
    store: WheelStore, wheels: Sequence[StoredWheel], interpreter: Interpreter
) -> Mapping[str, Mapping[str, str]]:
    """The bytecode of wheels for an interpreter, compiled now as far as it is not in the store.

    Args:
        store: Where it is kept.
        wheels: Of one transaction.
        interpreter: The target's.

    Returns:
        For each wheel's sha256: member to absolute path of its bytecode.
    """
    if not interpreter.cache_tag:
        return {}
    tag = f"{interpreter.cache_tag}-{interpreter.version}"
    found: dict[str, Mapping[str, str]] = {}
    missing: list[StoredWheel] = []
    for stored in wheels:
        entry = _known(store, stored, tag)
        if entry is None:
            missing.append(stored)
        else:
            found[stored.manifest.sha256] = entry
    for _ in range(2 if missing else 0):  # in the cache, else in the work area
        try:
            return found | _add(store, missing, interpreter, tag)
        except _CompilerError:
            break
        except OSError as error:
            store.give_up(error.strerror or str(error))
    return found


def _known(store: WheelStore, stored: StoredWheel, tag: str) -> Mapping[str, str] | None:
    for root in store.roots():
        entry = os.path.join(root, keys.bytecode_entry(stored.manifest.sha256, tag))
        if (judged := sweep.identity(entry)) is None:
            continue
        try:
            store.check(entry, root)
            listed = json.loads(disk.read_regular(os.path.join(entry, FILES), limit=_LIST_LIMIT))
            return _checked(entry, stored, listed)
        except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            if not is_foreign(error, entry):
                sweep.drop(os.path.join(root, keys.BYTECODE), entry, judged)
    return None


def _checked(entry: str, stored: StoredWheel, listed: Mapping[str, tuple[int, str]]) -> Mapping[str, str]:
    """The entry's files.

    Raises:
        ValueError: One is not what it was.
        OSError: One is missing.
    """
    sources = {file.member: file for file in _sources(stored)}
    for member, (size, _) in listed.items():
        status = disk.lstat(_file(entry, member))
        if (status.st_size, status.st_mtime_ns, status.st_mode) != (size, sources[member].mtime_ns, _PLAIN):
            raise ValueError(member)
    return {member: _file(entry, member) for member in listed}


def _add(
    store: WheelStore, wheels: Sequence[StoredWheel], interpreter: Interpreter, tag: str
) -> dict[str, Mapping[str, str]]:
    root = store.writable_root()
    versioned = os.path.join(root, keys.BYTECODE)
    jobs: list[_Job] = []
    try:
        for stored in wheels:
            litter = sweep.fresh_path(versioned)
            entry = os.path.join(root, keys.bytecode_entry(stored.manifest.sha256, tag))
            jobs.append(_Job(stored=stored, entry=entry, litter=litter, files=tuple(_sources(stored))))
            sharing.make_directories(litter, root=root)
            _make_directories(jobs[-1], root)
        sweep.sweep(versioned, now_ns=disk.lstat(jobs[0].litter).st_mtime_ns)
        done = _compile(jobs, interpreter)
        return {job.stored.manifest.sha256: _publish(job, done, root) for job in jobs}
    finally:
        for job in jobs:
            disk.remove_tree(job.litter)


def _make_directories(job: _Job, root: str) -> None:
    parents = {os.path.dirname(file.member) for file in job.files} - {""}
    for parent in sorted(parents):
        sharing.make_directories(os.path.join(job.litter, parent), root=root)


def _publish(job: _Job, done: frozenset[str], root: str) -> Mapping[str, str]:
    """Move what was compiled of one wheel into the store; of two who do that the first wins."""
    listed: dict[str, tuple[int, str]] = {}
    for file in job.files:
        path = _file(job.litter, file.member)
        if path in done:
            listed[file.member] = _finish(path, file.mtime_ns)
    disk.write_new(os.path.join(job.litter, FILES), json.dumps(listed).encode(), mode=0o644)
    sharing.make_directories(os.path.dirname(job.entry), root=root)
    try:
        disk.rename(job.litter, job.entry)
    except OSError:
        if not disk.lexists(os.path.join(job.entry, FILES)):
            raise
    return {member: _file(job.entry, member) for member in listed}


def _finish(path: str, mtime_ns: int) -> tuple[int, str]:
    """Give new bytecode the store's rights and a time that tells whether it was edited; its size and digest."""
    fd = disk.open_regular(path)
    try:
        disk.fchmod(fd, FILE_MODE)
        disk.utime(fd, (mtime_ns, mtime_ns))
        return disk.fstat(fd).st_size, digest_of(fd)
    finally:
        disk.close(fd)


def _compile(jobs: Iterable[_Job], interpreter: Interpreter) -> frozenset[str]:
    """Compile all files, spread over the cores.

    Returns:
        The paths of the bytecode that was made.

    Raises:
        _CompilerError: A process could not be run to its end.
    """
    work = [
        (file.size, (f"{job.stored.tree}/{file.member}", _file(job.litter, file.member), file.member))
        for job in jobs
        for file in job.files
    ]
    work.sort(key=lambda item: item[0], reverse=True)
    count = max(1, min(_cores(), sum(size for size, _ in work) // _SHARE))
    done: set[str] = set()
    with ExitStack() as stack:
        running = []
        for part in ([arguments for _, arguments in work[n::count]] for n in range(count)):
            process = _start(interpreter, part)
            stack.callback(_end, process)
            running.append((process, part))
        for process, part in running:
            answer = process.stdout.read() if process.stdout else b""
            if process.wait() != 0:
                raise _CompilerError
            try:
                done.update(part[index][1] for index in json.loads(answer))
            except (ValueError, TypeError, IndexError) as error:
                raise _CompilerError from error
    return frozenset(done)


def _start(interpreter: Interpreter, part: Sequence[tuple[str, str, str]]) -> subprocess.Popen[bytes]:
    """Start a process and give it its work, all of which it reads before it begins."""
    try:
        process = subprocess.Popen(
            # -B: what the compiler itself imports is not the target's business (images come without that bytecode)
            [interpreter.executable, "-I", "-S", "-B", "-W", "ignore", _SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        raise _CompilerError from error
    try:
        if process.stdin:
            with process.stdin as stdin:
                stdin.write(json.dumps(part).encode())
    except BrokenPipeError:
        pass  # it has ended: its exit status says so
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _sources(stored: StoredWheel) -> Iterable[WheelFile]:
    return (file for file in stored.manifest.files if file.scheme in _LIBRARIES and file.path.endswith(".py"))


def _file(entry: str, member: str) -> str:
    return f"{entry}/{member}c"
