"""Builds the new tree: exactly the entries ``new/<n>`` that the change set's steps will move, complete and synced.

**Guarantees**: outside the lock; everything that is made lies in the transaction's directories, with the rights of the
place where it will be. When `fill` returns, all of it is on the medium, unless syncing was off or in vain. In a shared
target every directory with modules has its ``__pycache__``: one that an import makes is that user's alone.

**On crash**: a transaction directory without a journal: litter of a dead owner.

**Limits**: rights are those of the nearest parent that exists now.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from holdfast import disk
from holdfast.errors import TargetError, VanishedError
from holdfast.events import SILENT, DistributionStaged, Reporter, Warned
from holdfast.model.changes import ChangeSet, StagedChangeSet, Step
from holdfast.model.composed import FromStore, Generated, PlacedFile
from holdfast.model.places import absolute
from holdfast.model.request import LinkMode
from holdfast.model.rights import Rights, Sharing
from holdfast.model.transaction import Transaction, TransactionDirectory
from holdfast.stage import rights
from holdfast.stage.lasting import make_lasting
from holdfast.stage.link import Linker

NEW = "new"
_CACHE = "__pycache__"


def fill(
    changes: ChangeSet,
    tx: Transaction,
    *,
    link_mode: LinkMode = LinkMode.AUTO,
    sharing: Sharing | None = None,
    fsync: bool = True,
    reporter: Reporter = SILENT,
) -> StagedChangeSet:
    """Stage a change set.

    Args:
        changes: What will be committed.
        tx: Its transaction, whose ``new`` directories are empty.
        link_mode: How files come from the store.
        sharing: What is asked for with ``--shared``.
        fsync: Make it last through a power failure.
        reporter: Hears of each distribution whose tree is complete, and of a group that was refused.

    Raises:
        TargetError: It cannot be written, or not in the way that was asked for.
        VanishedError: A file of the store is gone.
    """
    staged = 0
    by_directory: dict[str, list[Step]] = {}
    for step in changes.steps:
        if step.n in changes.contents:
            by_directory.setdefault(tx.directory_of(step.place.scheme).path, []).append(step)
    for directory in tx.directories:
        if steps := by_directory.get(directory.path):
            try:
                with _Filler(directory, tx, link_mode, sharing, reporter) as filler:
                    staged += sum(filler.build(step, changes.contents[step.n]) for step in steps)
                    if fsync:
                        make_lasting(filler.path, staged)
            except OSError as error:
                raise _explained(error, directory) from error
    for project in changes.projects:
        if project.new is not None:
            version = project.new[0].path.removesuffix(".dist-info").rpartition("-")[2]
            reporter.emit(DistributionStaged(name=project.name, version=version))
    return StagedChangeSet(changes=changes)


class _Filler:
    """Fills the ``new`` directory of one transaction directory."""

    def __init__(
        self,
        directory: TransactionDirectory,
        tx: Transaction,
        mode: LinkMode,
        sharing: Sharing | None,
        reporter: Reporter,
    ) -> None:
        self.path = os.path.join(directory.path, NEW)
        self._tx = tx
        self._sharing = sharing
        self._reporter = reporter
        self._fd = disk.open_dir(self.path)
        self._linker = Linker(mode, self._fd)
        self._rights: dict[str, Rights] = {}
        self._unshared = False

    def __enter__(self) -> _Filler:  # noqa: PYI034 - private, and not subclassed
        return self

    def __exit__(self, *exception: object) -> None:
        disk.close(self._fd)
        shared = any(given.shared for given in self._rights.values())
        if shared and (self._unshared or self._linker.unshared):
            text = f"The group of {self._tx.target.root} could not be given to what was installed there."
            self._reporter.emit(Warned(text=text))

    def build(self, step: Step, contents: Iterable[tuple[str, PlacedFile]]) -> int:
        """Build ``new/<n>``; the number of bytes in it."""
        given = self._rights_at(os.path.dirname(absolute(self._tx.target.scheme, step.place)))
        entry = str(step.n)
        files = {f"{entry}/{path}" if path else entry: file for path, file in contents}
        if step.directory:
            for directory in (entry, *_directories(files, entry, caches=given.shared)):
                if not rights.make_directory(directory, given, dir_fd=self._fd):
                    self._unshared = True
        self._make_files(files, given)
        return sum(max(file.size, 0) for file in files.values())

    def _make_files(self, files: Mapping[str, PlacedFile], given: Rights) -> None:
        bring = self._linker.bring
        for name, file in files.items():
            match file.source:
                case FromStore() as source:
                    bring(source, name, given, executable=file.executable)
                case Generated(content=content):
                    if not rights.write_file(name, content, given, executable=file.executable, dir_fd=self._fd):
                        self._unshared = True

    def _rights_at(self, parent: str) -> Rights:
        """The rights of a directory of the target, or of its nearest parent that exists."""
        if (known := self._rights.get(parent)) is not None:
            return known
        try:
            found = rights.inside(parent, self._sharing)
        except (FileNotFoundError, NotADirectoryError):
            found = self._rights_at(os.path.dirname(parent))
        self._rights[parent] = found
        return found


def _directories(files: Iterable[str], entry: str, *, caches: bool) -> list[str]:
    """The directories below an entry that its files need (and modules for their bytecode), outer ones first."""
    found: set[str] = set()
    for name in files:
        parent = name.rpartition("/")[0]
        if caches and name.endswith(".py"):
            parent += f"/{_CACHE}"
        while parent != entry and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return sorted(found)


def _explained(error: OSError, directory: TransactionDirectory) -> TargetError | VanishedError:
    if isinstance(error, FileNotFoundError) and error.filename and not disk.lexists(error.filename):
        return VanishedError(error.filename)
    return TargetError(
        f"The new files cannot be staged in {directory.path}: {error.strerror or error}.",
        hint=disk.remedy(error, directory.parent),
    )
