"""The path of a request through the process of its department, as steps. Reads a record, asks nothing."""

from __future__ import annotations

from typing import Final

from flask_babel import gettext as _

from app.pages.employee.record import Record
from app.pages.employee.step import AHEAD, DONE, NOW, STOPPED, Step
from app.pages.run.shown import NodeShown
from rules.process import Outcome
from rules.process_nodes import NODE_TYPES
from rules.process_state import NodeStatus
from rules.request import ENDED

#: They take no time that anybody waits for; the order has a bead of its own.
NOT_SHOWN: Final = frozenset({"notify", "send_message", "webhook", "place_order"})
_UNDER_WAY: Final = frozenset({NodeStatus.READY, NodeStatus.RUNNING, "awaited", NodeStatus.INCIDENT})


def path(record: Record) -> list[Step]:
    """The nodes that were taken and those that are on; what may still come, while it is open, without a promise."""
    if record.run is None:
        return []
    taken = [each for each in record.run.nodes if _is_shown(each)]
    return [_step(record, each) for each in taken if each.step is not None] + [
        Step(each.node.title, AHEAD, _("Perhaps"))
        for each in taken
        if each.step is None and each.node.type == "approval" and record.status not in ENDED
    ]


def _is_shown(shown: NodeShown) -> bool:
    kind = NODE_TYPES.get(shown.node.type)
    if kind is None or kind.is_inline or shown.node.type in NOT_SHOWN:
        return False
    return shown.status not in (NodeStatus.SKIPPED, NodeStatus.CANCELLED)


def _step(record: Record, shown: NodeShown) -> Step:
    name, row = shown.node.title, shown.step
    at = (row.ended_at or row.began_at) if row else None
    if shown.status in _UNDER_WAY:
        is_stuck = shown.status == NodeStatus.INCIDENT
        return Step(name, NOW, _("An operator looks at it") if is_stuck else _awaited(record, shown), at)
    if shown.status == NodeStatus.FAILED:
        return Step(name, STOPPED, _("Failed"), at)
    answered = [seat for seat in shown.seats if seat.answered_by]
    last = max(answered, key=lambda seat: str(seat.answered_at), default=None)
    who = record.name(last.answered_by) if last else ""
    match row.outcome if row else "":
        case Outcome.SATISFIED:
            return Step(name, DONE, _("Approved by %(name)s", name=who) if who else _("Yes"), at)
        case Outcome.NOT_SATISFIED:
            text = _("Rejected by %(name)s", name=who) if who else _("No")
            return Step(name, STOPPED if who else DONE, text, at)
        case Outcome.TIMEOUT:
            return Step(name, STOPPED, _("Nobody decided"), at)
        case _:
            return Step(name, DONE, at=at)


def _awaited(record: Record, shown: NodeShown) -> str:
    open_seats = [seat for seat in shown.seats if seat.is_open]
    return ", ".join(record.run.say_seat(seat) for seat in open_seats) if record.run else ""
