"""How often the page of a request looks again, and what it says when it does. Knows no store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rules.request import ENDED, Status
from storage.request import RequestRow

#: While a machine works on it; slower once that takes unusually long, and while people are awaited.
QUICK_SECONDS: Final = 1
CALM_SECONDS: Final = 5
USUAL_WORK_SECONDS: Final = 30
#: A page that was left open stops asking, so that it neither costs anything nor keeps a session alive.
LOOKS_FOR_SECONDS: Final = 20 * 60

_WAITING: Final = frozenset({Status.AWAITING_DECISION, Status.ORDER_UNKNOWN})


@dataclass(frozen=True)
class Pace:
    """How a page looks again.

    Attributes:
        every_seconds: 0 where it does not any more.
        until: the moment, in seconds since 1970, after which it stops.
        seen: the newest audit entry that the page shows.
        has_panel: whether the page has the form of a decision.
    """

    every_seconds: int
    until: float
    seen: int = -1
    has_panel: bool = False

    @property
    def is_quick(self) -> bool:
        """Whether the first look should come sooner still: most requests take half a second."""
        return self.every_seconds == QUICK_SECONDS

    def as_address(self, seen: int, *, has_panel: bool) -> dict[str, Any]:
        """The query parameters with which the page looks again."""
        return {"seen": seen, "every": self.every_seconds, "until": int(self.until), "panel": int(has_panel)}

    @classmethod
    def of_address(cls, args: Mapping[str, str]) -> Pace:
        """What `as_address` wrote; anything else reads as a page that has seen nothing."""
        return cls(
            every_seconds=_number(args.get("every")),
            until=_number(args.get("until")),
            seen=_number(args.get("seen"), missing=-1),
            has_panel=args.get("panel") == "1",
        )


def _number(text: str | None, missing: int = 0) -> int:
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 19):
        return missing
    return int(text)


def pace_of(row: RequestRow, until: float | None, now: float) -> Pace:
    """How often to look at a request again.

    Args:
        until: when the page stops looking; None for a page that is shown now.
        now: seconds since 1970.
    """
    latest = now + LOOKS_FOR_SECONDS
    ends = latest if until is None else min(until, latest)
    status = Status(row.status)
    if status in ENDED or now >= ends:
        return Pace(0, ends)
    is_usual = status not in _WAITING and now - row.status_since.timestamp() < USUAL_WORK_SECONDS
    return Pace(QUICK_SECONDS if is_usual else CALM_SECONDS, ends)
