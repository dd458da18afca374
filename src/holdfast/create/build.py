"""Writes a new environment into a directory that does not exist yet, with the rights of a new root.

**Guarantees**: the root follows the umask, with the group's rights where the parent or the user asks for them;
everything below is as the root is. Rights are given on descriptors.

**On crash**: a part is left where it was being built.

**Limits**: a group that may not be given is left as it is; `Builder.unshared` says so where it was asked for.
"""

from __future__ import annotations

import os

from holdfast import disk
from holdfast.create.layout import Layout
from holdfast.model.rights import Rights, Sharing, is_shared, mirror, new_root


class Builder:
    """Builds one layout.

    Args:
        wanted: What it contains.
        sharing: What is asked for with ``--shared``.

    Attributes:
        unshared: A group was refused where one was to share.
    """

    def __init__(self, wanted: Layout, sharing: Sharing | None) -> None:
        self._wanted = wanted
        self._sharing = sharing
        self.unshared = False

    def build(self, root: str, parent: str, *, like: str | None = None) -> None:
        """Make the root and everything below.

        Args:
            root: Does not exist.
            parent: The directory in which it will lie in the end.
            like: An environment that it replaces: if that is shared, so is this one.
        """
        self._make_root(root, parent, like=like)
        given = self._inside(root)
        for name in self._wanted.directories:
            self._make(os.path.join(root, name), given)
        for name, text in self._wanted.links.items():
            disk.symlink(text, os.path.join(root, name))
        for name, content in self._wanted.files.items():
            fd = disk.open_new(os.path.join(root, name))
            try:
                disk.write(fd, content)
                disk.give_rights(fd, given.file_mode, given.gid)
            finally:
                disk.close(fd)

    def make_parent(self, path: str) -> None:
        """Make a missing directory above the environment."""
        self._make_root(path, os.path.dirname(path))

    def make_beside(self, path: str, parent: str) -> None:
        """Make a directory for the time of the making, as the one in which it will be seen.

        What is made there gets the same group from the system as it would get outside.
        """
        self._make(path, mirror(disk.stat(parent), uid=os.geteuid(), gid=os.getegid()))

    def _make_root(self, path: str, parent: str, *, like: str | None = None) -> None:
        above, model = disk.stat(parent), disk.stat(like) if like else None
        if model is not None and is_shared(model, uid=os.geteuid(), gid=os.getegid()):
            self._make(path, mirror(model, uid=os.geteuid(), gid=os.getegid(), sharing=self._sharing))
            return

        def give(fd: int) -> bool:
            return self._give(fd, *new_root(above, disk.fstat(fd), sharing=self._sharing))

        disk.make_directory(path, give, 0o777)

    def _inside(self, directory: str) -> Rights:
        return mirror(disk.stat(directory), uid=os.geteuid(), gid=os.getegid(), sharing=self._sharing)

    def _make(self, path: str, given: Rights) -> None:
        disk.make_directory(path, lambda fd: self._give(fd, given.directory_mode, given.gid))

    def _give(self, fd: int, mode: int, gid: int) -> bool:
        given = disk.give_rights(fd, mode, gid)
        self.unshared = self.unshared or not given
        return given
