"""Schedules in which the model checker found a fault, had again."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.explorer import replay
from tests.support.model_settings import OTHER_UPGRADE, STEPS, UPGRADE, taken_over
from tests.support.simulated import Process

PAIR = (UPGRADE, OTHER_UPGRADE)
TAKER, LATE = 0, 1


def pending(me: Process) -> tuple[str, str]:
    """The call that a process is about to make, and its first path; empty: something else."""
    call: tuple[object, ...] = me.notes["call"]
    return (me.pending, str(call[1])) if call[0] == me.pending else ("", "")


def about_to(call: str, what: str) -> Callable[[Process], bool]:
    """Until a process is about to make a call whose first path ends so."""

    def until(me: Process) -> bool:
        name, path = pending(me)
        return name == call and path.endswith(what)

    return until


next_step = about_to("rename_noreplace", "2")
"""Of the late one, that has replaced the module then."""


def never(_: Process) -> bool:
    return False


def late_id(me: Process) -> bool:
    """About to take the directory of the late one: its id has his pid in it."""
    name, path = pending(me)
    return name == "rename" and f"{102:08x}" in path and ".holdfast.lock" not in path


def test_who_ends_while_his_directory_is_to_be_taken_leaves_no_empty_taken_behind() -> None:
    """Readers would take it for a journal, and the transaction directory of the taker would stay."""
    model = taken_over(*PAIR, step=STEPS)
    found = replay(model.setting, model.check, (TAKER, late_id), (LATE, never))
    assert found.violation is None, str(found)


def test_a_late_step_that_comes_before_its_entry_is_moved_away_is_recovered() -> None:
    """The fence has listed ``new/``; what it listed goes to the target by the late holder's last step."""
    model = taken_over(*PAIR, step=1)
    found = replay(model.setting, model.check, (TAKER, about_to("rename", "1")), (LATE, next_step))
    assert found.violation is None, str(found)


def test_a_journal_that_is_unlinked_before_it_is_renamed_was_a_change_in_force() -> None:
    model = taken_over(*PAIR, step=STEPS)
    found = replay(model.setting, model.check, (TAKER, about_to("rename", "journal")), (LATE, never))
    assert found.violation is None, str(found)


def test_a_directory_that_a_late_step_takes_leaves_no_shell_of_it_behind() -> None:
    """Undo takes what lies in ``new/<n>`` for a step that was not made, and left the new dist-info in the target."""
    model = taken_over(*PAIR, step=1)

    def takes_the_info(me: Process) -> bool:
        return pending(me) in {("rename", "2"), ("open", "2")}

    parts = ((TAKER, about_to("rename", "1")), (LATE, next_step), (TAKER, takes_the_info), (LATE, never))
    found = replay(model.setting, model.check, *parts)
    assert found.violation is None, str(found)
