"""What the reading commands share: their options, and the settled view of the target."""

from __future__ import annotations

from holdfast.cli.command import Invocation
from holdfast.config.settings import Setting
from holdfast.config.table import JSON, OUTPUT, TARGET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from packaging.utils import NormalizedName

    from holdfast.model.installed import InstalledState
    from holdfast.model.target import Target

LOCAL = Setting("local", "flag", "only the environment's own packages", flags=("-l", "--local"), ambient=False)
EXCLUDE = Setting("exclude", "list", "leave NAME out", metavar="NAME", ambient=False)

WHERE = ("Target", tuple(item for item in TARGET if item.name not in {"break-system-packages", "require-virtualenv"}))
HOW = ("Output", (*JSON, *OUTPUT))


def look(invocation: Invocation, *, records: Collection[NormalizedName] = ()) -> tuple[Target, InstalledState]:
    """Read what is installed, and the RECORDs of ``records``; what cannot be read is named on stderr.

    Raises:
        TargetError: There is no target.
        InterruptedTransactionError: A journal is left: the state is not settled.
    """
    from holdfast.cli.streams import make_reporter  # noqa: PLC0415 - after the options are known to be right
    from holdfast.config.requests import cache_directory, target_request  # noqa: PLC0415
    from holdfast.events import Warned  # noqa: PLC0415
    from holdfast.flows.inspect import installed_state  # noqa: PLC0415

    settings, environ = invocation.settings, invocation.environ
    with make_reporter(invocation) as reporter:
        target, state = installed_state(
            target_request(settings, environ=environ, cwd=invocation.cwd),
            cache_dir=cache_directory(settings, environ),
            records=records,
        )
        for broken in state.broken:
            reporter.emit(Warned(text=f"{broken.path} is not a distribution: {broken.reason} (holdfast repair)"))
    return target, state
