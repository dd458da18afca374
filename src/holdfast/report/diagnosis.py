"""What ``doctor`` found, as lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.model.diagnosis import (
    Answer,
    Diagnosis,
    DirectoryRights,
    DirectoryWorth,
    Residue,
    SchemeWorth,
    Trial,
    Trials,
    WorkPlace,
)
from holdfast.report.amounts import bytes_text
from holdfast.report.escape import printable

_TITLE = 16
_FLOCK = {Answer.WORKS: "work", Answer.HOST_ONLY: "seen by this host only"}
_RESIDUE = {
    Residue.WORKING: "at work",
    Residue.INTERRUPTED: "interrupted",
    Residue.LITTER: "left by a command that has ended",
    Residue.UNKNOWN: "not to be judged from here",
}
_PLACES = {
    WorkPlace.ROOT: "beside the libraries",
    WorkPlace.TEMPORARY: "the system's temporary directory",
    WorkPlace.LIBRARY: "in the library directory",
}


def diagnosis_lines(found: Diagnosis) -> tuple[str, ...]:
    """Everything that was found: directory by directory, then what is to be done, last the verdict."""
    lines = []
    if found.asked not in {None, found.judged}:
        why = " does not exist; in its place" if found.missing else ":"
        lines.append(f"{found.asked}{why} {found.judged} is judged")
    lines += [line for directory in found.directories for line in _of_directory(directory, found)]
    lines += [_row(worth.scheme, _scheme(worth)) for worth in found.schemes]
    lines += list(_of_environment(found))
    lines += remark_lines(found)
    return tuple(map(printable, lines))


def remark_lines(found: Diagnosis) -> tuple[str, ...]:
    """What is to be known and done, each with one thing to type, and the verdict."""
    lines: list[str] = []
    for remark in sorted(found.remarks, key=lambda each: not each.stops):
        lines += [f"{'stops' if remark.stops else 'remark'}: {remark.text}", f"  Try: {remark.command}"]
    place = found.asked if found.asked and found.missing else found.judged
    lines.append(f"Nothing can be installed into {place} now." if found.stopped else f"{place} can be installed into.")
    return tuple(map(printable, lines))


def _of_directory(worth: DirectoryWorth, found: Diagnosis) -> Iterator[str]:
    yield worth.path
    yield _row("file system", f"{worth.filesystem or 'unknown'} ({', '.join(worth.options)})")
    yield _row("writable", "yes" if worth.writable else "no")
    yield _row("rights", _rights(worth.rights))
    yield _row("new entries", _new(worth.rights, found))
    yield _row("room", _room(worth))
    yield _row("lock", f"held by {worth.lock}" if worth.lock else "free")
    if worth.trials is not None:
        yield from _of_trials(worth.trials, found.lock_mode)


def _rights(rights: DirectoryRights) -> str:
    shared = f", shared by the group {rights.group}" if rights.shared else ""
    special = "".join(f", {word}" for bit, word in ((0o2000, "setgid"), (0o1000, "sticky")) if rights.mode & bit)
    acl = ", an access control list" if rights.acl else ""
    return (
        f"{rights.mode:04o} {rights.owner}:{rights.group}{special}{shared}{acl}; written by {', '.join(rights.writers)}"
    )


def _new(rights: DirectoryRights, found: Diagnosis) -> str:
    modes = f"files {rights.new_file:04o}, programs {rights.new_program:04o}, directories {rights.new_directory:04o}"
    umask = "as a new directory gets them with" if found.missing else "mirrored, without regard to"
    return f"{modes}, group {rights.new_group}; {umask} the umask {found.umask:04o}"


def _room(worth: DirectoryWorth) -> str:
    size = "bytes not known" if worth.bytes is None else bytes_text(worth.bytes)
    return f"{size}, {'any number of' if worth.inodes is None else f'{worth.inodes:,}'} files"


def _of_trials(trials: Trials, lock_mode: str | None) -> Iterator[str]:
    mode = f"; lock mode {lock_mode}" if lock_mode else ""
    yield _row("file locks", f"{_FLOCK.get(trials.flock.answer, '') or _refusal(trials.flock)}{mode}")
    yield _row("hard links", _said(trials.link))
    yield _row("reflinks", _said(trials.reflink))
    yield _row("rename", f"of directories {_said(trials.rename)}, onto an empty one {_said(trials.onto_empty)}")
    if trials.lower_layer is not None:
        yield _row(
            "lower layer", f"renaming its directories {_said(trials.lower_layer)}: they are replaced file by file"
        )
    yield _row("exchange", _said(trials.exchange))


def _of_environment(found: Diagnosis) -> Iterator[str]:
    if found.work is not None:
        yield _row("work area", f"{found.work[0]} ({_PLACES[found.work[1]]})")
    if found.link_mode is not None:
        yield _row("files come by", found.link_mode)
    if found.uv_lock.exists:
        held = {True: "held", False: "free", None: "there"}[found.uv_lock.held]
        yield _row("uv's lock", f"{found.uv_lock.path}: {held}")
    for each in found.transactions:
        owner = f" by {each.owner}" if each.owner else ""
        yield _row("transaction", f"{each.path}: {_RESIDUE[each.residue]}{owner}")


def _scheme(worth: SchemeWorth) -> str:
    reached = {True: ", reached by rename", False: ", in another mount", None: ""}[worth.by_rename]
    return f"{worth.path} ({'writable' if worth.writable else 'not writable'}{reached})"


def _said(trial: Trial) -> str:
    return _refusal(trial) if trial.answer is Answer.REFUSED else "yes"


def _refusal(trial: Trial) -> str:
    return f"refused ({trial.error})"


def _row(title: str, text: str) -> str:
    return f"  {title:<{_TITLE}}{text}"
