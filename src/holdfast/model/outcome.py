"""What a command did, for the report: text, ``--json`` and pip's ``--report`` schema are made of it."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.model.plan import Action
from holdfast.model.resolution import Resolution
from holdfast.model.target import Target

TYPE_CHECKING = False
if TYPE_CHECKING:  # what is satisfied has neither
    from holdfast.model.changes import Committed
    from holdfast.model.stored import StoredWheel


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallReport:
    """One finished ``install`` or ``uninstall``.

    Attributes:
        resolution: None for uninstall.
        actions: In commit order; empty: everything was satisfied.
        committed: None when nothing was to be done or ``--dry-run``.
        stored: The wheels that were used, for hashes and URLs.
        dry_run: Nothing was done on purpose.
        notices: Lines that belong to the result (not found, newer releases hidden ...).
    """

    target: Target
    actions: tuple[Action, ...]
    resolution: Resolution | None = None
    committed: Committed | None = None
    stored: tuple[StoredWheel, ...] = ()
    dry_run: bool = False
    notices: tuple[str, ...] = ()
