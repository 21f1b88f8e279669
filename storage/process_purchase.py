"""Requests of processes: which one a run decides about, which node orders it, how it ends with its run. Calls nobody."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.decision import NO_DECISION, Outcome
from rules.errors import BusinessError
from rules.process_messages import ProcessResult
from rules.process_state import Result
from rules.request import ENDED, Status
from storage import decision, order, process_run, request
from storage.audit import SYSTEM
from storage.decision import DecisionRow
from storage.process_run import ProcessRunRow
from storage.request import Place, RequestRow

NOT_DECIDED: Final = (Status.SUBMITTED, Status.IN_REVIEW, Status.AWAITING_DECISION)
ENDED_WITHOUT: Final = "The process ended without an order."


class OrderedElsewhere(BusinessError):
    """A request is ordered by one node, once."""

    status = 409


def of_run(session: Session, run: ProcessRunRow, *, lock: bool = False) -> RequestRow | None:
    """The request that a run decides about; None for a run about anything else."""
    return None if run.request_id is None else request.by_id(session, run.request_id, lock=lock)


def check_is_no_part(session: Session, run: ProcessRunRow) -> None:
    """Raises OrderedElsewhere for a part of a run that decides about a request: it would be bought beside it."""
    parent = run.parent_id
    while parent is not None:
        above = process_run.by_id(session, parent)
        if above.request_id is not None:
            raise OrderedElsewhere(
                "What a request asks for is ordered by the process that it follows, not by a part of that."
            )
        parent = above.parent_id


def ordered_by(session: Session, place: Place) -> RequestRow | None:
    """The request that a node orders, in this round; None before it does."""
    run_id, node, iteration = place
    return session.scalars(
        select(RequestRow)
        .where(
            RequestRow.run_id == run_id, RequestRow.run_node == node, RequestRow.run_iteration == iteration
        )
        .execution_options(populate_existing=True)
    ).one_or_none()


def begin_order(session: Session, row: RequestRow, place: Place) -> None:
    """Let a node order a request: from the commit on nobody can withdraw it; harmless when repeated.

    Args:
        row: the request, locked.

    Raises:
        OrderedElsewhere: another node orders it, or it has ended.
    """
    _, node, iteration = place
    if row.run_node is None:
        row.run_node, row.run_iteration = node, iteration
        session.flush()
    if (row.run_node, row.run_iteration) != (node, iteration):
        raise OrderedElsewhere(f"{row.number} is ordered by {row.run_node} already; it is bought once.")
    if Status(row.status) is Status.SUBMITTED:
        request.move(session, row.id, Status.IN_REVIEW, SYSTEM)
    if Status(row.status) in NOT_DECIDED:
        by_people = _answers(session, row.id, Outcome.APPROVED) or row.id != _decided_request(session, row)
        request.move(
            session,
            row.id,
            Status.ORDERING,
            SYSTEM,
            detail={"outcome": "agreed_in_process" if by_people else "auto_approved", "node": node},
            auto_approved=not by_people,
        )
    if Status(request.by_id(session, row.id).status) in ENDED - {Status.COMPLETED}:
        raise OrderedElsewhere(f"{row.number} has ended: it is {row.status}.")


def close(session: Session, run: ProcessRunRow, ended: ProcessResult) -> RequestRow | None:
    """Let a request end with the run that decides about it, whatever became of that.

    What was not ordered is refused; of what may be on its way nobody can say anything yet, so a person is asked.

    Args:
        run: held by the caller.

    Returns:
        The request as it stands now; None for a run about anything else.
    """
    if run.request_id is None:
        return None
    _stop_order(session, run.request_id)
    row = request.by_id(session, run.request_id, lock=True)
    _close_questions(session, row)
    if Status(row.status) in NOT_DECIDED:
        if Status(row.status) is Status.SUBMITTED:
            request.move(session, row.id, Status.IN_REVIEW, SYSTEM)
        last = _last_answer(session, row.id)
        is_expired = last is not None and last.outcome == Outcome.EXPIRED
        following = (
            Status.EXPIRED if is_expired and row.status == Status.AWAITING_DECISION else Status.REJECTED
        )
        reason = _reason(ended, last)
        request.move(session, row.id, following, SYSTEM, detail={"comment": reason}, closed_reason=reason)
    elif Status(row.status) is Status.ORDERING:
        reason = _reason(ended, None)
        request.move(
            session, row.id, Status.ORDER_REFUSED, SYSTEM, detail={"text": reason}, closed_reason=reason
        )
    return request.by_id(session, row.id)


def _stop_order(session: Session, request_id: UUID) -> None:
    """An order that has not left does not leave any more; every act on an order holds it before its request."""
    for each in order.of_request(session, request_id):
        held = order.lock(session, each.id)
        if held.is_settled:
            continue
        if held.sends:
            order.mark_unknown(session, held, held.message or "The process ended before the vendor answered.")
        else:
            order.give_up(session, held, "The process ended before the order was sent.")


def _close_questions(session: Session, row: RequestRow) -> None:
    """Nobody is asked by a run that has ended."""
    open_ones = select(DecisionRow).where(DecisionRow.request_id == row.id, DecisionRow.outcome.is_(None))
    for question in session.scalars(open_ones).all():
        decision.close_asked(session, question, Outcome.WITHDRAWN, None, "")


def _reason(ended: ProcessResult, last: DecisionRow | None) -> str:
    if ended.result == Result.COMPLETED.value:
        if last is not None and last.outcome == Outcome.EXPIRED:
            return NO_DECISION
        if last is not None and last.outcome == Outcome.REJECTED and last.comment:
            return last.comment
        return ENDED_WITHOUT
    why = f"{ended.failed_by}: {ended.error}" if ended.failed_by else "It was called off."
    return f"{ENDED_WITHOUT} {why}"[:1000]


def _last_answer(session: Session, request_id: UUID) -> DecisionRow | None:
    answered = [
        each
        for each in decision.of_request(session, request_id)
        if each.decided_at is not None and each.outcome != Outcome.WITHDRAWN
    ]
    return max(answered, key=lambda each: str(each.decided_at), default=None)


def _answers(session: Session, request_id: UUID, outcome: Outcome) -> bool:
    return any(each.outcome == outcome for each in decision.of_request(session, request_id))


def _decided_request(session: Session, row: RequestRow) -> UUID | None:
    """The request that the run decides about: this one, or none where the run made this one in order to buy it."""
    return process_run.by_id(session, row.run_id).request_id if row.run_id else None
