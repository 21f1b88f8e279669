"""The form that sets a flag: whom it is for, on or off, and why. Knows no store."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from flask_babel import gettext as _

from rules.errors import Invalid, InvalidFields
from rules.flag import Level
from rules.text import clean_text

LONGEST_WHY = 500
_VALUES = {"on": True, "off": False, "clear": None}


@dataclass(frozen=True)
class Wish:
    """A judged change of a flag.

    Attributes:
        subject: a person's id, a department's id, or empty for everyone.
        value: None takes away what is set.
    """

    level: Level
    subject: str
    value: bool | None
    why: str


def judge_wish(
    target: str, value: str, why: str, *, departments: Collection[str], person_id: UUID | None
) -> Wish:
    """What the typed form means.

    Args:
        target: `everyone`, `person`, or `department:` and its id.
        departments: the ids that exist.
        person_id: whom the typed mail address belongs to, None where nobody has it.

    Raises:
        InvalidFields: one sentence for each field that has to change.
    """
    problems: dict[str, str] = {}
    level, subject = Level.EVERYONE, ""
    if target == "person":
        level, subject = Level.PERSON, str(person_id)
        if person_id is None:
            problems["mail"] = str(_("Nobody has this mail address."))
    elif target.startswith("department:") and target.removeprefix("department:") in departments:
        level, subject = Level.DEPARTMENT, target.removeprefix("department:")
    elif target != "everyone":
        problems["target"] = str(_("Please choose whom it is for."))
    if value not in _VALUES:
        problems["value"] = str(_("Please choose on, off, or to take away what is set."))
    try:
        text = clean_text(why, "why", LONGEST_WHY)
    except Invalid as refusal:
        problems["why"] = refusal.message if why.strip() else str(_("Please say why."))
    if problems:
        raise InvalidFields(problems)
    return Wish(level, subject, _VALUES[value], text)
