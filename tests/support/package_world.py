"""A package source in memory: the world that the solver's tests ask, without files or network.

world = PackageWorld()
world.add("a", "1.0", requires=["b>=2"])
world.solve("a")                       # {"a": "1.0", "b": "2.1"}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from holdfast.errors import HoldfastError, UnsatisfiableError
from holdfast.events import Event
from holdfast.model.hashes import Hash
from holdfast.model.installed import InstalledDistribution, InstalledState
from holdfast.model.metadata import Metadata
from holdfast.model.release import ProjectListing, ProjectStatus, ReleaseFile
from holdfast.model.request import ResolvePolicy, RootRequirement
from holdfast.model.requirement import parse_requirement
from holdfast.model.resolution import DirectWheel, IndexWheel, Resolution
from holdfast.resolve.problem import Problem
from holdfast.resolve.solver import solve

INDEX = "https://index.test/simple"
TAGS = ("cp312-cp312-manylinux_2_17_x86_64", "cp312-abi3-manylinux_2_17_x86_64", "py3-none-any")
MARKERS = {
    "implementation_name": "cpython",
    "implementation_version": "3.12.1",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "6.1",
    "platform_system": "Linux",
    "platform_version": "#1",
    "python_full_version": "3.12.1",
    "python_version": "3.12",
    "sys_platform": "linux",
}


@dataclass(slots=True)
class Recorder:
    """A reporter that keeps what it hears."""

    events: list[Event] = field(default_factory=list)

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def texts(self, kind: type) -> list[str]:
        """The texts of the events of one kind."""
        return [str(getattr(event, "text", "")) for event in self.events if isinstance(event, kind)]


def metadata(
    name: str,
    version: str,
    requires: Iterable[str] = (),
    extras: Iterable[str] = (),
    requires_python: str | None = None,
) -> Metadata:
    """Metadata as a wheel would have it."""
    return Metadata(
        name=canonicalize_name(name),
        display_name=name,
        version=Version(version),
        requires=tuple(parse_requirement(text) for text in requires),
        requires_python=SpecifierSet(requires_python) if requires_python else None,
        extras=frozenset(canonicalize_name(extra) for extra in extras),
    )


def digest(text: str) -> Hash:
    """A digest that stands for a file."""
    return Hash(algorithm="sha256", digest=text.encode().hex().ljust(64, "0")[:64])


def root(text: str, *, hashes: Iterable[Hash] = (), origin: str = "command line") -> RootRequirement:
    """A requirement that the user wrote."""
    return RootRequirement(requirement=parse_requirement(text), hashes=tuple(hashes), origin=origin)


def installed(*distributions: tuple[Metadata, Mapping[str, object] | None] | Metadata) -> InstalledState:
    """What a target has: metadata, or (metadata, direct_url.json)."""
    found = {}
    for item in distributions:
        described, direct_url = item if isinstance(item, tuple) else (item, None)
        found[described.name] = InstalledDistribution(
            metadata=described,
            location="/site-packages",
            info_name=f"{described.name}-{described.version}.dist-info",
            record=(),
            record_digest="",
            direct_url=direct_url,
        )
    return InstalledState(distributions=found)


class PackageWorld:
    """Projects with their files and metadata; counts what it is asked.

    Attributes:
        listed: Projects whose listings were asked for, in order.
        read: File names whose metadata was asked for, in order.
        hinted: Projects named by `prefetch`; wheels, by file name, named by `prefetch_metadata`.
        failures: Project to the error that asking for its listing raises.
        broken: File name to the error that asking for its metadata raises.
    """

    def __init__(self) -> None:
        self._files: dict[NormalizedName, list[ReleaseFile]] = {}
        self._metadata: dict[str, Metadata] = {}
        self._status: dict[NormalizedName, ProjectStatus] = {}
        self.listed: list[str] = []
        self.read: list[str] = []
        self.hinted: list[str] = []
        self.hinted_wheels: list[str] = []
        self.failures: dict[str, HoldfastError] = {}
        self.broken: dict[str, HoldfastError] = {}

    def add(
        self,
        name: str,
        version: str,
        requires: Iterable[str] = (),
        *,
        extras: Iterable[str] = (),
        tags: str = "py3-none-any",
        build: str = "",
        requires_python: str | None = None,
        listed_python: str | None = None,
        yanked: str | None = None,
        hashes: Iterable[Hash] | None = None,
        says: Metadata | None = None,
        url: str | None = None,
    ) -> str:
        """Add a wheel; its file name."""
        project = canonicalize_name(name)
        parts = (project.replace("-", "_"), version, *((build,) if build else ()), tags)
        filename = f"{'-'.join(parts)}.whl"
        self._metadata[url or filename] = says or metadata(name, version, requires, extras, requires_python)
        if url is None:
            self._list(
                project,
                ReleaseFile(
                    filename=filename,
                    url=f"{INDEX}/files/{filename}",
                    hashes=tuple(hashes) if hashes is not None else (digest(filename),),
                    requires_python=listed_python or requires_python,
                    yanked=yanked,
                    origin=INDEX,
                ),
            )
        return filename

    def add_file(self, name: str, filename: str, **fields: str) -> None:
        """List any file, for example an sdist."""
        file = ReleaseFile(filename=filename, url=f"{INDEX}/files/{filename}", origin=INDEX, **fields)  # type: ignore[arg-type]
        self._list(canonicalize_name(name), file)

    def add_empty(self, name: str, status: ProjectStatus = ProjectStatus.ACTIVE) -> None:
        """A project without files, or the status of one."""
        self._files.setdefault(canonicalize_name(name), [])
        self._status[canonicalize_name(name)] = status

    def _list(self, name: NormalizedName, file: ReleaseFile) -> None:
        self._files.setdefault(name, []).append(file)

    @property
    def versions(self) -> dict[str, dict[str, Metadata]]:
        """Every listed wheel: project to version to metadata (for oracles)."""
        found: dict[str, dict[str, Metadata]] = {}
        for described in self._metadata.values():
            found.setdefault(described.name, {})[str(described.version)] = described
        return found

    def listing(self, name: NormalizedName) -> ProjectListing:
        self.listed.append(name)
        if name in self.failures:
            raise self.failures[name]
        return ProjectListing(
            name=name,
            found=name in self._files,
            files=tuple(self._files.get(name, ())),
            status=self._status.get(name, ProjectStatus.ACTIVE),
            searched=(INDEX,),
        )

    def metadata(self, wheel: IndexWheel | DirectWheel) -> Metadata:
        if isinstance(wheel, DirectWheel):
            self.read.append(wheel.direct.url)
            if wheel.direct.url not in self._metadata:
                raise UnsatisfiableError(f"{wheel.filename} has no metadata.")
            return self._metadata[wheel.direct.url]
        self.read.append(wheel.file.filename)
        if wheel.file.filename in self.broken:
            raise self.broken[wheel.file.filename]
        return self._metadata[wheel.file.filename]

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        self.hinted += names

    def prefetch_metadata(self, wheels: Iterable[IndexWheel]) -> None:
        self.hinted_wheels += (wheel.file.filename for wheel in wheels)

    def resolve(
        self,
        *asked: str | RootRequirement,
        constraints: Iterable[str | RootRequirement] = (),
        installed: InstalledState | None = None,
        policy: ResolvePolicy | None = None,
        recorder: Recorder | None = None,
    ) -> Resolution:
        """Solve for a CPython 3.12 on Linux."""
        problem = Problem(
            roots=tuple(root(item) if isinstance(item, str) else item for item in asked),
            constraints=tuple(
                root(item, origin="constraints.txt:1") if isinstance(item, str) else item for item in constraints
            ),
            policy=policy or ResolvePolicy(),
            markers=MARKERS,
            tags=TAGS,
            python_version="3.12.1",
        )
        return solve(problem, self, installed or InstalledState(), recorder or Recorder())

    def solve(self, *asked: str | RootRequirement, **options: object) -> dict[str, str]:
        """As `resolve`; project to version."""
        return {pin.name: str(pin.version) for pin in self.resolve(*asked, **options).pins}  # type: ignore[arg-type]
