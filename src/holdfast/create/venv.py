"""Makes virtual environments, beside and renamed in.

**Guarantees**: a new environment appears complete or not at all; in an existing empty directory (which may be a mount
or somebody's working directory) ``pyvenv.cfg``, which makes it an environment, comes last. With ``clear`` the old one
and the new one are exchanged in one call; where the file system has no such call the old one is moved away and the new
one moved in, two renames back to back, and if the second fails the first is undone. That much is done while whoever
changes the old one is held off. A directory that is not a virtual environment is never cleared. Rights are those of a
new root (``model.rights``): they follow the umask, and the group writes where the parent is setgid or lets it write;
one that replaces a shared one is shared as that was.

**On crash**: a ``.holdfast-<id>`` beside the environment (or in the empty directory) is left; between the two renames
the old environment lies in it as ``old/<name>``; what lies in a lower layer of an overlay cannot be renamed, and lies
there in part, as ``part/<name>``, until it is out. ``stage.litter.sweep_beside`` puts it back, and removes the rest.
What had been moved into the empty directory `take_back` removes.

**Limits**: nothing is synced. A mount point cannot be cleared.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

from holdfast import disk
from holdfast.create.build import Builder
from holdfast.create.layout import CONFIG, TOP, layout
from holdfast.errors import HarmError, TargetError, UsageError
from holdfast.events import SILENT, Reporter, Warned
from holdfast.model.rights import Sharing
from holdfast.model.target import Interpreter
from holdfast.model.transaction import TRANSACTION_PREFIX, is_transaction_name

NEW = "new"
"""In what is made beside: the new environment, complete before it is moved to its place."""

OLD = "old"
"""In what is made beside: the directory that holds the old environment, by its name, until the new one is in place."""

PART = "part"
"""In what is made beside: the directory that holds what of an old environment is on its way out, entry by entry."""

_INSIDE = "inside"
"""In what is made in an empty directory: what will be moved out into it."""


def create(
    path: str,
    interpreter: Interpreter,
    *,
    identifier: str,
    prompt: str | None = None,
    system_site_packages: bool = False,
    clear: Callable[[str], AbstractContextManager[object]] | None = None,
    sharing: Sharing | None = None,
    reporter: Reporter = SILENT,
) -> str:
    """Make a virtual environment.

    Args:
        path: Of its directory; missing parents are made.
        interpreter: What it is made from; if that is an environment itself, from the Python below it.
        identifier: Names what is made beside; tells whether its maker is dead (``stage.owner.new_id``).
        prompt: What activation shows; None: the directory's name.
        system_site_packages: It sees the packages of the Python below it.
        clear: Replace an environment that is there, inside of what this makes of its real path, which holds off who
            changes it; None: do not.
        sharing: What is asked for with ``--shared``.
        reporter: Is told what could not be removed, and that a group was refused; that is no failure.

    Returns:
        The absolute path.

    Raises:
        UsageError: The path cannot be an environment's.
        TargetError: Something is there already, or the directory may not be written.
        HarmError: ``clear`` of something that is not an environment, or of the one that holdfast runs from.
    """
    root = os.path.abspath(path)
    _refuse_unusable(root, prompt)
    wanted = layout(root, interpreter, prompt=prompt, system_site_packages=system_site_packages)
    real = disk.realpath(root)
    builder = Builder(wanted, sharing)
    try:
        if not disk.lexists(real):
            _make(real, identifier, builder, reporter)
        elif not _is_directory(real):
            raise TargetError(f"{root} is not a directory.", hint="Choose another path.")
        elif not disk.listdir(real):
            _fill(real, identifier, builder, reporter)
        else:
            _refuse_clearing(root, real, clear=clear is not None)
            if clear is not None:
                _replace(real, identifier, builder, reporter, clear)
    except OSError as error:
        raise TargetError(
            f"The environment {root} cannot be made: {error.filename or root}: {error.strerror}.",
            hint=f"Look at owner, rights and room: ls -ld {os.path.dirname(root)}",
        ) from error
    if builder.unshared:
        reporter.emit(Warned(text=f"The group could not be given to {root}: it is not shared."))
    return root


def _make(real: str, identifier: str, builder: Builder, reporter: Reporter) -> None:
    parent = os.path.dirname(real)
    made = disk.make_parents(parent, builder.make_parent)
    beside = _beside(parent, identifier)
    new = os.path.join(beside, NEW)
    try:
        builder.make_beside(beside, parent)
        builder.build(new, parent)
        # DISK: complete beside; nothing at its place
        disk.rename_exclusive(new, real)
        made = ()
    finally:
        _sweep(beside, reporter)
        disk.remove_parents(made)


def _fill(real: str, identifier: str, builder: Builder, reporter: Reporter) -> None:
    beside = _beside(real, identifier)
    inside = os.path.join(beside, _INSIDE)
    moved: list[str] = []
    try:
        builder.make_beside(beside, real)
        builder.build(inside, real)
        for name in sorted(disk.listdir(inside), key=lambda name: (name == CONFIG, name)):
            disk.rename_exclusive(os.path.join(inside, name), os.path.join(real, name))
            moved.append(name)
    except BaseException:
        for name in reversed(moved):
            _sweep(os.path.join(real, name), reporter)
        raise
    finally:
        _sweep(beside, reporter)


def _replace(
    real: str,
    identifier: str,
    builder: Builder,
    reporter: Reporter,
    alone: Callable[[str], AbstractContextManager[object]],
) -> None:
    parent = os.path.dirname(real)
    beside = _beside(parent, identifier)
    name = os.path.basename(real)
    new, old, part = (os.path.join(beside, *at) for at in ((NEW,), (OLD, name), (PART, name)))
    try:
        builder.make_beside(beside, parent)
        for path in (old, part):
            builder.make_beside(os.path.dirname(path), parent)
        builder.build(new, parent, like=real)
        with alone(real):
            if not disk.exchange(new, real):
                _take_out(real, old, part)
                # DISK: the old one beside, nothing at its place
                try:
                    disk.rename(new, real)
                except BaseException:
                    disk.rename(old, real)
                    raise
    finally:
        if disk.lexists(real) and not disk.lexists(part):  # else the only copy lies in here
            _sweep(beside, reporter)


def _take_out(real: str, old: str, part: str) -> None:
    """Move the old one away: what lies in a lower layer of an overlay entry by entry, ``pyvenv.cfg`` last."""
    try:
        disk.rename(real, old)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    else:
        return
    try:
        disk.carry(real, part, order=lambda name: (int(name == CONFIG), name))
        # DISK: the old one in part/<name>, nothing at its place
        disk.rename(part, old)
    except BaseException:
        if disk.lexists(part):
            disk.carry(part, real)
        raise


def take_back(root: str, is_dead: Callable[[str], bool]) -> None:
    """Empty a directory again that somebody was filling when he was killed: of exactly what he had moved into it.

    That is what an environment has and his complete one lacks by now. A directory that has ``pyvenv.cfg``, or anything
    that no new environment has, is left alone.

    Args:
        root: Of an environment that may have been in the making.
        is_dead: Judges a maker by his identifier.
    """
    try:
        there = set(disk.listdir(root))
        dead = [name for name in there if is_transaction_name(name) and _is_remains(root, name, is_dead)]
        if len(dead) != 1 or CONFIG in there or there - TOP - set(dead):
            return
        for name in (there & TOP).difference(disk.listdir(os.path.join(root, dead[0], _INSIDE))):
            disk.remove_tree(os.path.join(root, name))
    except OSError:  # making the environment says it better
        return


def _is_remains(root: str, name: str, is_dead: Callable[[str], bool]) -> bool:
    path = os.path.join(root, name)
    complete = disk.lexists(os.path.join(path, _INSIDE, CONFIG))  # written last, and moved last
    mine = disk.lstat(path).st_uid == os.geteuid()
    return complete and mine and is_dead(name.removeprefix(TRANSACTION_PREFIX))


def _sweep(path: str, reporter: Reporter) -> None:
    try:
        disk.remove_tree(path)
    except OSError as error:
        reporter.emit(Warned(text=f"{path} could not be removed: {error.strerror}."))


def _beside(parent: str, identifier: str) -> str:
    return os.path.join(parent, TRANSACTION_PREFIX + identifier)


def _is_directory(path: str) -> bool:
    return stat.S_ISDIR(disk.stat(path).st_mode)


def _refuse_unusable(root: str, prompt: str | None) -> None:
    if os.pathsep in root or "\n" in root:
        raise UsageError(
            f"{root!r} cannot hold an environment: its path goes into PATH, and has a colon or a line break in it.",
            hint="Choose another path.",
        )
    if prompt is not None and not prompt.isprintable():
        raise UsageError("The prompt must be printable and on one line.")


def _refuse_clearing(root: str, real: str, *, clear: bool) -> None:
    """Raise unless an environment lies there that may be cleared."""
    environment = disk.lexists(os.path.join(real, CONFIG))
    if not clear:
        what = "is a virtual environment already" if environment else "is not empty"
        hint = f"holdfast venv --clear {root}" if environment else "Choose another path."
        raise TargetError(f"{root} {what}.", hint=hint)
    if not environment:
        raise HarmError(
            f"{root} is not a virtual environment (it has no {CONFIG}), so it is not cleared.",
            hint="Choose another path, or remove it yourself.",
        )
    if disk.realpath(sys.prefix) == real:
        raise HarmError(f"holdfast itself runs from {root}, so it is not cleared.", hint="Choose another path.")
