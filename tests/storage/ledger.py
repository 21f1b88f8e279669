"""A small company in Postgres and a pen that writes its requests with just what the figures look at."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session

from storage.database import new_id
from storage.decision import DecisionRow
from storage.department import Department
from storage.order import OrderRow
from storage.person import PersonRow
from storage.process import ProcessRow
from storage.process_run import ProcessRunRow
from storage.request import RequestRow
from storage.review import ReviewRow


class Ledger:
    """Writes requests with just what the figures look at."""

    def __init__(self, session: Session) -> None:
        self.session = session
        session.add_all([Department(id="it", name="IT"), Department(id="marketing", name="Marketing")])
        session.flush()
        self.ana = self.person("Ana")
        self._written = 0

    def person(self, name: str) -> PersonRow:
        row = PersonRow(
            name=name,
            email=f"{name.lower()}@vistobueno.example",
            password_hash="",
            roles=[],
            department_id="it",
        )
        self.session.add(row)
        self.session.flush()
        return row

    def request(
        self,
        submitted_at: datetime,
        status: str,
        *,
        closed_at: datetime | None = None,
        department_id: str = "it",
        auto_approved: bool | None = None,
        amount: str = "60.00",
        is_demo: bool = False,
        request_id: UUID | None = None,
        run_id: UUID | None = None,
    ) -> RequestRow:
        self._written += 1
        row = RequestRow(
            id=request_id or new_id(),
            number=f"PR-2026-{self._written:06d}",
            requester_id=self.ana.id,
            department_id=department_id,
            asin="B0ABCDEFGH",
            offer_id="offer",
            title="Monitor",
            url="https://www.amazon.es/dp/B0ABCDEFGH",
            vendor="amazon.es",
            seller="Amazon",
            category="electronics",
            unit_price=Decimal(20),
            quantity=3,
            amount=Decimal(amount),
            currency="EUR",
            reason="",
            content_hash="",
            payload_hash="",
            status=status,
            auto_approved=auto_approved,
            submitted_at=submitted_at,
            status_since=closed_at or submitted_at,
            closed_at=closed_at,
            is_demo=is_demo,
            run_id=run_id,
        )
        self.session.add(row)
        self.session.flush()
        return row

    def run(self) -> UUID:
        """A run of a process, for a request to follow."""
        if self.session.get(ProcessRow, "own") is None:
            self.session.add(ProcessRow(key="own", title="Own"))
            self.session.flush()
        run = ProcessRunRow(process_key="own", version=1, sha256="", given={}, chain=["own"])
        self.session.add(run)
        self.session.flush()
        return run.id

    def review(
        self,
        row: RequestRow,
        finished_at: datetime,
        *,
        approved: bool,
        confidence: str = "0.5",
        started_at: datetime | None = None,
        build: str = "dev",
        rule_set_id: UUID | None = None,
    ) -> None:
        self.session.add(
            ReviewRow(
                request_id=row.id,
                rule_set_id=rule_set_id,
                input={},
                auto_approved=approved,
                confidence=Decimal(confidence),
                risk_score=Decimal("0.1"),
                reason="",
                checks=[],
                algorithm="",
                reviewed_by="",
                flag_reason="",
                flag_revision=1,
                started_at=started_at or row.submitted_at,
                finished_at=finished_at,
                written_by=f"approvals/{build}",
            )
        )

    def question(
        self, row: RequestRow, outcome: str | None, decided_at: datetime | None, round_number: int = 1
    ) -> None:
        self.session.add(
            DecisionRow(
                request_id=row.id,
                round=round_number,
                why="review_says_no",
                detail="",
                asked_ids=[self.ana.id],
                asked_at=row.submitted_at,
                deadline_at=row.submitted_at + timedelta(days=7),
                amount=row.amount,
                currency="EUR",
                content_hash="",
                outcome=outcome,
                decided_at=decided_at,
            )
        )

    def order(
        self,
        row: RequestRow,
        state: str,
        at: datetime,
        *,
        round_number: int = 1,
        charged: str | None = None,
        accepted: int = 3,
        currency: str = "EUR",
        unknown: bool = False,
    ) -> None:
        self.session.add(
            OrderRow(
                request_id=row.id,
                round=round_number,
                external_id=f"{row.number}-{round_number}",
                state=state,
                quantity=3,
                currency=currency,
                highest_unit_price=Decimal(100),
                intended_at=at,
                unknown_since=at if unknown else None,
                settled_at=at,
                accepted_quantity=accepted,
                charged_total=None if charged is None else Decimal(charged),
            )
        )
