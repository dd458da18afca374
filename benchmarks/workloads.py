"""What is installed: a few requirements, and the wheels that they come to, downloaded once from the package index."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

Distributions = frozenset[tuple[str, str]]
"""Normalised names with versions."""

ASIDE = ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT", "PIP_REQUIREMENT", "PIP_NO_INDEX", "PYTHONPATH")
"""Not for the download: the workload shall be what the index has, not what this machine adds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A request that people make."""

    name: str
    requirements: tuple[str, ...]


WORKLOADS = {
    each.name: each
    for each in (
        Workload(name="jupyter", requirements=("jupyter",)),
        Workload(name="web", requirements=("boto3", "django", "celery")),
    )
}


def normalised(name: str) -> str:
    """The name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def distribution_of(stem: str) -> tuple[str, str]:
    """Name and version in ``name-version.dist-info`` or in a wheel's file name."""
    name, version = stem.split("-")[:2]
    return normalised(name), version.removesuffix(".dist")


def wheels_in(directory: str) -> tuple[str, ...]:
    """The file names of the wheels in a directory, sorted."""
    return tuple(sorted(name for name in os.listdir(directory) if name.endswith(".whl")))


def distributions_in(directory: str) -> Distributions:
    """What installing every wheel of that directory makes."""
    return frozenset(distribution_of(name) for name in wheels_in(directory))


def download(workload: Workload, directory: str, pip: tuple[str, ...], index_url: str | None) -> Distributions:
    """Have the workload's wheels in `directory`; the index is asked only when they are not there yet.

    Args:
        workload: what to have.
        directory: where; complete or absent.
        pip: what runs pip, with the Python that the environments will have.
        index_url: the index to ask; None: pip's own choice.

    Raises:
        subprocess.CalledProcessError: pip could not.
    """
    if not os.path.isdir(directory):
        incomplete = f"{directory}.incomplete"
        os.makedirs(incomplete, exist_ok=True)
        where = ("--index-url", index_url) if index_url else ()
        env = {key: value for key, value in os.environ.items() if key not in ASIDE} | {"PIP_CONFIG_FILE": os.devnull}
        line = (*pip, "download", "--only-binary", ":all:", "--dest", incomplete, *where, *workload.requirements)
        subprocess.run(line, env=env, check=True)
        os.rename(incomplete, directory)
    return distributions_in(directory)
