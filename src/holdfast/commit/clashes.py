"""Settle path by path who comes, who goes and who stays; refuse what would harm (design section 4, "Clashes"). Pure.

The rules, for a path that the new state brings:

- in the RECORD of a distribution that leaves: replaced;
- in the RECORD of one that stays, or of another that comes, with equal content: shared, placed once;
- the same with other content: kept if both only extend ``__path__``; replaced if the two clashed before or
  ``--allow-clash`` names one of them; else refused;
- in no RECORD, but there: adopted if identical, replaced with ``--replace-unowned``, else refused.

A path of a distribution that leaves goes unless one that stays lists it too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from packaging.utils import NormalizedName

from holdfast.commit.namespaces import only_extends_path
from holdfast.commit.paths import Names, is_bytecode, is_inside, is_of_interpreter, placed, recorded, source_of
from holdfast.errors import HarmError
from holdfast.model.changes import EntryKind, Survey
from holdfast.model.composed import ComposedDistribution, FromStore, Generated, PlacedFile
from holdfast.model.installed import InstalledDistribution
from holdfast.model.request import InstallPolicy
from holdfast.model.target import Target

_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A file to be placed and the projects that list it."""

    file: PlacedFile
    owners: tuple[NormalizedName, ...]


@dataclass(slots=True, kw_only=True)
class Settled:
    """Every path by its real name.

    Attributes:
        coming: Is placed.
        going: Leaves, if it is there: recorded by nobody who stays.
        kept: The new state lists it and what lies there serves: path -> the projects that stay and own it (none: it
            was adopted).
        stays: Every path in a RECORD of a distribution that stays.
        warnings: One line each.
    """

    coming: dict[str, Incoming] = field(default_factory=dict)
    going: dict[str, tuple[NormalizedName, ...]] = field(default_factory=dict)
    kept: dict[str, tuple[NormalizedName, ...]] = field(default_factory=dict)
    stays: Collection[str] = ()
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Owned:
    """What the RECORDs of one side say of a path."""

    names: tuple[NormalizedName, ...]
    digest: str


