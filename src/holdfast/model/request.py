"""What the user asked for, parsed: the edge's output, the flows' input."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from packaging.utils import NormalizedName

from holdfast.model.hashes import Hash
from holdfast.model.owner import LockMode
from holdfast.model.requirement import Requirement
from holdfast.model.target import TargetRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from holdfast.model.rights import Sharing  # seldom needed


class UpgradeStrategy(StrEnum):
    """Pip's ``--upgrade-strategy``."""

    ONLY_IF_NEEDED = "only-if-needed"
    EAGER = "eager"


class IndexStrategy(StrEnum):
    """Which index's files count when several have the name."""

    FIRST_INDEX = "first-index"
    UNSAFE_BEST_MATCH = "unsafe-best-match"


class LinkMode(StrEnum):
    """How a file gets from the store to the staged tree."""

    AUTO = "auto"
    REFLINK = "reflink"
    HARDLINK = "hardlink"
    COPY = "copy"
    SYMLINK = "symlink"


@dataclass(frozen=True, slots=True, kw_only=True)
class RootRequirement:
    """A requirement that the user wrote, with where it stands and its own options.

    Attributes:
        hashes: ``--hash`` options; any may match.
        origin: ``command line`` or ``requirements.txt:3``, for messages.
    """

    requirement: Requirement
    hashes: tuple[Hash, ...] = ()
    origin: str = "command line"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatControl:
    """``--only-binary`` and ``--no-binary``: names, ``:all:`` as ``all_*``."""

    only_binary: frozenset[NormalizedName] = frozenset()
    no_binary: frozenset[NormalizedName] = frozenset()
    all_only_binary: bool = False
    all_no_binary: bool = False

    def forbids_wheels(self, name: NormalizedName) -> bool:
        """Whether ``--no-binary`` applies to a project; the more specific option wins."""
        return name in self.no_binary or (self.all_no_binary and name not in self.only_binary)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """Options that stand in requirements files; they count after those of the command line.

    Attributes:
        index_url: The last ``--index-url``; it replaces every index named before it, as with pip.
        extra_index_urls: Since that ``--index-url``.
        formats: ``(only-binary | no-binary, value)`` in order.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    no_index: bool = False
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    pre: bool = False
    require_hashes: bool = False
    formats: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where packages come from. URLs may carry credentials; never print them.

    Attributes:
        indexes: In order of precedence: ``--extra-index-url``s, then ``--index-url``; empty with ``--no-index``.
        find_links: Directories, files and pages.
    """

    indexes: tuple[str, ...] = ("https://pypi.org/simple",)
    find_links: tuple[str, ...] = ()
    strategy: IndexStrategy = IndexStrategy.FIRST_INDEX


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How servers are talked to."""

    timeout: float = 15.0
    retries: int = 5
    proxy: str | None = None
    cert: str | None = None
    client_cert: str | None = None
    trusted_hosts: tuple[str, ...] = ()
    offline: bool = False
    concurrency: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvePolicy:
    """Rules of choice."""

    upgrade: bool = False
    upgrade_strategy: UpgradeStrategy = UpgradeStrategy.ONLY_IF_NEEDED
    force_reinstall: bool = False
    pre: bool = False
    no_deps: bool = False
    require_hashes: bool = False
    ignore_requires_python: bool = False
    ignore_installed: bool = False
    formats: FormatControl = field(default_factory=FormatControl)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallPolicy:
    """What may be done to the environment, and how."""

    allow_breaking: frozenset[NormalizedName] = frozenset()
    allow_clash: frozenset[NormalizedName] = frozenset()
    allow_bad_record: frozenset[NormalizedName] = frozenset()
    replace_unowned: bool = False
    compile_bytecode: bool | None = None
    link_mode: LinkMode = LinkMode.AUTO
    fsync: bool = True
    shared: Sharing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockSettings:
    """``--lock-mode`` and ``--lock-timeout`` (seconds; 0 tries once, -1 waits for ever).

    Attributes:
        mode: None: flock, and marker where the file system says that it has no locks.
    """

    mode: LockMode | None = None
    timeout: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallRequest:
    """One ``install``.

    Attributes:
        constraints: Apply only if the project is needed; extras are not allowed in them.
        cache_dir: None: no cache.
        command: Subcommand and requirement names for the owner's record; no credentials.
    """

    requirements: tuple[RootRequirement, ...]
    constraints: tuple[RootRequirement, ...] = ()
    target: TargetRequest = field(default_factory=TargetRequest)
    sources: Sources = field(default_factory=Sources)
    network: Network = field(default_factory=Network)
    resolve: ResolvePolicy = field(default_factory=ResolvePolicy)
    policy: InstallPolicy = field(default_factory=InstallPolicy)
    lock: LockSettings = field(default_factory=LockSettings)
    cache_dir: str | None = None
    dry_run: bool = False
    command: str = "install"


@dataclass(frozen=True, slots=True, kw_only=True)
class UninstallRequest:
    """One ``uninstall``. ``names`` as typed, normalised."""

    names: tuple[NormalizedName, ...]
    target: TargetRequest = field(default_factory=TargetRequest)
    policy: InstallPolicy = field(default_factory=InstallPolicy)
    lock: LockSettings = field(default_factory=LockSettings)
    must_exist: bool = False
    dry_run: bool = False
    cache_dir: str | None = None
    command: str = "uninstall"
