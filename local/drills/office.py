"""The product on a stage, with the demo company's people at work in it: they ask and decide as on the pages.

Knows how the product is started and what its books say; knows no drill.
"""

from __future__ import annotations

import asyncio
import operator
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

import requests as http
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from gateways import temporal, temporal_builds, temporal_pollers
from local.demo.company import read_company
from local.demo.load import open_accounts
from local.drills.stage import Stage, StageBroke
from local.program import ROOT
from local.vendor.catalogue import Article, simple_articles
from rules.decision import judge_answer
from rules.flag import AUTOMATED_REVIEW, Level
from rules.money import Money
from rules.request import ENDED, Draft, Status, workflow_id
from storage import build, decision, flag, policy, product, request
from storage.audit import SYSTEM
from storage.database import engine_options, engine_url, make_sessions
from storage.decision import DecisionRow
from storage.outcome import OutcomeRow
from storage.person import PersonRow
from storage.request import RequestRow
from storage.seed import shipped_rule_sets

T = TypeVar("T")

CONTROL_READY: Final = "control worker is ready"
APPROVALS_READY: Final = "approvals worker is ready"
#: The shipped rules, but for those that a company without a past could not meet.
NO_PAST: Final = {
    "min_previous_purchases": 0,
    "max_rejected_last_30_days": 1000,
    "department_limits": {},
}
#: Harmless: the review approves it by itself. Dear: it asks the manager.
HARMLESS, DEAR = (Decimal(20), Decimal(200)), (Decimal(600), Decimal(2500))
#: The steps of a request, by the names of their activities, in the order in which they come.
STEPS: Final = {
    "validate_product": "check the product",
    "review_request": "automated review",
    "ask_approver": "ask the manager",
    "remind_approver": "remind the manager",
    "escalate_decision": "ask one level up",
    "expire_decision": "reject, as nobody decided",
    "read_decision": "read the answer",
    "place_order": "place the order",
    "tell_people": "tell people",
}
LOOK_SECONDS: Final = 0.2
#: For a machine on which much else runs; what is awaited takes a moment.
PATIENCE_SECONDS: Final = 240.0


