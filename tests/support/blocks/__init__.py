"""Disks that lose their power: every block that the kernel writes is recorded, with every flush, and played again.

What dm-log-writes does, without the module: a loop device over a file that a process of ours serves through /dev/fuse.
"""
