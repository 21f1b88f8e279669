"""How finance of the demo company looked again at some automatic approvals: by lot, a few days late, mostly content."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from local.demo.company import Words
from local.demo.life import Life
from local.demo.worktime import after_office_hours
from rules.person import Person
from rules.recheck import Verdict, draw_of, is_drawn
from storage.audit import Actor

#: While the review was young every fifth approval was drawn.
SHARE: Final = Decimal(20)
#: Of so many that are judged one was wrong; counted, not drawn, so that every load has some.
_WRONG_OF: Final = 24
#: Finance looks within so many office hours of the end of a request; what ended just now still waits.
_LOOKS_WITHIN_HOURS: Final = 40.0
_STILL_WAITS: Final = timedelta(days=4)
_SET_AFTER_HOURS: Final = 16


@dataclass(frozen=True)
class Rechecks:
    """Rows by column name; entries are those of the audit trail that concern no request."""

    shares: list[dict[str, Any]]
    rows: list[dict[str, Any]] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)


def look_again(
    lives: Sequence[Life],
    finance: Sequence[Person],
    words: Words,
    opened_at: datetime,
    now: datetime,
    chance: random.Random,
) -> Rechecks:
    """Draw the automatic approvals among `lives` and judge those that are some days old."""
    set_at = after_office_hours(opened_at, _SET_AFTER_HOURS)
    share = {"share": SHARE, "at": set_at, "why": words.recheck_share, "changed_by": finance[0].id}
    told = {"before": "5", "value": str(SHARE), "why": words.recheck_share}
    found = Rechecks([share])
    found.entries.append(
        {
            "at": set_at,
            "actor_kind": "person",
            "actor_id": finance[0].id,
            "action": "recheck.share_set",
            "request_id": None,
            "detail": told,
        }
    )
    for life in lives:
        if life.review is None or not life.review["auto_approved"] or not is_drawn(draw_of(life.id), SHARE):
            continue
        judges = [one for one in finance if one.id != life.requester.id]
        judge = chance.choice(judges)
        at = after_office_hours(life.last_at, chance.uniform(1, _LOOKS_WITHIN_HOURS))
        why = chance.choice(words.recheck_wrong)
        if any(one["outcome"] == "rejected" for one in life.decisions) or at > now - _STILL_WAITS:
            continue
        wrong = len(found.rows) % _WRONG_OF == _WRONG_OF - 1
        verdict, why = (Verdict.WRONG, why) if wrong else (Verdict.RIGHT, "")
        found.rows.append(
            {
                "request_id": life.id,
                "verdict": verdict.value,
                "why": why,
                "judged_by": judge.id,
                "judged_at": at,
            }
        )
        life.note(at, Actor.person(judge.id), "recheck.judged", {"verdict": verdict.value, "comment": why})
    return found