class Settlement:
    """One computation of `Settled`.

    Args:
        target: Its scheme and interpreter.
        survey: The target as it lies there.
        policy: What the user allows.
        leave: The distributions that leave.
        stay: The target's other distributions.
    """

    def __init__(
        self,
        *,
        target: Target,
        survey: Survey,
        policy: InstallPolicy,
        leave: Iterable[InstalledDistribution],
        stay: Iterable[InstalledDistribution],
    ) -> None:
        self._target = target
        self._survey = survey
        self._policy = policy
        self._names = Names(survey)
        self._stay = self._by_path(stay)
        self._leave = self._by_path(leave)
        self._settled = Settled(stays=self._stay.keys())
        self._within: dict[str, bool] = {}
        self._clashes: list[str] = []
        self._clashing: set[NormalizedName] = set()
        self._unowned: list[str] = []

    def _by_path(self, distributions: Iterable[InstalledDistribution]) -> dict[str, _Owned]:
        found: dict[str, _Owned] = {}
        for each in distributions:
            for path, entry in recorded(each):
                real = self._names.real(path)
                digest = entry.digest if entry.algorithm in {"sha256", ""} else ""
                known = found.setdefault(real, _Owned(names=(), digest=digest))
                if each.name not in known.names:
                    known.names = (*known.names, each.name)
        return found

    def settle(self, composed: Iterable[ComposedDistribution]) -> Settled:
        """Apply the rules.

        Raises:
            HarmError: Something would be overwritten; the message names path and owner.
        """
        self._let_go()
        for distribution in composed:
            for file in distribution.files:
                self._bring(distribution.name, file)
            self._refuse_bytecode(distribution)
        self._refuse()
        return self._settled

    def _let_go(self) -> None:
        outside: dict[NormalizedName, list[str]] = {}
        for path, owned in self._leave.items():
            if not self._inside(path) or is_of_interpreter(self._target, path):
                outside.setdefault(owned.names[0], []).append(path)
            elif path not in self._stay:
                self._settled.going[path] = owned.names
        for name, paths in outside.items():
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            self._settled.warnings.append(
                f"{name}: its RECORD names {paths[0]!r}{more}, which is no distribution's file in this environment: "
                "left alone."
            )

    def _inside(self, path: str) -> bool:
        parent = path.rpartition("/")[0]
        if parent not in self._within:
            self._within[parent] = is_inside(self._target.scheme, path)
        return self._within[parent]

    def _bring(self, name: NormalizedName, file: PlacedFile) -> None:
        path = self._names.real(placed(self._target.scheme, file))
        if not self._inside(path):
            raise HarmError(
                f"{name} would write through a symlink to {path!r}, outside of the environment.",
                hint="Replace the symlink by a directory, or leave the project out.",
            )
        if is_of_interpreter(self._target, path):
            raise HarmError(f"{name} brings {path!r}, which would shadow the environment's interpreter.")
        if path in self._settled.coming:
            self._meet(name, file, path)
        elif path in self._settled.kept:
            self._meet_kept(name, file, path)
        else:
            self._arrive(name, file, path)

    def _refuse_bytecode(self, distribution: ComposedDistribution) -> None:
        """Python would run bytecode from a wheel in place of somebody else's source (ours has no digest)."""
        for file in distribution.files:
            if not (file.digest and file.path.endswith(".pyc")):
                continue
            path = self._names.real(placed(self._target.scheme, file))
            owned = self._stay.get(source_of(path))
            if owned is not None and path not in self._stay and not self._allowed(distribution.name, *owned.names):
                self._clash(path, owned.names[0], distribution.name)

    def _arrive(self, name: NormalizedName, file: PlacedFile, path: str) -> None:
        incoming = Incoming(file=file, owners=(name,))
        kind = self._names.kind(path)
        owned = self._stay.get(path)
        if owned is not None:
            self._share(name, incoming, path, owned, there=kind is not None)
        elif kind is None or kind is EntryKind.DIRECTORY or path in self._settled.going:
            self._settled.coming[path] = incoming
        elif file.digest and self._survey.digests.get(path) == file.digest:
            self._settled.kept[path] = ()
        elif self._policy.replace_unowned or is_bytecode(*path.rpartition("/")[::2]):
            self._settled.coming[path] = incoming
            self._settled.going[path] = (name,)
        else:
            self._unowned.append(f"{path} ({name})")

    def _share(self, name: NormalizedName, incoming: Incoming, path: str, owned: _Owned, *, there: bool) -> None:
        """A distribution that stays has the path too."""
        equal = incoming.file.digest == owned.digest
        if equal or self._both_extend(path, incoming.file, self._survey.texts.get(path)):
            if not equal:
                self._settled.warnings.append(f"{path}: kept as {owned.names[0]} has it, for {name} too.")
            if there:
                self._settled.kept[path] = owned.names
            else:
                self._settled.coming[path] = incoming
            return
        before = self._leave.get(path)
        if (before is not None and name in before.names) or self._allowed(name, *owned.names):
            self._settled.coming[path] = incoming
            if there:
                self._settled.going[path] = owned.names
            self._settled.warnings.append(f"{path} of {owned.names[0]} is replaced by the one of {name}.")
        else:
            self._clash(path, owned.names[0], name)

    def _meet(self, name: NormalizedName, file: PlacedFile, path: str) -> None:
        """Another distribution that comes has the path too."""
        first = self._settled.coming[path]
        if self._agree(name, file, path, first.owners, first.file):
            self._settled.coming[path] = Incoming(file=first.file, owners=tuple(dict.fromkeys((*first.owners, name))))

    def _meet_kept(self, name: NormalizedName, file: PlacedFile, path: str) -> None:
        owners = self._settled.kept[path]
        digest = self._stay[path].digest if path in self._stay else self._survey.digests.get(path, "")
        if file.digest == digest or self._both_extend(path, file, self._survey.texts.get(path)):
            return
        if not self._allowed(name, *owners):
            self._clash(path, owners[0] if owners else None, name)

    def _agree(
        self, name: NormalizedName, file: PlacedFile, path: str, owners: tuple[NormalizedName, ...], first: PlacedFile
    ) -> bool:
        if file.digest == first.digest:
            return True
        before = self._leave.get(path)
        clashed = before is not None and {name, owners[0]} <= set(before.names)
        if clashed or self._both_extend(path, file, self._text(first)) or self._allowed(name, *owners):
            self._settled.warnings.append(f"{path}: placed as {owners[0]} has it, for {name} too.")
            return True
        self._clash(path, owners[0], name)
        return False

    def _both_extend(self, path: str, file: PlacedFile, other: str | None) -> bool:
        if not path.endswith("/__init__.py") or other is None:
            return False
        mine = self._text(file)
        return mine is not None and only_extends_path(mine) and only_extends_path(other)

    def _text(self, file: PlacedFile) -> str | None:
        match file.source:
            case FromStore(path=path):
                return self._survey.texts.get(path)
            case Generated(content=content):
                return content.decode("utf-8", "replace")

    def _allowed(self, *names: NormalizedName) -> bool:
        return not self._policy.allow_clash.isdisjoint(names)

    def _clash(self, path: str, owner: NormalizedName | None, name: NormalizedName) -> None:
        self._clashing.add(name)
        self._clashes.append(f"{path} belongs to {owner}; {name} brings another one")

    def is_owned(self, path: str) -> bool:
        """Whether a distribution that stays lists a path."""
        return path in self._stay

    def blocked(self, paths: Mapping[str, tuple[NormalizedName, ...]]) -> None:
        """Refuse paths where a directory lies in the way of a file, or a file in the way of a directory.

        Args:
            paths: What is in the way -> the projects that need the path.

        Raises:
            HarmError: Always, if there are any.
        """
        for path, names in paths.items():
            owner = next(
                (each.names[0] for at, each in self._stay.items() if at == path or at.startswith(f"{path}/")), None
            )
            if owner is not None:
                self._clash(path, owner, names[0])
            else:
                self._unowned.append(f"{path} ({names[0]})")
        self._refuse()

    def _refuse(self) -> None:
        if self._clashes:
            raise HarmError(
                f"{self._clashes[0]}.",
                hint=f"To let it be replaced: --allow-clash {' --allow-clash '.join(sorted(self._clashing))}",
                details=_shorten(self._clashes[1:]),
            )
        if self._unowned:
            path, _, name = self._unowned[0].rpartition(" ")
            raise HarmError(
                f"{path} is in the way of {name.strip('()')}, differs from what it brings, and is in no RECORD.",
                hint="Move it away, or let the transaction replace it: --replace-unowned",
                details=_shorten(self._unowned[1:]),
            )


def _shorten(lines: list[str]) -> tuple[str, ...]:
    more = (f"and {len(lines) - _SHOWN} more",) if len(lines) > _SHOWN else ()
    return (*lines[:_SHOWN], *more)
