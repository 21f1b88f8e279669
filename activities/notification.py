"""The step that tells people how a request ended, and the facts that every message speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from rules.decision import Outcome
from rules.messages import RequestStep
from rules.notification import Facts, Kind, audience, word
from rules.request import Status
from storage import decision as decisions
from storage import notification as notifications
from storage import order as orders
from storage import person as people
from storage import request as requests
from storage.decision import DecisionRow
from storage.request import RequestRow


@dataclass(frozen=True)
class Teller:
    """Writes messages into the caller's transaction.

    Attributes:
        public_url: where links lead to.
        has_chat: whether the company has a chat channel.
    """

    public_url: str
    has_chat: bool

    def tell(
        self,
        session: Session,
        row: RequestRow,
        recipients: Iterable[UUID],
        kind: Kind,
        *,
        detail: str = "",
        step: str = "",
        to_chat: bool = False,
    ) -> None:
        """Tell `recipients`, in the words that rules/notification.py has for it."""
        requester = people.by_id(session, row.requester_id)
        facts = Facts(
            number=row.number,
            title=row.title,
            amount=str(row.total),
            requester=requester.name if requester else "Somebody",
            link=f"{self.public_url}/requests/{row.number}",
            detail=detail,
        )
        words = word(kind, facts)
        notifications.tell(
            session, row.id, recipients, kind, words, step=step, to_chat=to_chat and self.has_chat
        )


@dataclass(frozen=True)
class NotificationActivities:
    """Steps that only tell."""

    sessions: sessionmaker[Session]
    teller: Teller

    @activity.defn
    def tell_people(self, given: RequestStep) -> None:
        """Tell everybody concerned how the request ended."""
        with self.sessions.begin() as session:
            row = requests.by_id(session, UUID(given.request_id))
            asked_about = decisions.of_request(session, row.id)
            asked = [who for decision in asked_about for who in decision.asked_ids]
            requester = people.by_id(session, row.requester_id)
            manager_id = requester.manager_id if requester else None
            detail = how_it_ended(session, row, asked_about)
            for kind, recipients in audience(Status(row.status), row.requester_id, asked, manager_id):
                self.teller.tell(session, row, recipients, kind, detail=detail)


def how_it_ended(session: Session, row: RequestRow, asked_about: Sequence[DecisionRow]) -> str:
    """One or two sentences: who approved or why not, and what the vendor said."""
    sentences = [_who_decided(session, row, asked_about)]
    for order in orders.of_request(session, row.id):
        if order.vendor_order_ids:
            sentences.append(f"Order number {', '.join(map(str, order.vendor_order_ids))}.")
        sentences.append(order.message)
    return " ".join(sentence for sentence in sentences if sentence)


def _who_decided(session: Session, row: RequestRow, asked_about: Sequence[DecisionRow]) -> str:
    decided = [decision for decision in asked_about if decision.outcome]
    if decided:
        last = decided[-1]
        who = people.names(session, [last.decided_by]).get(last.decided_by, "") if last.decided_by else ""
        if last.outcome in {Outcome.APPROVED, Outcome.REJECTED}:
            said = f': "{last.comment}"' if last.comment else ""
            return f"{last.outcome.capitalize()} by {who}{said}."
        return ""
    return "Approved automatically." if row.auto_approved else ""
