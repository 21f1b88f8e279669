"""Patches of the approval workflow: which flag switches each on for new runs. Knows no workflow and no worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from rules.flag import Flag

#: The automated review; requests begun before it existed always go to a person.
REVIEW: Final = "automated-review-v1"

#: Patch id -> the flag that says for whom new runs take it; None where all of them do.
#:
#: A patch comes with a flag that is off everywhere, and its flag is switched on when the build that brought it is
#: the current one: only then does a return to the build before strand nobody. docs/recipes.md has the steps.
PATCHES: Final[Mapping[str, Flag | None]] = {REVIEW: None}


def is_active(
    patch_id: str, is_on: Callable[[Flag], bool], patches: Mapping[str, Flag | None] = PATCHES
) -> bool:
    """Whether a run that comes to this patch for the first time takes its new branch.

    Args:
        is_on: what a flag says for the run's requester and department.
    """
    if patch_id not in patches:
        return False  # nobody has said for whom, so for nobody
    flag = patches[patch_id]
    return flag is None or is_on(flag)
