"""``--only-binary`` and ``--no-binary`` in the order in which they were said -> one FormatControl. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.utils import NormalizedName, canonicalize_name

from holdfast.model.request import FormatControl

_ALL = ":all:"
_NONE = ":none:"


def fold_formats(said: Iterable[tuple[str, str]]) -> FormatControl:
    """Fold the options as pip does: a later word about a project, or about all, takes back an earlier one.

    Args:
        said: ``(only-binary | no-binary, value)``; a value is ``:all:``, ``:none:`` or comma-separated names.
    """
    names: dict[str, set[NormalizedName]] = {"only-binary": set(), "no-binary": set()}
    every: dict[str, bool] = {"only-binary": False, "no-binary": False}
    for option, value in said:
        other = "no-binary" if option == "only-binary" else "only-binary"
        for word in filter(None, (part.strip() for part in value.split(","))):
            if word == _ALL:
                names[option].clear()
                names[other].clear()
                every[option], every[other] = True, False
            elif word == _NONE:
                names[option].clear()
                every[option] = False
            else:
                name = canonicalize_name(word)
                names[other].discard(name)
                names[option].add(name)
    return FormatControl(
        only_binary=frozenset(names["only-binary"]),
        no_binary=frozenset(names["no-binary"]),
        all_only_binary=every["only-binary"],
        all_no_binary=every["no-binary"],
    )
