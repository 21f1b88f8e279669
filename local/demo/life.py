"""One past request while it is lived again: its rows, and every step along the graph of rules/request.py."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from rules.money import Money
from rules.person import Person
from rules.request import ENDED, Draft, Status, content_hash, may_follow, payload_hash
from storage.audit import SYSTEM, Actor


def id_at(at: datetime, chance: random.Random) -> UUID:
    """A UUIDv7 of the moment `at`; the same again for the same chance."""
    milliseconds = int(at.timestamp() * 1000)
    value = (
        milliseconds << 80 | 0x7 << 76 | chance.getrandbits(12) << 64 | 0b10 << 62 | chance.getrandbits(62)
    )
    return UUID(int=value)


class Life:
    """Rows of one request as they would have been written, with the times at which they would have been.

    Attributes:
        request, submission, review: rows by column name; review is None where there was none.
        decisions, orders, entries: rows by column name, entries being those of the audit trail.
    """

    def __init__(self, at: datetime, requester: Person, draft: Draft, chance: random.Random) -> None:
        self.chance = chance
        self.requester = requester
        self.draft = draft
        self.id = id_at(at, chance)
        self.status = Status.SUBMITTED
        self.review: dict[str, Any] | None = None
        self.decisions: list[dict[str, Any]] = []
        self.orders: list[dict[str, Any]] = []
        self.entries: list[dict[str, Any]] = []
        self.request = self._request_row(at)
        self.submission = {
            "person_id": requester.id,
            "key": f"demo-{self.id}",
            "payload_hash": self.request["payload_hash"],
            "request_id": self.id,
            "created_at": at,
        }
        self.note(
            at,
            Actor.person(requester.id),
            "request.submitted",
            {
                "amount": str(draft.amount.amount),
                "currency": draft.amount.currency,
                "asin": draft.product.asin,
                "content_hash": self.request["content_hash"],
            },
        )

    def _request_row(self, at: datetime) -> dict[str, Any]:
        draft, product = self.draft, self.draft.product
        typed = {"product_link": product.url, "quantity": str(draft.quantity), "amount": str(draft.amount)}
        return {
            "id": self.id,
            "requester_id": self.requester.id,
            "department_id": draft.department_id,
            "asin": product.asin,
            "offer_id": product.offer_id,
            "title": product.title,
            "url": product.url,
            "vendor": product.vendor,
            "seller": product.seller,
            "category": product.category,
            "unit_price": product.unit_price.amount,
            "quantity": draft.quantity,
            "amount": draft.amount.amount,
            "currency": draft.amount.currency,
            "reason": draft.reason,
            "needed_by": draft.needed_by,
            "content_hash": content_hash(product, draft.quantity, draft.amount),
            "payload_hash": payload_hash(typed | {"reason": draft.reason}),
            "status": Status.SUBMITTED.value,
            "status_since": at,
            "round": 1,
            "auto_approved": None,
            "awaited_id": None,
            "submitted_at": at,
            "closed_at": None,
            "closed_reason": None,
            "is_demo": True,
        }

    @property
    def round(self) -> int:
        """The round in which the request stands."""
        return int(self.request["round"])

    @property
    def total(self) -> Money:
        """What an approval of now covers."""
        return Money(self.request["amount"], self.request["currency"])

    @property
    def closed_at(self) -> datetime | None:
        """When it ended; None while it has not."""
        at: datetime | None = self.request["closed_at"]
        return at

    @property
    def last_at(self) -> datetime:
        """When something was last noted about it."""
        at: datetime = self.entries[-1]["at"]
        return at

    def give_number(self, number: str) -> None:
        """Give it the human number, which is known only when all requests are in their order."""
        self.request["number"] = number
        self.entries[0]["detail"] = {"number": number, **self.entries[0]["detail"]}

    def note(self, at: datetime, actor: Actor, action: str, detail: Mapping[str, Any] | None = None) -> None:
        """Write one entry of the audit trail; raises ValueError where it would lie before the last one."""
        if self.entries and at < self.last_at:
            raise ValueError(f"{action} at {at} would lie before {self.entries[-1]['action']}")
        self.entries.append(
            {
                "at": at,
                "actor_kind": actor.kind,
                "actor_id": actor.id,
                "action": action,
                "request_id": self.id,
                "detail": dict(detail or {}),
            }
        )

    def move(
        self,
        following: Status,
        at: datetime,
        actor: Actor = SYSTEM,
        detail: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> None:
        """Step along the graph, as storage.request.move does it; raises ValueError where there is no such edge."""
        if not may_follow(self.status, following):
            raise ValueError(f"no step leads from {self.status} to {following}")
        self.status = following
        self.request.update(status=following.value, status_since=at, awaited_id=None)
        self.request.update(changes)
        if following in ENDED:
            self.request["closed_at"] = at
        self.note(at, actor, f"request.{following.value}", detail)


def plain(outcome: Any) -> dict[str, Any]:
    """A dataclass as JSON, its Decimals as text."""
    return {key: _plain(value) for key, value in asdict(outcome).items()}


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_plain(entry) for entry in value]
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)
