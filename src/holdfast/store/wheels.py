"""The store of unpacked wheels: found by the digest of the wheel file, added once, shared by all environments.

**Guarantees**: an entry is published by one rename together with its manifest, so it is there whole or not at all; no
lock is needed, and of two who add the same the first wins. What `WheelStore.get` returns has been compared with its
manifest just now: a file with another size, mtime or mode, or whose inode changed after it was linked, is hashed
again, renewed if it is what it was and only looks touched, and the entry is dropped if it is not (promise P8). A cache
that cannot be used costs one line, never the installation: what cannot be added there is unpacked in the fallback
directory.

**On crash**: a directory named ``.adding-*`` is left, which the next adder removes when it is an hour old.

**Limits**: an edit that restores size and mtime is not always seen (``store.verify`` says when).
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterable

from holdfast import disk
from holdfast.errors import IntegrityError, NoRoomError, TargetError
from holdfast.events import SILENT, Reporter, Warned
from holdfast.model.stored import Manifest, StoredWheel
from holdfast.store import keys, manifest, sharing, sweep, verify
from holdfast.store.access import NOWHERE, Access, access_to, check_way, is_foreign
from holdfast.store.archive import Archive
from holdfast.store.faults import WheelFault
from holdfast.store.unpack import unpack

_TAKEN = frozenset({errno.ENOTEMPTY, errno.EEXIST})
_MANIFEST_LIMIT = 256 << 20
_ATTEMPTS = 3
_OWN = Access(read=True, add=True)


class WheelStore:
    """Wheels by digest, in a cache directory and, where that cannot take them, in a fallback directory.

    Args:
        cache: The cache directory; None without one.
        access: What may be done with it.
        fallback: A directory private to this transaction, made when it is needed.
        reporter: Hears, once, that the cache is of no use.
    """

    def __init__(self, *, cache: str | None, access: Access, fallback: str, reporter: Reporter = SILENT) -> None:
        self.cache = cache
        self._access = access
        self._fallbacks: tuple[str, ...] = (fallback,)
        self._reporter = reporter
        self._mutex = threading.Lock()
        self._said = False
        self._swept = False
        self._distrusted: set[str] = set()

    @classmethod
    def open(cls, cache_dir: str | None, fallback_dir: str, reporter: Reporter = SILENT) -> WheelStore:
        """Look at the cache directory and make a store of it, whatever state it is in.

        Args:
            cache_dir: May be missing (it is made), not writable or somebody else's; None: no cache.
            fallback_dir: In the work area; made when it is needed.
            reporter: Hears of a cache that is not used.
        """
        access = access_to(cache_dir) if cache_dir is not None else NOWHERE
        store = cls(cache=cache_dir, access=access, fallback=fallback_dir, reporter=reporter)
        if cache_dir is not None and not access.read:
            store.give_up(access.reason)
        return store

    def get(self, sha256: str, *, allow_bad_record: bool = False) -> StoredWheel | None:
        """The wheel with this digest, if it is here and still what it was.

        Args:
            sha256: Hexadecimal, lower case.
            allow_bad_record: One that was added with the same word is good enough.
        """
        for root, access in self._readable():
            for unverified in (False, True) if allow_bad_record else (False,):
                entry = os.path.join(root, keys.wheel_entry(sha256, unverified=unverified))
                if found := self._load(entry, sha256, access):
                    return found
        return None

    def add(self, path: str, *, sha256: str, filename: str, allow_bad_record: bool = False) -> StoredWheel:
        """Verify and unpack a wheel file.

        Args:
            path: Of the file; stays as it is.
            sha256: Its digest, computed by the caller.
            filename: The wheel's name, where ``path`` has another.
            allow_bad_record: Let a wrong RECORD pass (``--allow-bad-record``); the entry is kept apart.

        Raises:
            IntegrityError: It is no proper wheel; the reason and the file name are said, and nothing is left.
            NoRoomError: The cache does not take it, and the fallback directory is full.
            TargetError: It can be unpacked nowhere.
        """
        try:
            with Archive(path) as archive:
                return self._add(archive, sha256, filename, allow_bad_record=allow_bad_record)
        except WheelFault as fault:
            raise IntegrityError(
                f"{filename} is not a valid wheel: {fault.reason}.",
                hint=_bad_record_hint(filename) if fault.record else None,
            ) from fault

    def check(self, entry: str, root: str) -> None:
        """See that those made an entry who are believed in one of the roots.

        Raises:
            OSError: Somebody else did, or nobody.
        """
        check_way(entry, root, self._access.trusted if root == self.cache else None)

    @staticmethod
    def seal(wheels: Iterable[StoredWheel]) -> None:
        """Note that links were made from wheels until now: an inode that changes from now on is looked at again.

        The time is that of the manifest. Where it cannot be set no links were made either: only the owner makes them.
        """
        for each in wheels:
            if each.linkable:
                with contextlib.suppress(OSError):  # it costs the next one a look into the files
                    disk.utime(os.path.join(os.path.dirname(each.tree), keys.MANIFEST))

    def reject(self, entry: str, judged: tuple[int, int] | None) -> None:
        """Remove an entry that was found damaged, however it looks; where it may not be, it is used no more.

        Args:
            entry: Its path, in one of the roots.
            judged: Its `sweep.identity` before it was looked at.
        """
        if any(access.add and entry.startswith(os.path.join(root, "")) for root, access in self._readable()):
            sweep.drop(os.path.dirname(os.path.dirname(entry)), entry, judged)
        if judged is not None and sweep.identity(entry) == judged:
            self._distrusted.add(entry)

    def writable_root(self) -> str:
        """The directory in which entries are made now: the cache, or the fallback directory."""
        return self.cache if self.cache is not None and self._access.add else self._fallback

    def roots(self) -> tuple[str, ...]:
        """The directories in which entries are looked for, the cache first."""
        return tuple(root for root, _ in self._readable())

    def give_up(self, reason: str) -> None:
        """Say once that nothing is added to the cache any more, and stop adding."""
        if self.cache is None:
            return
        with self._mutex:
            kept = self._access
            self._access = Access(read=kept.read, add=False, shared=kept.shared, trusted=kept.trusted)
            if self._said:
                return
            self._said = True
        use = "only read" if kept.read else "not used"
        self._reporter.emit(Warned(text=f"The cache {self.cache} is {use}: {reason}."))

    def fall_back_to(self, directory: str) -> None:
        """Make further entries in another fallback directory; what the full one has is found there still."""
        self._fallbacks = (directory, *self._fallbacks)

    @property
    def _fallback(self) -> str:
        return self._fallbacks[0]

    def _readable(self) -> tuple[tuple[str, Access], ...]:
        own = tuple((each, _OWN) for each in self._fallbacks)
        return ((self.cache, self._access), *own) if self.cache is not None and self._access.read else own

    def _stored(self, entry: str, found: Manifest, *, linkable: bool) -> StoredWheel:
        lasting = self.cache is not None and entry.startswith(os.path.join(self.cache, ""))
        return StoredWheel(tree=os.path.join(entry, keys.TREE), manifest=found, linkable=linkable, lasting=lasting)

    def _load(self, entry: str, sha256: str, access: Access) -> StoredWheel | None:
        judged = sweep.identity(entry)
        if judged is None or entry in self._distrusted:
            return None
        try:
            check_way(entry, os.path.dirname(os.path.dirname(os.path.dirname(entry))), access.trusted)
            if found := self._compared(entry, sha256, access):
                return found
        except (OSError, ValueError) as error:  # ValueError: a name in it that no file can have
            if is_foreign(error, entry):
                return None
        if access.add:
            sweep.drop(os.path.dirname(os.path.dirname(entry)), entry, judged)
        return None

    def _compared(self, entry: str, sha256: str, access: Access) -> StoredWheel | None:
        fd = disk.open_dir(os.path.join(entry, keys.TREE))
        try:
            owner = disk.fstat(fd).st_uid
            if access.trusted is not None and owner not in access.trusted:
                raise PermissionError(errno.EPERM, f"{entry} was made by uid {owner}", entry)
            listed = os.path.join(entry, keys.MANIFEST)
            sealed_ns = disk.lstat(listed).st_mtime_ns
            found = manifest.from_bytes(disk.read_regular(listed, limit=_MANIFEST_LIMIT))
            if found is None or found.sha256 != sha256:
                return None
            health = verify.compare(fd, found, sealed_ns=sealed_ns, renew=access.add)
        finally:
            disk.close(fd)
        if health is verify.Health.DAMAGED:
            return None
        return self._stored(entry, found, linkable=health is verify.Health.SOUND and owner == os.geteuid())

    def _add(self, archive: Archive, sha256: str, filename: str, *, allow_bad_record: bool) -> StoredWheel:
        if not self._access.add:
            self.give_up(self._access.reason)
        if (root := self.writable_root()) != self._fallback:
            try:
                return self._add_to(root, archive, sha256, filename, allow_bad_record=allow_bad_record)
            except OSError as error:
                self.give_up(f"{error.strerror or error}")
        try:
            return self._add_to(self._fallback, archive, sha256, filename, allow_bad_record=allow_bad_record)
        except OSError as error:
            kind = NoRoomError if disk.is_full(error) else TargetError
            raise kind(
                f"{filename} cannot be unpacked in {self._fallback}: {error.strerror or error}.",
                hint=disk.remedy(error, os.path.dirname(self._fallback)),
            ) from error

    def _add_to(
        self, root: str, archive: Archive, sha256: str, filename: str, *, allow_bad_record: bool
    ) -> StoredWheel:
        versioned = os.path.join(root, keys.WHEELS)
        litter = sweep.fresh_path(versioned)
        sharing.make_directories(litter, root=root)
        try:
            self._sweep(versioned, litter)
            made, verified = unpack(
                archive,
                litter,
                sha256=sha256,
                filename=filename,
                allow_bad_record=allow_bad_record,
                reporter=self._reporter,
            )
            disk.write_new(os.path.join(litter, keys.MANIFEST), manifest.to_bytes(made), mode=0o644)
            entry = os.path.join(root, keys.wheel_entry(sha256, unverified=not verified))
            sharing.make_directories(os.path.dirname(entry), root=root)
            return self._publish(litter, entry, made, self._access if root == self.cache else _OWN)
        finally:
            disk.remove_tree(litter)

    def _publish(self, litter: str, entry: str, made: Manifest, access: Access) -> StoredWheel:
        for _ in range(_ATTEMPTS):
            try:
                disk.rename(litter, entry)
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise
                if theirs := self._load(entry, made.sha256, access):
                    return theirs
            else:
                return self._stored(entry, made, linkable=True)
        raise OSError(errno.EEXIST, "a damaged entry is in the way", entry)

    def _sweep(self, versioned: str, fresh: str) -> None:
        with self._mutex:
            if self._swept:
                return
            self._swept = True
        sweep.sweep(versioned, now_ns=disk.lstat(fresh).st_mtime_ns)


def _bad_record_hint(filename: str) -> str:
    return f"Ask its authors for a repaired release, or let it pass: --allow-bad-record {filename.partition('-')[0]}"
