"""Looking again at automatic approvals: which are drawn, who may judge one, what a verdict is. Knows no store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final
from uuid import UUID

from rules.errors import BusinessError, Invalid, InvalidFields
from rules.text import clean_text, judge_why

#: In percent, as long as nobody has set another share.
USUAL_SHARE: Final = Decimal(5)
#: Somebody is asked about an approval that was drawn for so long; later memories prove little.
ASKED_FOR: Final = timedelta(days=30)
LONGEST_WHY: Final = 1000

_SALT: Final = b"recheck"
#: A draw is one of so many; the same in the database function `recheck_draw`.
DRAWS: Final = 1 << 24


class Verdict(StrEnum):
    """What somebody who looked again says of an automatic approval."""

    RIGHT = "right"
    WRONG = "wrong"


class OwnRequestCannotBeRechecked(BusinessError):
    """Nobody judges what was approved for themselves."""

    status = 403


@dataclass(frozen=True)
class Judged:
    """A verdict with its reason; the reason may be empty where the approval was right."""

    verdict: Verdict
    why: str


def draw_of(request_id: UUID) -> int:
    """What a request draws, from 0 to DRAWS - 1: always the same, and nobody can choose it."""
    return int.from_bytes(hashlib.sha256(_SALT + request_id.bytes).digest()[:3])


def is_drawn(draw: int, share: Decimal) -> bool:
    """Whether a draw lies in a share in percent; what lies in a share lies in every greater one."""
    return draw * 100 < share * DRAWS


def judge_verdict(verdict: str, why: str) -> Judged:
    """What the typed form means; raises InvalidFields."""
    problems: dict[str, str] = {}
    text = ""
    if verdict not in set(Verdict):
        problems["verdict"] = "Please say whether the approval was right."
    if why.strip() or verdict == Verdict.WRONG:
        try:
            text = clean_text(why, "why", LONGEST_WHY)
        except Invalid as refusal:
            problems["why"] = refusal.message if why.strip() else "Please say what was wrong with it."
    if problems:
        raise InvalidFields(problems)
    return Judged(Verdict(verdict), text)


def check_may_recheck(judge_id: UUID, requester_id: UUID) -> None:
    """Refuse where the request is the judge's own."""
    if judge_id == requester_id:
        raise OwnRequestCannotBeRechecked(
            "This is your own request; a colleague in finance looks at it again."
        )


def judge_share(share: str, why: str) -> tuple[Decimal, str]:
    """The typed share, 0 to 100 percent in steps of 0.1, and why it is changed; raises InvalidFields."""
    problems: dict[str, str] = {}
    percent, text = Decimal(0), ""
    try:
        percent = Decimal(share.strip())
    except InvalidOperation:
        problems["share"] = "Please give a number, for example 5 or 7.5."
    else:
        if not (percent.is_finite() and 0 <= percent <= 100):
            problems["share"] = "Please give a share from 0 to 100 percent."
        elif percent != round(percent, 1):
            problems["share"] = "Please give at most one digit after the point."
    try:
        text = judge_why(why, LONGEST_WHY)
    except InvalidFields as refusal:
        problems |= refusal.problems
    if problems:
        raise InvalidFields(problems)
    return round(percent, 1), text
