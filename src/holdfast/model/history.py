"""What was done to an environment, as it is remembered: transactions, and the states that they led from and to."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.utils import NormalizedName
from packaging.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownWheel:
    """The very wheel that a distribution was installed from.

    Attributes:
        url: Where it came from; without credentials.
        sha256: Hex digest of the file.
    """

    filename: str
    url: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownState:
    """One distribution before or after a transaction.

    Attributes:
        record: sha256 hex of its RECORD; empty: it had none that could be read.
        requested: REQUESTED was there.
        direct: The URL that the user named (PEP 610), without credentials; empty: it came from an index.
        editable: It was an editable installation.
        wheel: None: not known, as of what another installer put there.
        files: Of an editable installation that left: path in a wheel, content.
    """

    version: Version
    record: str = ""
    requested: bool = False
    direct: str = ""
    editable: bool = False
    wheel: KnownWheel | None = None
    files: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownChange:
    """What a transaction did to one project; None: it was not, or is not, installed."""

    project: NormalizedName
    before: KnownState | None
    after: KnownState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTransaction:
    """One transaction.

    Attributes:
        id: Names it in the history of its environment.
        when: Seconds since the epoch, by the clock of ``host``.
        who: User name, or the number where there is none.
        environment: Its root, as it was named then.
        command: Subcommand and project names.
        undoes: The id of the transaction that this one took back; empty: none.
        changes: In commit order.
    """

    id: str
    when: float
    who: str
    host: str
    environment: str
    command: str
    undoes: str = ""
    changes: tuple[KnownChange, ...]
