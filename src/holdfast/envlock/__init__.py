"""The environment lock (design section 3): `acquire` it for a block, and show the `HeldLock` to the commit."""

from holdfast.envlock.acquire import acquire
from holdfast.envlock.held import HeldLock

__all__ = ["HeldLock", "acquire"]
