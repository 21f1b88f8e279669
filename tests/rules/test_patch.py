"""Patches: on for those whose flag says so, and for nobody where nobody has said for whom."""

from __future__ import annotations

from rules.flag import Flag, Kind
from rules.patch import PATCHES, REVIEW, is_active
from workflows.purchase_approval import REVIEW_PATCH

SECOND_LOOK = Flag("patch-second-look-v1", "Check the product twice", Kind.BOOLEAN, default=False)


def test_a_patch_with_a_flag_is_on_where_its_flag_is_on() -> None:
    patches = {"second-look-v1": SECOND_LOOK}
    assert is_active("second-look-v1", lambda flag: flag is SECOND_LOOK, patches)
    assert not is_active("second-look-v1", lambda _: False, patches)


def test_a_patch_without_a_flag_is_on_for_everybody() -> None:
    assert is_active(REVIEW, lambda _: False)


def test_a_patch_that_nobody_has_entered_is_on_for_nobody() -> None:
    assert not is_active("never-entered-v1", lambda _: True)


def test_the_workflow_and_the_list_name_the_same_patch() -> None:
    assert REVIEW_PATCH == REVIEW
    assert REVIEW_PATCH in PATCHES
