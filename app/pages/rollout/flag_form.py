"""The form that sets a flag: whom it is for, what to, until when, and why. Knows no store."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from flask_babel import gettext as _

from rules.errors import Invalid, InvalidFields
from rules.flag import Flag, Level
from rules.flag_change import parse_value
from rules.text import judge_why
from storage.flag import Change

#: `value` is a choice, `text` what is typed where there is none.
FIELDS: Final = ("target", "mail", "value", "text", "until", "why", "seen")
#: The choice that takes away what is set.
CLEAR = "clear"


def judge_wish(
    flag: Flag, typed: Mapping[str, str], *, departments: Collection[str], person_id: UUID | None
) -> Change:
    """What the typed form means.

    Args:
        typed: the fields; `target` is `everyone`, `person`, or `department:` and its id.
        departments: the ids that exist.
        person_id: whom the typed mail address belongs to, None where nobody has it.

    Raises:
        InvalidFields: one sentence for each field that has to change.
    """
    problems: dict[str, str] = {}
    level, subject = _judge_target(typed["target"], departments, person_id, problems)
    value, until = None, None
    try:
        value = None if typed["value"] == CLEAR else parse_value(flag, typed["value"] or typed["text"])
    except Invalid as refusal:
        problems["value"] = refusal.message
    try:
        until = _judge_until(typed["until"])
    except ValueError:
        problems["until"] = str(_("Please give a day and a time, or leave it empty."))
    if until and value is None and "value" not in problems:
        problems["until"] = str(_("What is taken away needs no end."))
    try:
        why = judge_why(typed["why"])
    except InvalidFields as refusal:
        problems |= refusal.problems
    if problems:
        raise InvalidFields(problems)
    seen = typed["seen"]
    seen_revision = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 19 else None
    return Change(flag, level, subject, value, why, until, seen_revision)


def _judge_target(
    target: str, departments: Collection[str], person_id: UUID | None, problems: dict[str, str]
) -> tuple[Level, str]:
    if target == "person":
        if person_id is None:
            problems["mail"] = str(_("Nobody has this mail address."))
        return Level.PERSON, str(person_id)
    if target.startswith("department:") and target.removeprefix("department:") in departments:
        return Level.DEPARTMENT, target.removeprefix("department:")
    if target != "everyone":
        problems["target"] = str(_("Please choose whom it is for."))
    return Level.EVERYONE, ""


def _judge_until(text: str) -> datetime | None:
    """A day and a time as browsers send them, taken as UTC; raises ValueError."""
    if not text.strip():
        return None
    typed = datetime.fromisoformat(text.strip())
    return typed.replace(tzinfo=UTC) if typed.tzinfo is None else typed.astimezone(UTC)
