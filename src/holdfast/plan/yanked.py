"""What is to be said of yanked files that are installed because somebody pins them (PEP 592)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from holdfast.model.plan import Action, Remove
from holdfast.model.resolution import IndexWheel


def yanked_notices(actions: Iterable[Action]) -> Iterator[str]:
    """One sentence for each yanked file among those that are brought, with the project's reason if it gives one."""
    for action in actions:
        if isinstance(action, Remove) or not isinstance(action.pin.source, IndexWheel):
            continue
        reason = action.pin.source.file.yanked
        if reason is not None:
            said = f": {reason}" if reason else "; it gives no reason."
            yield f"{action.pin.name} {action.pin.version} was yanked by its project{said}"