@dataclass(frozen=True)
class Office:
    """The product's parts on a stage, its books and its people.

    Attributes:
        people: login -> row, as in the demo company.
    """

    stage: Stage
    client: Client
    sessions: sessionmaker[Session]
    people: Mapping[str, PersonRow]

    # Workers

    async def start_control(self) -> None:
        """Start the worker that carries messages, watches builds and steers rollouts."""
        await self.stage.start("control", [sys.executable, "worker.py", "control"], CONTROL_READY)

    async def start_build(self, build_id: str, code: Path = ROOT) -> None:
        """Start the approvals worker of one build and wait until product and Temporal know that it lives.

        Args:
            code: the folder of its code; see `local/code_copy.py`.
        """
        command = [sys.executable, "worker.py", "approvals", "--build", build_id]
        await self.stage.start(f"approvals-{build_id}", command, APPROVALS_READY, code=code)
        await self.until(self._live_builds, lambda found: build_id in found, f"build {build_id} lives")
        unknown = partial(temporal_pollers.not_entered, self.client, build_id)
        await self.until(unknown, operator.not_, f"Temporal knows build {build_id}")

    async def _live_builds(self) -> frozenset[str]:
        with self.sessions.begin() as session:
            return build.live_builds(session)

    async def until_current(self, build_id: str) -> None:
        """Wait until new requests go to a build."""

        async def current() -> str | None:
            return (await temporal_builds.describe(self.client)).route.current

        await self.until(current, lambda found: found == build_id, f"build {build_id} is current")

    # People

    def submit(self, login: str = "ana", *, dear: bool = False) -> RequestRow:
        """Ask for an article as the page does."""
        article, requester = article_of(DEAR if dear else HARMLESS), self.people[login]
        with self.sessions.begin() as session:
            wanted = article.as_product()
            product.remember(session, wanted)
            total = Money(wanted.unit_price.amount, wanted.unit_price.currency)
            draft = Draft(wanted, 1, total, "For the office.", requester.department_id, None)
            return request.submit(session, draft, requester, str(uuid4()), "typed")

    def approve(self, row: RequestRow, login: str = "lucia") -> None:
        """Answer the open question about a request as the page does."""
        with self.sessions.begin() as session:
            asked = decision.of_request(session, row.id)[-1]
            shown = {"decision": str(asked.id), "amount": str(asked.total), "content": asked.content_hash}
            decision.answer(
                session,
                request.by_id(session, row.id),
                self.people[login].to_person(),
                judge_answer("approve", ""),
                shown,
            )

    # Books

    def statuses(self, rows: Collection[RequestRow]) -> dict[UUID, Status]:
        """Where these requests stand now."""
        with self.sessions.begin() as session:
            query = select(RequestRow.id, RequestRow.status).where(
                RequestRow.id.in_([row.id for row in rows])
            )
            return {id_: Status(status) for id_, status in session.execute(query)}

    def look(self, row: RequestRow) -> RequestRow:
        """A request as it stands now."""
        with self.sessions.begin() as session:
            return request.by_id(session, row.id)

    def decisions(self, row: RequestRow) -> Sequence[DecisionRow]:
        """Every question asked about a request."""
        with self.sessions.begin() as session:
            return decision.of_request(session, row.id)

    def outcomes(self) -> Sequence[OutcomeRow]:
        """How every attempt at every step went, and on which build, as the workers wrote it down; oldest first."""
        with self.sessions.begin() as session:
            return session.scalars(select(OutcomeRow).order_by(OutcomeRow.id)).all()

    def bought(self) -> Counter[str]:
        """Our key of an order -> how many the vendor has taken under it, by the vendor's own ledger."""
        answer = http.get(f"{self.stage.environment['VENDOR_URL']}/sandbox/ledger", timeout=30)
        answer.raise_for_status()
        return Counter(str(order["external_id"]) for order in answer.json()["orders"])

    def bought_for(self, rows: Collection[RequestRow]) -> dict[UUID, int]:
        """Request -> how many orders the vendor has taken for it, by the vendor's ledger."""
        orders = list(self.bought().elements())
        return {row.id: sum(row.id.hex in order for order in orders) for row in rows}

    def handle(self, row: RequestRow) -> WorkflowHandle[Any, Any]:
        """The run of a request."""
        return self.client.get_workflow_handle(workflow_id(row.id))

    # Waiting

    async def until_status(self, rows: Collection[RequestRow], *wanted: Status) -> dict[UUID, Status]:
        """Wait until all of these requests stand in one of these states; without any, until all have ended."""
        goal = set(wanted) or set(ENDED)

        async def look() -> dict[UUID, Status]:
            return self.statuses(rows)

        return await self.until(look, lambda found: set(found.values()) <= goal, "the requests go on")

    async def until(self, look: Callable[[], Awaitable[T]], is_there: Callable[[T], object], what: str) -> T:
        """Look again and again until it is there. Raises StageBroke with the last sight.

        A call to Temporal that gets no answer in time is no sight: the machine may be busy.
        """
        seen: object = None
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends_at:
            try:
                seen = found = await look()
                if is_there(found):
                    return found
            except RPCError as late:
                if late.status not in temporal.NO_ANSWER:
                    raise
                seen = late
            await asyncio.sleep(LOOK_SECONDS)
        raise StageBroke(f"Waited {PATIENCE_SECONDS:g} s until {what}; it is still {seen}")


@asynccontextmanager
async def open_office(stage: Stage, *, lasting: bool = False) -> AsyncIterator[Office]:
    """The servers, the people, rules in force, the review switched on; workers are for the drill to start.

    Args:
        lasting: the servers keep their state on the disk, so that they may be killed and started again.
    """
    await asyncio.gather(stage.start_temporal(lasting=lasting), stage.start_servers(lasting=lasting))
    settings = stage.settings
    client = await temporal.connect(settings)
    await temporal.ensure_search_attributes(client)
    # Each connection is asked before it is used: the engine may outlive its server.
    options = {**engine_options(), "pool_pre_ping": True}
    engine = create_engine(engine_url(settings.database_url), **options)
    sessions = make_sessions(engine)
    try:
        with sessions.begin() as session:
            people = open_accounts(session, read_company(), datetime.now(UTC), random.Random())  # noqa: S311 (ids)
            rules = shipped_rule_sets()[policy.DEFAULT] | NO_PAST
            policy.save_version(session, policy.DEFAULT, rules, SYSTEM, replaces_version=0)
            wish = flag.Change(AUTOMATED_REVIEW, Level.EVERYONE, "", True, "for this drill")
            flag.set_value(session, wish, SYSTEM)
        yield Office(stage, client, sessions, people)
    finally:
        engine.dispose()


def order_of(note: OutcomeRow) -> tuple[int, int]:
    """Where a worker's note of a step belongs among those of its request: notes are written in batches."""
    return list(STEPS).index(note.stage), note.attempt


def article_of(price: tuple[Decimal, Decimal]) -> Article:
    """The first article of the shop in a price range that can simply be bought, of a kind that the rules trust."""
    trusted = shipped_rule_sets()[policy.DEFAULT]["trusted_categories"]
    return next(
        article
        for article in simple_articles()
        if price[0] < article.unit_price < price[1] and article.category in trusted
    )
