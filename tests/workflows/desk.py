"""An approval desk on real parts: Postgres, Temporal with time skipping, the vendor sandbox, Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import requests as http
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client, WorkflowHandle
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.testing import TimeSkipper
from temporalio.worker import PatchActivationInput, Worker, WorkerDeploymentConfig

from activities import registry as activity_registry
from activities.notification import Teller
from activities.registry import Means
from activities.relay import OutboxRelay
from gateways import temporal
from gateways.amazon import AmazonBusiness
from gateways.amazon_account import account_of
from local.vendor.catalogue import Article, catalogue
from rules import messages
from rules.decision import judge_answer
from rules.flag import AUTOMATED_REVIEW, Flag, Level, Value
from rules.messages import PurchaseResult
from rules.money import Money
from rules.product import link_to
from rules.request import Draft, Status, workflow_id
from settings import Settings
from storage import decision as decisions
from storage import flag, flag_copy, policy
from storage import order as orders
from storage import product as products
from storage import request as requests
from storage.audit import SYSTEM, AuditRow
from storage.decision import DecisionRow
from storage.flag_copy import FlagCopy
from storage.notification import NotificationRow
from storage.order import OrderRow
from storage.person import PersonRow
from storage.product import ProductRow
from storage.request import RequestRow
from tests.app.people import Company
from workflows import registry as workflow_registry

#: Harmless for everybody in these tests: no history is asked for.
RULES: Mapping[str, Any] = {
    "currency": "EUR",
    "max_amount": "500.00",
    "trusted_categories": ["electronics", "books", "office_supplies"],
    "min_previous_purchases": 0,
    "max_rejected_last_30_days": 1,
    "department_limits": {},
    "vendor_whitelist": ["amazon.es", "amazon.com"],
}
#: How long a test waits for what should take a moment; it ends a broken test, it asserts nothing.
PATIENCE_SECONDS = 60


@dataclass
class Desk:
    """What a journey needs: submit, answer, let time pass, look."""

    sessions: sessionmaker[Session]
    client: Client
    settings: Settings
    company: Company
    relay: OutboxRelay
    flags: FlagCopy
    vendor: AmazonBusiness
    teller: Teller
    replaced: dict[str, Callable[..., Any]] = field(default_factory=dict)

    # What people do

    def article(
        self, *, dearer_than: int = 20, cheaper_than: int = 200, category: str = "electronics"
    ) -> Article:
        """The first article of the shop in a price range that can simply be bought."""
        for article in catalogue():
            if article.host != "amazon.es" or not article.in_stock or article.guidance != "NONE":
                continue
            if not dearer_than < article.unit_price < cheaper_than:
                continue
            if self.vendor.look_up(link_to(article.host, article.asin)).category == category:
                return article
        raise LookupError("the shop has no such article")

    def submit(
        self, article: Article | None = None, *, by: PersonRow | None = None, quantity: int = 1
    ) -> RequestRow:
        """Submit a request as the page does; it is not carried over yet."""
        wanted = article or self.article()
        product = self.vendor.look_up(link_to(wanted.host, wanted.asin))
        requester = by or self.company.ana
        total = Money(product.unit_price.amount * quantity, product.unit_price.currency)
        with self.sessions.begin() as session:
            products.remember(session, product)
            draft = Draft(product, quantity, total, "for the office", requester.department_id, None)
            return requests.submit(session, draft, requester, str(uuid4()), "typed")

    async def carry(self) -> None:
        """Carry everything over that waits in the outbox."""
        while await self.relay.carry_over():
            pass

    def answer(self, row: RequestRow, choice: str, comment: str = "", by: PersonRow | None = None) -> None:
        """Answer the open question as the page does."""
        decider = by or self.company.bruno
        with self.sessions.begin() as session:
            decision = decisions.of_request(session, row.id)[-1]
            shown = {
                "decision": str(decision.id),
                "amount": str(decision.total),
                "content": decision.content_hash,
            }
            decisions.answer(
                session,
                requests.by_id(session, row.id),
                decider.to_person(),
                judge_answer(choice, comment),
                shown,
            )

    def withdraw(self, row: RequestRow) -> None:
        """Take a request back as the page does."""
        with self.sessions.begin() as session:
            decisions.withdraw(session, requests.by_id(session, row.id), row.requester_id)

    def settle(self, row: RequestRow, vendor_order_id: str | None) -> None:
        """Settle an unknown order as finance does."""
        with self.sessions.begin() as session:
            order = orders.lock(session, orders.of_request(session, row.id)[-1].id)
            orders.settle(session, order, self.company.carla.id, vendor_order_id, "We asked the vendor.")

    def forget_products(self) -> None:
        """Let the worker ask the vendor again, as it does when the form was filled in long ago."""
        with self.sessions.begin() as session:
            session.execute(delete(ProductRow))

    def switch_review(self, on: bool) -> None:
        """Set the automated review for everybody and wait until the worker's copy is fresh."""
        self.switch_flag(AUTOMATED_REVIEW, on)

    def switch_flag(self, one: Flag, value: Value) -> None:
        """Set a flag for everybody and wait until the worker's copy is fresh."""
        with self.sessions.begin() as session:
            wish = flag.Change(one, Level.EVERYONE, "", value, "for this test")
            flag.set_value(session, wish, SYSTEM)
        self.relay.spread_flags()
        with self.sessions.begin() as session:
            revision = flag.read_truth(session).revision
        assert self.flags.wait_for_revision(revision, PATIENCE_SECONDS)

    def set_rules(self, **changes: Any) -> None:
        """Put a new version of the default rule set in force."""
        with self.sessions.begin() as session:
            standing = policy.in_force(session, policy.DEFAULT)
            version = standing.version if standing else 0
            policy.save_version(
                session, policy.DEFAULT, {**RULES, **changes}, SYSTEM, replaces_version=version
            )

    # What the vendor does

    def fault(self, scenario: str, **wish: Any) -> None:
        """Switch a fault of the sandbox on; see local/vendor/faults.py."""
        wish = {"count": 1, **wish} if "always" not in wish else wish
        self._sandbox("POST", "faults", {"scenario": scenario, **wish})

    def no_faults(self) -> None:
        """Switch every fault off."""
        self._sandbox("DELETE", "faults")

    def set_price(self, article: Article, unit_price: Decimal) -> None:
        """Change what an article costs at the vendor."""
        self._sandbox("POST", "prices", {"asin": article.asin, "unit_price": str(unit_price)})

    def ledger(self, row: RequestRow | None = None) -> list[dict[str, Any]]:
        """The vendor's own record of orders, for one request or for all."""
        entries: list[dict[str, Any]] = self._sandbox("GET", "ledger")["orders"]
        return [entry for entry in entries if row is None or row.id.hex in str(entry["external_id"])]

    def _sandbox(self, method: str, path: str, body: Any = None) -> Any:
        answer = http.request(
            method, f"{self.settings.vendor_url}/sandbox/{path}", json=body, timeout=PATIENCE_SECONDS
        )
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    # What Temporal does

    @asynccontextmanager
    async def worker(self, *, patched: bool = True, build: str | None = None) -> AsyncIterator[Worker]:
        """An approvals worker for as long as the block runs.

        Args:
            patched: False serves as builds did before the automated review existed.
            build: the build that it stands in for; None serves without versions.
        """
        means = Means(
            self.sessions, self.vendor, self.flags, self.teller, self.settings.price_tolerance_percent
        )
        activities = [self.replaced.get(each.__name__, each) for each in activity_registry.approvals(means)]

        def activate(_: PatchActivationInput) -> bool:
            return patched

        with ThreadPoolExecutor(8) as threads:
            async with Worker(
                self.client,
                task_queue=messages.APPROVALS_QUEUE,
                workflows=list(workflow_registry.APPROVALS),
                activities=activities,
                activity_executor=threads,
                workflow_runner=workflow_registry.sandbox(),
                patch_activation_callback=activate,
                graceful_shutdown_timeout=timedelta(seconds=5),
                deployment_config=_version(build) if build else None,
            ) as worker:
                yield worker

    def handle(self, row: RequestRow) -> WorkflowHandle[Any, PurchaseResult]:
        """The request's workflow."""
        return self.client.get_workflow_handle(workflow_id(row.id), result_type=PurchaseResult)

    async def pass_time(self, row: RequestRow, duration: timedelta) -> None:
        """Let a workflow's time pass on the real server."""
        await TimeSkipper(self.client).fast_forward(self.handle(row), duration)

    async def until(self, row: RequestRow, *statuses: Status) -> RequestRow:
        """Wait until a request stands in one of these states."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (now := self.look(row)).status not in statuses:
                await asyncio.sleep(0.02)
        return now

    async def result(self, row: RequestRow) -> RequestRow:
        """Wait for the workflow's end; the request as it stands then."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            result = await self.handle(row).result()
        now = self.look(row)
        assert result.status == now.status, "the workflow and Postgres name different ends"
        return now

    # What stands in the books

    def look(self, row: RequestRow) -> RequestRow:
        """The request as it stands now."""
        with self.sessions.begin() as session:
            return requests.by_id(session, row.id)

    def decisions(self, row: RequestRow) -> list[DecisionRow]:
        """Every question asked about a request."""
        with self.sessions.begin() as session:
            return list(decisions.of_request(session, row.id))

    def orders(self, row: RequestRow) -> list[OrderRow]:
        """Every attempt to order."""
        with self.sessions.begin() as session:
            return list(orders.of_request(session, row.id))

    def audit(self, row: RequestRow) -> list[str]:
        """The actions in the audit trail of a request."""
        with self.sessions.begin() as session:
            query = select(AuditRow.action).where(AuditRow.request_id == row.id).order_by(AuditRow.seq)
            return list(session.scalars(query))

    def told(self, row: RequestRow, person: PersonRow) -> list[str]:
        """The kinds of message that a person got on the page about a request."""
        with self.sessions.begin() as session:
            query = select(NotificationRow.kind).where(
                NotificationRow.request_id == row.id,
                NotificationRow.recipient_id == person.id,
                NotificationRow.channel == "page",
            )
            return list(session.scalars(query.order_by(NotificationRow.id)))


@asynccontextmanager
async def open_desk(
    settings: Settings, sessions: sessionmaker[Session], company: Company
) -> AsyncIterator[Desk]:
    """A desk with rules in force and the automated review switched on."""
    client = await temporal.connect(settings)
    await temporal.ensure_search_attributes(client)

    async def connected() -> Client:
        return client

    redis_client = flag_copy.connect(settings.redis_url)
    redis_client.flushdb()
    flags = FlagCopy(settings.redis_url).start()
    desk = Desk(
        sessions=sessions,
        client=client,
        settings=settings,
        company=company,
        relay=OutboxRelay(sessions, connected, redis_client),
        flags=flags,
        vendor=AmazonBusiness(account_of(settings)),
        teller=Teller(settings.public_url, has_chat=False),
    )
    desk.no_faults()
    desk.set_rules()
    try:
        desk.relay.spread_flags()
        await asyncio.to_thread(desk.switch_review, True)
        await desk.carry()
        yield desk
    finally:
        flags.stop()
        redis_client.close()


def _version(build: str) -> WorkerDeploymentConfig:
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(messages.APPROVALS_DEPLOYMENT, build),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )
