"""From a stored wheel to the distribution as it will lie in the target: every file with its place and its bytes.

**Guarantees**: each place is named once (``model.places``). What would take an interpreter's name, holdfast's own
names or a directory of the installation scheme is refused here, before anything is staged.

**On crash**: only reads.

**Limits**: clashes with other distributions are found where the change set is computed.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping

from holdfast import disk
from holdfast.errors import HarmError, IntegrityError, VanishedError
from holdfast.model.changes import Place
from holdfast.model.composed import ComposedDistribution, FromStore, Generated, PlacedFile
from holdfast.model.hashes import record_text
from holdfast.model.interpreters import names_an_interpreter
from holdfast.model.places import absolute, place_of
from holdfast.model.plan import Install, Reinstall, Replace
from holdfast.model.requirement import DirectUrl
from holdfast.model.stored import StoredWheel, WheelFile
from holdfast.model.target import Scheme, SchemeKey, Target
from holdfast.model.transaction import LOCK_NAME, is_transaction_name
from holdfast.stage.direct_url import write_direct_url
from holdfast.stage.record import RecordRow, write_record
from holdfast.stage.scripts import entry_point_script, interpreter_path, with_shebang

INSTALLER = b"holdfast\n"

_WRITTEN_BY_INSTALLERS = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "RECORD", "RECORD.jws", "RECORD.p7s"})
_LIBRARIES = frozenset({SchemeKey.PURELIB, SchemeKey.PLATLIB})


def compose(
    action: Install | Replace | Reinstall,
    stored: StoredWheel,
    target: Target,
    *,
    requested: bool,
    direct: DirectUrl | None = None,
    compiled: Mapping[str, str] | None = None,
) -> ComposedDistribution:
    """Lay out one distribution.

    Args:
        action: What is done with it; its pin must be the stored wheel's distribution.
        stored: The wheel.
        target: Where to.
        requested: The user named it: REQUESTED is written (PEP 376).
        direct: He named it by URL or path: direct_url.json is written (PEP 610).
        compiled: Member of the wheel to absolute path of its bytecode.

    Raises:
        HarmError: One of its files would harm the environment.
        IntegrityError: The wheel is of another distribution, or two of its files go to one place.
    """
    manifest = stored.manifest
    if (manifest.name, manifest.version) != (action.pin.name, action.pin.version):
        raise IntegrityError(
            f"{manifest.filename} is {manifest.name} {manifest.version}, "
            f"where {action.pin.name} {action.pin.version} was chosen."
        )
    layout = _Layout(stored, target)
    layout.add_members()
    layout.add_bytecode(compiled or {})
    layout.add_scripts()
    layout.add_info("INSTALLER", INSTALLER)
    if requested:
        layout.add_info("REQUESTED", b"")
    if direct is not None:
        layout.add_info("direct_url.json", write_direct_url(direct, manifest.sha256))
    record = write_record(layout.rows())
    layout.add_info("RECORD", record, hashed=False)
    return ComposedDistribution(
        name=manifest.name,
        version=manifest.version,
        info_name=manifest.info_name,
        info_scheme=layout.info_scheme,
        record_digest=hashlib.sha256(record).hexdigest(),
        files=tuple(layout.files[place] for place in sorted(layout.files)),
    )


class _Layout:
    """The files of one distribution, collected place by place."""

    def __init__(self, stored: StoredWheel, target: Target) -> None:
        self._stored = stored
        self._manifest = stored.manifest
        self._target = target
        self._interpreter = interpreter_path(target)
        self._root = SchemeKey.PURELIB if self._manifest.purelib else SchemeKey.PLATLIB
        self._named: dict[tuple[SchemeKey, str], tuple[SchemeKey, str]] = {}
        self._occupied = _scheme_directories(target.scheme)
        self.files: dict[tuple[SchemeKey, str], PlacedFile] = {}
        self.info_scheme, _ = self._name(self._root, f"{self._manifest.info_name}/RECORD")

    def add_members(self) -> None:
        prefix = self._manifest.info_name + "/"
        for file in self._manifest.files:
            if file.member.startswith(prefix) and file.member[len(prefix) :] in _WRITTEN_BY_INSTALLERS:
                continue
            if file.shebang:
                try:
                    content = disk.read_regular(f"{self._stored.tree}/{file.member}", limit=file.size)
                except FileNotFoundError as error:
                    raise VanishedError(f"{self._stored.tree}/{file.member}") from error
                self._generate(file.scheme, file.path, with_shebang(content, self._interpreter), executable=True)
            else:
                self._link(file)

    def add_bytecode(self, compiled: Mapping[str, str]) -> None:
        tag = self._target.interpreter.cache_tag
        for file in self._manifest.files:
            if path := compiled.get(file.member):
                parent, slash, name = file.path.rpartition("/")
                cached = f"{parent}{slash}__pycache__/{name.removesuffix('.py')}.{tag}.pyc"
                scheme, inside = self._name(file.scheme, cached)
                self.files[scheme, inside] = PlacedFile(
                    scheme=scheme,
                    path=inside,
                    size=-1,
                    digest="",
                    executable=False,
                    source=self._from_store(path, file.mtime_ns),
                )

    def add_scripts(self) -> None:
        for script in self._manifest.scripts:
            content = entry_point_script(script, self._interpreter)
            self._generate(SchemeKey.SCRIPTS, script.name, content, executable=True)

    def add_info(self, name: str, content: bytes, *, hashed: bool = True) -> None:
        self._generate(self._root, f"{self._manifest.info_name}/{name}", content, hashed=hashed)

    def rows(self) -> list[RecordRow]:
        """What RECORD lists, RECORD itself included, which is not among the files yet."""
        scheme = self._target.scheme
        parent = scheme.directory(self.info_scheme)
        rows = [RecordRow(path=self._info_path("RECORD"))]
        for (key, path), file in self.files.items():
            inside = path
            if key is not self.info_scheme:
                inside = posixpath.relpath(absolute(scheme, Place(scheme=key, path=path)), parent)
            rows.append(RecordRow(path=inside, digest=file.digest, size=file.size if file.digest else 0))
        return rows

    def _info_path(self, name: str) -> str:
        return self._name(self._root, f"{self._manifest.info_name}/{name}")[1]

    def _link(self, file: WheelFile) -> None:
        scheme, path = self._name(file.scheme, file.path)
        known = self.files.get((scheme, path))
        if known is not None and known.digest != file.digest:
            raise IntegrityError(f"{self._manifest.filename} brings two different files for {path} ({scheme}).")
        self.files[scheme, path] = PlacedFile(
            scheme=scheme,
            path=path,
            size=file.size,
            digest=file.digest,
            executable=file.executable,
            source=self._from_store(f"{self._stored.tree}/{file.member}", file.mtime_ns),
        )

    def _from_store(self, path: str, mtime_ns: int) -> FromStore:
        stored = self._stored
        return FromStore(path=path, mtime_ns=mtime_ns, linkable=stored.linkable, lasting=stored.lasting)

    def _generate(
        self, scheme: SchemeKey, path: str, content: bytes, *, executable: bool = False, hashed: bool = True
    ) -> None:
        key, inside = self._name(scheme, path)
        digest = record_text(hashlib.sha256(content).digest()) if hashed else ""
        self.files[key, inside] = PlacedFile(
            scheme=key,
            path=inside,
            size=len(content),
            digest=digest,
            executable=executable,
            source=Generated(content=content),
        )

    def _name(self, scheme: SchemeKey, path: str) -> tuple[SchemeKey, str]:
        """The one name of a place, looked up once for each directory."""
        parent, _, base = path.rpartition("/")
        named = self._named.get((scheme, parent))
        if named is None:
            place = place_of(self._target.scheme, absolute(self._target.scheme, Place(scheme=scheme, path=parent)))
            named = (place.scheme, place.path + "/" if place.path else "")
            self._named[scheme, parent] = named
            self._refuse_other_info(*named)
        key, inside = named[0], named[1] + base
        if not named[1] and base.lower().endswith(".dist-info"):  # a plain file of that name
            self._refuse_other_info(key, base)
        if inside.startswith(".holdfast"):
            self._refuse_own_names(key, inside)
        if (key, inside) in self._occupied:
            raise HarmError(f"{self._what()} brings a file where {self._occupied[key, inside]} is.")
        if key is SchemeKey.SCRIPTS and not named[1] and names_an_interpreter(base):
            raise HarmError(f"{self._what()} brings a script named '{base}', which would be taken for the interpreter.")
        return key, inside

    def _refuse_other_info(self, key: SchemeKey, directory: str) -> None:
        """The store looks at names inside the wheel; ``.data/data`` may lead into the library all the same."""
        top = directory.partition("/")[0]
        if key in _LIBRARIES and top.lower().endswith(".dist-info") and top != self._manifest.info_name:
            raise HarmError(f"{self._what()} brings files for '{top}', which is another distribution's.")

    def _refuse_own_names(self, key: SchemeKey, inside: str) -> None:
        top = inside.partition("/")[0]
        if key in _LIBRARIES and (top == LOCK_NAME or is_transaction_name(top)):
            raise HarmError(f"{self._what()} brings files for '{top}', which is how holdfast names its own.")

    def _what(self) -> str:
        return f"{self._manifest.name} {self._manifest.version}"


def _scheme_directories(scheme: Scheme) -> dict[tuple[SchemeKey, str], str]:
    """The scheme's own directories by the names that they have as entries of each other."""
    found: dict[tuple[SchemeKey, str], str] = {}
    for key in SchemeKey:
        directory = scheme.directory(key)
        try:
            place = place_of(scheme, posixpath.dirname(directory))
        except ValueError:
            continue
        found[place.scheme, posixpath.join(place.path, posixpath.basename(directory))] = directory
    return found
