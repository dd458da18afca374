"""What a repair did, in words and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from packaging.utils import NormalizedName

from holdfast.model.ailments import Ailment
from holdfast.model.outcome import InstallReport
from holdfast.model.plan import Reinstall
from holdfast.report.ailments import ailment_command, ailment_json, ailment_text
from holdfast.report.amounts import count_text
from holdfast.report.as_json import Json, result_json
from holdfast.report.escape import printable


def repair_remarks(
    report: InstallReport, faults: Mapping[NormalizedName, int], removed: Sequence[str], unknown: Sequence[Ailment]
) -> Iterator[str]:
    """The changes, and what was left alone: for stderr."""
    for action in report.actions:
        if isinstance(action, Reinstall):
            count = faults.get(action.pin.name, 0)
            what = count_text(count, "file") if count else "dist-info"
            yield printable(f" ~ {action.pin.name} {action.pin.version} ({what})")
    for path in removed:
        yield printable(f" - {path}")
    for each in unknown:
        yield printable(f"{ailment_text(each)} ({ailment_command(each)}).")


def repair_lines(report: InstallReport, removed: Sequence[str]) -> Iterator[str]:
    """The result, for stdout."""
    words = [
        f"{action.pin.metadata.display_name}-{action.pin.version}"
        for action in report.actions
        if isinstance(action, Reinstall)
    ]
    done = "Would repair" if report.dry_run else "Successfully repaired"
    if words:
        yield f"{done} {' '.join(sorted(words, key=str.lower))}"
    elif removed:
        yield f"{'Would remove' if report.dry_run else 'Successfully removed'} {count_text(len(removed), 'leftover')}"
    else:
        yield "Nothing to repair."


def repair_json(
    report: InstallReport, faults: Mapping[NormalizedName, int], removed: Sequence[str], unknown: Sequence[Ailment]
) -> Json:
    """As of ``install``, and what is of a repair alone."""
    would = report.dry_run and bool(report.actions or removed)
    result = result_json(report)
    return {
        **result,
        "outcome": "would-change" if would else result["outcome"],
        "files": dict(faults),
        "removed": list(removed),
        "left_alone": [ailment_json(each) for each in unknown],
    }
