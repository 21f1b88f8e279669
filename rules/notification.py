"""Notifications: what people are told and in which words. Knows no mail server."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from rules.request import Status

#: What a mail header can carry on one line and a screen can show.
LONGEST_SUBJECT: Final = 200


class Kind(StrEnum):
    """What happened; each kind has its own words."""

    ASKED = "asked"
    REMINDED = "reminded"
    ESCALATED = "escalated"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    COMPLETED = "completed"
    ORDER_REFUSED = "order_refused"
    ORDER_UNKNOWN = "order_unknown"
    PRICE_ROSE = "price_rose"
    WITHDRAWN = "withdrawn"
    ROLLOUT = "rollout"
    TASK_ASKED = "task_asked"
    TASK_REMINDED = "task_reminded"
    TASK_ESCALATED = "task_escalated"
    NOTICE = "notice"


class Channel(StrEnum):
    """How it reaches a person."""

    PAGE = "page"
    MAIL = "mail"
    CHAT = "chat"


@dataclass(frozen=True)
class Facts:
    """What a notification may speak of, as text that is ready to be read."""

    number: str
    title: str
    amount: str
    requester: str
    link: str
    detail: str = ""


@dataclass(frozen=True)
class Words:
    """A subject line and a body in plain text."""

    subject: str
    body: str


#: Subject and body of each kind.
_LINES: dict[Kind, tuple[str, str]] = {
    Kind.ASKED: (
        "Please decide: {number} {title}",
        "{requester} asks for {title} ({amount}). {detail}",
    ),
    Kind.REMINDED: (
        "Still waiting: {number} {title}",
        "{requester} is waiting for your decision on {title} ({amount}). {detail}",
    ),
    Kind.ESCALATED: (
        "Handed to you: {number} {title}",
        "Nobody has decided on {title} ({amount}) for {requester} yet, so you are asked now. {detail}",
    ),
    Kind.APPROVED: (
        "Approved: {number} {title}",
        "Your request for {title} ({amount}) was approved and is being ordered. {detail}",
    ),
    Kind.REJECTED: (
        "Rejected: {number} {title}",
        "The request for {title} ({amount}) was rejected. {detail}",
    ),
    Kind.EXPIRED: (
        "Expired: {number} {title}",
        "The request for {title} ({amount}) was rejected: there was no decision within 7 days.",
    ),
    Kind.COMPLETED: (
        "Ordered: {number} {title}",
        "{title} ({amount}) has been ordered. {detail}",
    ),
    Kind.ORDER_REFUSED: (
        "The vendor refused: {number} {title}",
        "The vendor did not take the order for {title} ({amount}). {detail}",
    ),
    Kind.ORDER_UNKNOWN: (
        "Please settle: {number} {title}",
        "For 24 hours the vendor has not said whether the order for {title} ({amount}) exists. {detail}",
    ),
    Kind.PRICE_ROSE: (
        "Price has risen: {number} {title}",
        "The price of {title} rose above what was approved. {detail}",
    ),
    Kind.WITHDRAWN: (
        "Withdrawn: {number} {title}",
        "{requester} took the request for {title} ({amount}) back. Nothing is left for you to do.",
    ),
    # The number is the process, the title the node.
    Kind.TASK_ASKED: ("Please decide: {number}, {title}", "{number} asks you about {title}. {detail}"),
    Kind.TASK_REMINDED: (
        "Still waiting: {number}, {title}",
        "Your answer on {title} is waited for. {detail}",
    ),
    Kind.TASK_ESCALATED: (
        "Handed to you: {number}, {title}",
        "Nobody has decided on {title} yet, so you are asked now. {detail}",
    ),
    # A process says it in its own words.
    Kind.NOTICE: ("{number}: {title}", "{title}\n\n{detail}"),
    # The number is what is rolled out, the title where that stands.
    Kind.ROLLOUT: (
        "Rollout of {number}: {title}",
        "The rollout of {number} is {title}. {detail}",
    ),
}


def word(kind: Kind, facts: Facts) -> Words:
    """The words for a notification; facts are inserted as text and never read as a template."""
    subject, body = _LINES[kind]
    values = {
        "number": facts.number,
        "title": facts.title,
        "amount": facts.amount,
        "requester": facts.requester,
        "detail": facts.detail,
    }
    text = body.format_map(values).strip()
    return Words(_on_one_line(subject.format_map(values)), f"{text}\n\n{facts.link}\n")


def _on_one_line(text: str) -> str:
    """The text as a mail header can hold it: no line breaks, no control characters, not too long."""
    shown = "".join(" " if unicodedata.category(c) in {"Cc", "Cs"} else c for c in text)
    return " ".join(shown.split())[:LONGEST_SUBJECT].rstrip()


def audience(
    status: Status, requester_id: UUID, asked_ids: Sequence[UUID], manager_id: UUID | None
) -> list[tuple[Kind, list[UUID]]]:
    """Who is told what when a request has ended.

    Args:
        asked_ids: everybody who was asked to decide it.
        manager_id: the requester's manager, told of a refused order that nobody was asked about.
    """
    concerned = list(dict.fromkeys(asked_ids))
    match status:
        case Status.COMPLETED:
            return [(Kind.COMPLETED, [requester_id])]
        case Status.REJECTED:
            return [(Kind.REJECTED, [requester_id])]
        case Status.EXPIRED:
            return [(Kind.EXPIRED, list(dict.fromkeys([requester_id, *concerned])))]
        case Status.ORDER_REFUSED:
            leaders = concerned or ([manager_id] if manager_id else [])
            return [(Kind.ORDER_REFUSED, list(dict.fromkeys([requester_id, *leaders])))]
        case Status.WITHDRAWN:
            return [(Kind.WITHDRAWN, concerned)] if concerned else []
        case _:
            return []
