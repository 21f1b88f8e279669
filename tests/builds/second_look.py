"""A workflow change as docs/recipes.md says it is made: a second look at the product, behind a patch with a flag."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from temporalio.api.enums.v1 import EventType

from rules.flag import Flag, Kind
from storage.request import RequestRow
from tests.builds.yard import Yard

PATCH: Final = "second-look-v1"
SECOND_LOOK: Final = Flag("patch-second-look-v1", "Check the product twice", Kind.BOOLEAN, default=False)

_FLAG: Final = (
    'SECOND_LOOK: Final = Flag("patch-second-look-v1", "Check twice", Kind.BOOLEAN, default=False)\n'
)
_KNOWN: Final = "#: Every flag that code asks for, by key;"
_BEFORE: Final = "        if checked.why:\n"
_AGAIN: Final = (
    f'        if workflow.patched("{PATCH}"):\n'
    "            checked = self._note(await steps.validate_product(self._request))\n"
)


def second_look(yard: Yard, flag: str) -> Path:
    """The folder of the changed code.

    Args:
        flag: `SECOND_LOOK` as the recipe says; `None` switches the patch on for everybody at once.
    """
    name = f"second-look-{flag}"
    yard.changed_code(name, "workflows/purchase_approval.py", (_BEFORE, f"{_AGAIN}{_BEFORE}"))
    yard.changed_code(
        name,
        "rules/flag.py",
        (_KNOWN, f"{_FLAG}{_KNOWN}"),
        ("(AUTOMATED_REVIEW, REVIEW_STRICTNESS)}", "(AUTOMATED_REVIEW, REVIEW_STRICTNESS, SECOND_LOOK)}"),
    )
    return yard.changed_code(
        name,
        "rules/patch.py",
        ("from rules.flag import Flag\n", "from rules.flag import SECOND_LOOK, Flag\n"),
        ("{REVIEW: None}", f'{{REVIEW: None, "{PATCH}": {flag}}}'),
    )


def took_it(yard: Yard, row: RequestRow) -> bool:
    """Whether a request's run has taken the patch's new branch."""
    history = yard.run(yard.desk.handle(row).fetch_history())
    markers = [each for each in history.events if each.event_type == EventType.EVENT_TYPE_MARKER_RECORDED]
    return any(PATCH in str(each.marker_recorded_event_attributes) for each in markers)
