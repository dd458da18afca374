"""Directories with the rights of others, for what is moved out of a dead process's reach.

**Guarantees**: what a `Forge` makes comes to its place with its rights, by one rename: whoever finds it there later may
take it for the directory that it stands for. Rights are given to what was just made, never to what somebody put there.

**On crash**: a directory without its rights lies under the forge's own name, and goes with what surrounds it.

**Limits**: a group that may not be given is left as it is; root_squash and user namespaces refuse it.
"""

from __future__ import annotations

import os
import stat as modes
from contextlib import suppress
from dataclasses import dataclass

from holdfast import disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """Where directories are made: they come to their place with their rights, whenever this process dies."""

    fd: int
    name: str

    def make(self, name: str, dir_fd: int | None, model: os.stat_result) -> None:
        """Make one with the rights of its model; it may be there already."""
        if disk.lexists(name, dir_fd=dir_fd):
            return
        with suppress(FileNotFoundError):  # an error came between, when this was tried before
            disk.rmdir(self.name, dir_fd=self.fd)
        make(self.name, self.fd, like=model)
        disk.rename(self.name, name, src_dir_fd=self.fd, dst_dir_fd=dir_fd)


def make(name: str, dir_fd: int | None, *, like: os.stat_result | None = None) -> None:
    """Make a directory with the rights of another one (of its parent); it may be there already."""
    try:
        disk.mkdir(name, 0o700, dir_fd=dir_fd)
    except FileExistsError:
        return
    fd = disk.open_dir(name, dir_fd=dir_fd)
    try:
        if not disk.is_private(fd):
            return
        model = like or (disk.stat(os.path.dirname(name)) if dir_fd is None else disk.fstat(dir_fd))
        with suppress(OSError):  # the group is a help to others; root_squash and user namespaces refuse it
            disk.fchown(fd, -1, model.st_gid)
        if like is not None and like.st_uid != disk.fstat(fd).st_uid:
            with suppress(OSError):  # only root may; what stands for somebody's directory stays his
                disk.fchown(fd, like.st_uid, -1)
        disk.fchmod(fd, modes.S_IMODE(model.st_mode))
    finally:
        disk.close(fd)


def make_inside(directory: str, name: str) -> None:
    """Make a directory in one that is named; a symlink that has taken its place is not gone through."""
    with disk.opened(directory) as fd:
        make(name, fd)
