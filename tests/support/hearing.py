"""A reporter that keeps what it hears, for tests of the rooms that fetch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from holdfast.events import Event

E = TypeVar("E")


@dataclass(slots=True)
class Heard:
    """Every event, in order; appending is safe from several threads."""

    events: list[Event] = field(default_factory=list)

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def words(self) -> str:
        """Everything that was said, for a look at what must not be in it."""
        return "\n".join(repr(event) for event in self.events)
