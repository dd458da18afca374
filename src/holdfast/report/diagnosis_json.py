"""What ``doctor`` found, as a JSON value (docs/reference/doctor-schema.md). Pure."""

from __future__ import annotations

from dataclasses import asdict

from holdfast import __version__
from holdfast.model.diagnosis import Diagnosis, DirectoryWorth

Json = dict[str, object]


def diagnosis_json(found: Diagnosis) -> Json:
    """Everything that was found; modes are octal text, as ``chmod`` takes them."""
    return {
        "outcome": "stopped" if found.stopped else "usable",
        "holdfast_version": __version__,
        "asked": found.asked,
        "judged": found.judged,
        "missing": found.missing,
        "kind": found.kind,
        "lock_mode": found.lock_mode,
        "link_mode": found.link_mode,
        "umask": f"{found.umask:04o}",
        "directories": [_directory(each) for each in found.directories],
        "schemes": [asdict(each) for each in found.schemes],
        "work_area": {"path": found.work[0], "place": found.work[1].value} if found.work else None,
        "uv_lock": asdict(found.uv_lock),
        "transactions": [asdict(each) for each in found.transactions],
        "remarks": [asdict(each) for each in found.remarks],
    }


def _directory(worth: DirectoryWorth) -> Json:
    values = asdict(worth)
    modes = ("mode", "new_file", "new_program", "new_directory")
    values["rights"] |= {name: f"{getattr(worth.rights, name):04o}" for name in modes}
    return values
