"""Flags through the API: what is set, and switching one on or off. What a flag says is in rules/flag.py."""

from __future__ import annotations

from typing import Any

from app import database
from app.access import current_person, opens
from app.api import shown
from app.api.schemas import ToggleSchema
from app.api.setup import PREFIX, Subject
from app.flags import flag_copy
from rules.errors import Invalid
from rules.flag import FLAGS, Level
from rules.flag_roll import call_roll
from rules.person import Act
from storage import flag, flag_proposal
from storage.database import now
from storage.flag import Change

api = Subject("api_flag", __name__, url_prefix=f"{PREFIX}/feature-flags", description="Feature flags")


@api.at("", "GET")
@opens(Act.READ_FLAG)
def many() -> dict[str, Any]:
    """Every flag with what is set for whom, at one revision, and which processes go by that."""
    truth = flag.read_truth(database.session())
    roll = call_roll(flag_copy().roll(), truth.revision)
    return {
        "revision": truth.revision,
        "applied": {
            "by": roll.applied,
            "of": len(roll.answers),
            "processes": [
                {
                    "process": each.told.process,
                    "revision": each.told.revision,
                    "standing": each.standing.value,
                    "heard_seconds_ago": round(each.told.ago.total_seconds(), 1),
                }
                for each in roll.answers
            ],
        },
        "flags": [
            {
                "feature": one.key,
                "title": one.title,
                "type": one.kind.value,
                "default": one.default,
                "spending": one.spending,
                "set": [
                    {
                        "for": level.value,
                        "subject": subject,
                        "value": setting.value,
                        "until": shown.when(setting.until),
                    }
                    for (level, subject), setting in truth.of(one).items()
                ],
            }
            for one in FLAGS.values()
        ],
    }


@api.at("/toggle", "POST")
@api.reads(ToggleSchema)
@opens(Act.WRITE_FLAG)
def toggle(given: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Switch a flag; one that lets the system spend money waits for a second person."""
    session = database.session()
    one = flag.known(given["feature"])
    level, subject = _target(given)
    old = flag.read_truth(session).of(one).get((level, subject))
    change = Change(one, level, subject, given["enabled"], given["why"])
    done = flag_proposal.set_or_propose(session, change, current_person().id)
    at = now(session)
    database.commit()
    new = {"feature": one.key, "for": level.value, "subject": subject, "value": given["enabled"]}
    before = old.value if old is not None else None
    if isinstance(done, bool):
        what = "flag set" if done else "nothing: it was so already"
        return {"changed": shown.changed(what, before, new, at)}, 200
    proposed = {"id": str(done.id), "waits_for": "a second person"}
    return {"changed": shown.changed("flag change proposed", before, before, at), "proposal": proposed}, 202


def _target(given: dict[str, Any]) -> tuple[Level, str]:
    department, person = given["department"], given["user_id"]
    if department is not None and person is not None:
        raise Invalid("Please give a department or a user_id, not both.", "department")
    if department is not None:
        return Level.DEPARTMENT, department
    return (Level.PERSON, str(person)) if person is not None else (Level.EVERYONE, "")
