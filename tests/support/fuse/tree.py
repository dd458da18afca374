"""The backing directory as the kernel sees it through the mount: one node for each inode that it knows of."""

from __future__ import annotations

import ctypes
import os
import stat
import time
from dataclasses import dataclass

from tests.support.fuse import protocol
from tests.support.fuse.protocol import Opcode, Request

_LIBC = ctypes.CDLL(None, use_errno=True)
_FILE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class Node:
    """An inode: held open (O_PATH), so that its number is nobody else's while the kernel knows it."""

    fd: int
    key: tuple[int, int]
    lookups: int = 1

    @property
    def path(self) -> str:
        """It, whatever its names are by now."""
        return f"/proc/self/fd/{self.fd}"


class Tree:
    """Operations on names and inodes.

    Args:
        backing: The directory that is shown.
        valid: Seconds that the kernel may believe a name or an attribute without asking.
    """

    def __init__(self, backing: str, *, valid: float) -> None:
        fd = os.open(backing, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        status = os.fstat(fd)
        self._valid = (int(valid), int(valid % 1 * 1_000_000_000))
        self._nodes = {protocol.ROOT_ID: Node(fd, (status.st_dev, status.st_ino))}
        self._ids = {self._nodes[protocol.ROOT_ID].key: protocol.ROOT_ID}
        self._next = protocol.ROOT_ID

    def path(self, node: int) -> str:
        """What opens a node that the kernel was told of, whatever its names are by now."""
        return self._nodes[node].path

    def lookup(self, request: Request) -> bytes:
        """LOOKUP."""
        return self.entry(request.node, *protocol.names(request.payload))

    def entry(self, parent: int, name: str) -> bytes:
        """The node of a name, known from now on."""
        fd = os.open(name, _FILE, dir_fd=self._nodes[parent].fd)
        status = os.fstat(fd)
        key = (status.st_dev, status.st_ino)
        if key in self._ids:
            os.close(fd)
            self._nodes[self._ids[key]].lookups += 1
        else:
            self._next += 1
            self._ids[key] = self._next
            self._nodes[self._next] = Node(fd, key)
        seconds, fraction = self._valid
        packed = protocol.ENTRY.pack(self._ids[key], 0, seconds, seconds, fraction, fraction)
        return packed + protocol.attributes(status)

    def forget(self, request: Request) -> None:
        """FORGET and BATCH_FORGET: the kernel forgot so many lookups."""
        if request.opcode is Opcode.FORGET:
            return self._forget(request.node, *protocol.FORGET_IN.unpack_from(request.payload))
        count, _ = protocol.BATCH_IN.unpack_from(request.payload)
        listed = request.payload[protocol.BATCH_IN.size :][: count * protocol.FORGET_ONE.size]
        for identifier, lookups in protocol.FORGET_ONE.iter_unpack(listed):
            self._forget(identifier, lookups)
        return None

    def _forget(self, identifier: int, lookups: int) -> None:
        node = self._nodes[identifier]
        node.lookups -= lookups
        if node.lookups <= 0 and identifier != protocol.ROOT_ID:
            del self._nodes[identifier], self._ids[node.key]
            os.close(node.fd)

    def attributes(self, request: Request) -> bytes:
        """GETATTR."""
        seconds, fraction = self._valid
        status = os.fstat(self._nodes[request.node].fd)
        return protocol.ATTR_OUT.pack(seconds, fraction, 0) + protocol.attributes(status)

    def set_attributes(self, request: Request) -> bytes:
        """SETATTR."""
        valid, _, _, size, _, atime, mtime, _, atime_ns, mtime_ns, _, mode, _, uid, gid, _ = (
            protocol.SETATTR_IN.unpack_from(request.payload)
        )
        node = self._nodes[request.node]
        if valid & (protocol.SET_UID | protocol.SET_GID):
            os.chown(node.path, uid if valid & protocol.SET_UID else -1, gid if valid & protocol.SET_GID else -1)
        if valid & protocol.SET_MODE:
            os.chmod(node.path, stat.S_IMODE(mode))
        if valid & protocol.SET_SIZE:
            os.truncate(node.path, size)
        if valid & (protocol.SET_ATIME | protocol.SET_MTIME):
            status, now = os.fstat(node.fd), time.time_ns()
            accessed = atime * 1_000_000_000 + atime_ns if valid & protocol.SET_ATIME else status.st_atime_ns
            modified = mtime * 1_000_000_000 + mtime_ns if valid & protocol.SET_MTIME else status.st_mtime_ns
            accessed = now if valid & protocol.SET_ATIME_NOW else accessed
            os.utime(node.path, ns=(accessed, now if valid & protocol.SET_MTIME_NOW else modified))
        return self.attributes(request)

    def read_link(self, request: Request) -> bytes:
        """READLINK."""
        return os.fsencode(os.readlink("", dir_fd=self._nodes[request.node].fd))

    def make(self, request: Request) -> bytes:
        """MKNOD, MKDIR, SYMLINK."""
        fd, payload = self._nodes[request.node].fd, request.payload
        if request.opcode is Opcode.SYMLINK:
            name, to = protocol.names(payload)
            os.symlink(to, name, dir_fd=fd)
        elif request.opcode is Opcode.MKDIR:
            mode, _ = protocol.MKDIR_IN.unpack_from(payload)
            (name,) = protocol.names(payload[protocol.MKDIR_IN.size :])
            os.mkdir(name, mode, dir_fd=fd)
        else:
            mode, device, _, _ = protocol.MKNOD_IN.unpack_from(payload)
            (name,) = protocol.names(payload[protocol.MKNOD_IN.size :])
            os.mknod(name, mode, device, dir_fd=fd)
        self._give(request, name)
        return self.entry(request.node, name)

    def create(self, request: Request) -> bytes:
        """CREATE: the entry, and the descriptor behind it as the kernel's handle."""
        flags, mode, _, _ = protocol.CREATE_IN.unpack_from(request.payload)
        (name,) = protocol.names(request.payload[protocol.CREATE_IN.size :])
        parent, flags = self._nodes[request.node].fd, flags | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = os.open(name, flags | os.O_CREAT | os.O_EXCL, mode, dir_fd=parent)
        except FileExistsError:
            if flags & os.O_EXCL:
                raise
            fd = os.open(name, flags & ~os.O_CREAT, dir_fd=parent)
        else:
            self._give(request, name)
        return self.entry(request.node, name) + protocol.OPEN_OUT.pack(fd, 0, 0)

    def _give(self, request: Request, name: str) -> None:
        """What was just made belongs to who asked for it; the group of a setgid directory stays."""
        fd = self._nodes[request.node].fd
        inherited = os.fstat(fd).st_mode & stat.S_ISGID
        os.chown(name, request.uid, -1 if inherited else request.gid, dir_fd=fd, follow_symlinks=False)

    def remove(self, request: Request) -> None:
        """UNLINK, RMDIR."""
        (name,) = protocol.names(request.payload)
        (os.rmdir if request.opcode is Opcode.RMDIR else os.unlink)(name, dir_fd=self._nodes[request.node].fd)

    def rename(self, request: Request) -> None:
        """RENAME, RENAME2."""
        flags, layout = 0, protocol.RENAME_IN
        if request.opcode is Opcode.RENAME2:
            layout = protocol.RENAME2_IN
            _, flags, _ = layout.unpack_from(request.payload)
        (to,) = protocol.RENAME_IN.unpack_from(request.payload)
        old, new = map(os.fsencode, protocol.names(request.payload[layout.size :]))
        if _LIBC.renameat2(self._nodes[request.node].fd, old, self._nodes[to].fd, new, flags):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def link(self, request: Request) -> bytes:
        """LINK."""
        (identifier,) = protocol.LINK_IN.unpack_from(request.payload)
        (name,) = protocol.names(request.payload[protocol.LINK_IN.size :])
        os.link(self._nodes[identifier].path, name, dst_dir_fd=self._nodes[request.node].fd, follow_symlinks=True)
        return self.entry(request.node, name)

    def room(self, request: Request) -> bytes:
        """STATFS."""
        status = os.statvfs(self._nodes[request.node].path)
        return protocol.STATFS_OUT.pack(
            status.f_blocks,
            status.f_bfree,
            status.f_bavail,
            status.f_files,
            status.f_ffree,
            status.f_bsize,
            status.f_namemax,
            status.f_frsize,
            *[0] * 7,
        )
