"""What the door knows of the command that runs behind it."""

from __future__ import annotations


class Context:
    """What is known of the command so far, for messages about its failure."""

    __slots__ = ("command", "json", "usage", "verbose")

    def __init__(self) -> None:
        self.command = ""
        self.usage = "usage: holdfast COMMAND [options]"
        self.json = False
        self.verbose = False
