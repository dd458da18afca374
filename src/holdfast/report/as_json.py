"""Results as JSON values: our own ``--json``, and pip's installation report (version "1") for ``--report``.

The schemas are documented in ``docs/reference/report-schema.md``. Pure: values in, values out.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdfast import __version__
from holdfast.errors import HoldfastError
from holdfast.model.metadata import Metadata
from holdfast.model.outcome import InstallReport
from holdfast.model.plan import Action, Install, Reinstall, Remove, Replace
from holdfast.model.requirement import Requirement
from holdfast.model.resolution import AlreadyInstalled, DirectWheel, IndexWheel, Pin
from holdfast.model.stored import StoredWheel
from holdfast.model.urls import as_recorded

Json = dict[str, object]


def requirement_text(requirement: Requirement) -> str:
    """A requirement in canonical PEP 508 form, without credentials."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    url = f" @ {as_recorded(requirement.url.url)}" if requirement.url else str(requirement.specifier)
    marker = f" ; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras}{url}{marker}"


def metadata_json(metadata: Metadata) -> Json:
    """Core metadata in the JSON form of PEP 566."""
    fields: Json = {key.replace("-", "_"): value for key, value in metadata.headers}
    fields |= {"name": metadata.display_name, "version": str(metadata.version)}
    if metadata.summary:
        fields["summary"] = metadata.summary
    if metadata.requires:
        fields["requires_dist"] = [requirement_text(requirement) for requirement in metadata.requires]
    if metadata.requires_python is not None:
        fields["requires_python"] = str(metadata.requires_python)
    if metadata.extras:
        fields["provides_extra"] = sorted(metadata.extras)
    return fields


def _download_info(pin: Pin, stored: StoredWheel | None) -> Json:
    match pin.source:
        case IndexWheel(file=file):
            url, hashes = file.url, {item.algorithm: item.digest for item in file.hashes}
        case DirectWheel(direct=direct):
            url, hashes = direct.url, {item.algorithm: item.digest for item in direct.hashes}
        case AlreadyInstalled():
            url, hashes = "", {}
    if stored is not None:
        hashes["sha256"] = stored.manifest.sha256
    archive: Json = {"hashes": hashes}
    if "sha256" in hashes:
        archive["hash"] = f"sha256={hashes['sha256']}"
    return {"url": as_recorded(url), "archive_info": archive}


def installation_report(report: InstallReport) -> Json:
    """Pip's installation report, version "1"; what is ours stands under ``holdfast``."""
    stored = {wheel.manifest.name: wheel for wheel in report.stored}
    items = []
    for action in report.actions:
        if isinstance(action, Remove):
            continue
        pin = action.pin
        items.append(
            {
                "download_info": _download_info(pin, stored.get(pin.name)),
                "is_direct": isinstance(pin.source, DirectWheel),
                "is_yanked": isinstance(pin.source, IndexWheel) and pin.source.file.yanked is not None,
                "requested": pin.requested,
                **({"requested_extras": sorted(pin.extras)} if pin.extras else {}),
                "metadata": metadata_json(pin.metadata),
            }
        )
    return {
        "version": "1",
        "pip_version": f"holdfast {__version__}",
        "install": items,
        "environment": dict(report.target.interpreter.markers),
        "holdfast": result_json(report),
    }


def _action_json(action: Action) -> Json:
    match action:
        case Install(pin=pin):
            return {"action": "install", "name": pin.name, "version": str(pin.version)}
        case Replace(pin=pin, old=old):
            return {"action": "replace", "name": pin.name, "version": str(pin.version), "from": str(old.version)}
        case Reinstall(pin=pin, old=old):
            return {"action": "reinstall", "name": pin.name, "version": str(pin.version), "from": str(old.version)}
        case Remove(old=old):
            return {"action": "remove", "name": old.name, "version": None, "from": str(old.version)}


def result_json(report: InstallReport) -> Json:
    """Our own result: outcome, target, actions, and what the lock cost (seconds)."""
    committed = report.committed
    changed = committed is not None
    would = report.dry_run and bool(report.actions)
    lock: Mapping[str, object] | None = None
    if committed is not None:
        lock = {
            "waited": committed.waited,
            "held": committed.held,
            "synced": committed.synced,
            "carried": committed.carried,
        }
    return {
        "outcome": "changed" if changed else "would-change" if would else "unchanged",
        "holdfast_version": __version__,
        "target": {
            "kind": report.target.kind.value,
            "root": report.target.root,
            "python": report.target.interpreter.executable,
            "purelib": report.target.scheme.purelib,
        },
        "actions": [_action_json(action) for action in report.actions],
        "lock": lock,
        "durable": committed.durable if committed is not None else None,
        "left": list(committed.left) if committed is not None else [],
        "notices": list(report.notices),
    }


def error_json(error: HoldfastError) -> Json:
    """A failure; printed on stdout with ``--json``."""
    return {
        "outcome": "failed",
        "holdfast_version": __version__,
        "error": {
            "kind": type(error).__name__,
            "exit_code": error.exit_code,
            "state": error.state,
            "cause": error.cause,
            "details": list(error.details),
            "hint": error.hint,
        },
    }
