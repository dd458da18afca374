"""A file system in user space, without libfuse: the kernel's own protocol, spoken by a process of this directory."""

from tests.support.fuse.mounting import HOST_ONLY, Mount, passthrough

__all__ = ["HOST_ONLY", "Mount", "passthrough"]
