"""What the numbers were measured on, in words."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator


def filesystem_of(path: str) -> str:
    """``ext4 (/dev/vda on /)`` for where `path` lies; ``unknown`` where /proc does not tell."""
    best = ("", "unknown")
    for point, words in _mounts():
        inside = point in {"/", path} or path.startswith(f"{point}/")
        if inside and len(point) >= len(best[0]):
            best = (point, words)
    return best[1]


def _mounts() -> Iterator[tuple[str, str]]:
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="replace") as stream:
            lines = stream.read().splitlines()
    except OSError:
        return
    for line in lines:
        device, point, kind = line.split(" ")[:3]
        yield point, f"{kind} ({device} on {point})"


def _first(path: str, key: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return next((line.split(":", 1)[1].strip() for line in stream if line.startswith(key)), "unknown")
    except OSError:
        return "unknown"


def describe(work: str) -> dict[str, str]:
    """The machine as the results keep it; `work` is where the environments and caches lie."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return {
        "processor": f"{os.cpu_count()} cores, {_first('/proc/cpuinfo', 'model name')}",
        "memory": _first("/proc/meminfo", "MemTotal"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "filesystem": filesystem_of(os.path.realpath(work)).partition(" (")[0],
        "load before": load,
    }
