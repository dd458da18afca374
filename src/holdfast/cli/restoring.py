"""The options of the commands that bring back what was installed: those of ``install`` but for what is chosen."""

from __future__ import annotations

from holdfast.config.table import CACHE, JSON, NETWORK, OUTPUT, PLACING, POLICY, SHARED, SOURCES, TARGET, TRANSACTION

GROUPS = (
    ("Target", TARGET),
    ("Where packages come from", tuple(item for item in SOURCES if item.name != "constraint")),
    ("What is allowed", POLICY),
    ("How files are placed", (*PLACING, *SHARED)),
    ("Transaction", TRANSACTION),
    ("Network", NETWORK),
    ("Cache", CACHE),
    ("Output", (*JSON, *OUTPUT)),
)
