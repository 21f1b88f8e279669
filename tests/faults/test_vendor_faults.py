"""Whatever the vendor answers, and when: at most one order, the right state, and no law broken."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pytest

from gateways.amazon import AmazonBusiness
from gateways.amazon_account import account_of
from local.vendor.catalogue import Article, simple_articles
from local.vendor.faults import SCENARIOS
from rules.request import ENDED, Status
from storage.request import RequestRow
from tests.faults.plant import STANDSTILL_SECONDS, Plant
from tests.gateways.vendor_shop import QUICK
from tests.workflows.desk import RULES, Desk

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

#: Six read-backs that find nothing take about a minute; then the order is sent again.
LONG_ENOUGH: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class End:
    """What becomes of a request and how many orders the vendor has for it."""

    status: Status
    orders: int


BOUGHT: Final = End(Status.COMPLETED, 1)
REFUSED: Final = End(Status.ORDER_REFUSED, 0)
ASKED_AGAIN: Final = End(Status.AWAITING_DECISION, 0)

#: Scenario of the sandbox -> what a request for two pieces comes to.
ENDS: Final[dict[str, End]] = {
    "all_accepted": BOUGHT,
    "part_accepted": BOUGHT,
    "rejected": REFUSED,
    "price_above_expectation": ASKED_AGAIN,
    "charge_above_expectation": ASKED_AGAIN,
    "trial": End(Status.ORDER_UNKNOWN, 0),
    "unknown_asin": REFUSED,
    "blocked": REFUSED,
    "other_amount": End(Status.ORDER_UNKNOWN, 1),
    "cancelled_later": BOUGHT,
    "token_expired": BOUGHT,
    "busy": BOUGHT,
    "error_500": BOUGHT,
    "error_500_after_order": BOUGHT,
    "errors_in_200": BOUGHT,
    "redirect": BOUGHT,
    "reset": BOUGHT,
    "lost_answer": BOUGHT,
    "lost_answer_visible_late": BOUGHT,
    "hang": BOUGHT,
    "slow": BOUGHT,
    "trickle": BOUGHT,
    "cut_json": BOUGHT,
    "cut_connection": BOUGHT,
    "html_answer": BOUGHT,
    "html_404": REFUSED,
    "oversized": BOUGHT,
    "answers_twice": BOUGHT,
    "foreign_answer": BOUGHT,
}


def _harmless() -> Iterator[Article]:
    """Articles that are bought without asking, each for one scenario."""
    for article in simple_articles():
        if article.category in RULES["trusted_categories"] and 5 < article.unit_price < 200:
            yield article


async def _play(desk: Desk, scenario: str, article: Article) -> RequestRow:
    """One request for two pieces of an article whose first order meets the scenario, as it stands at last."""
    await asyncio.to_thread(desk.fault, scenario, asin=article.asin)
    row = await asyncio.to_thread(desk.submit, article, quantity=2)
    now = await _until(desk, row, {*ENDED, Status.ORDER_UNKNOWN, Status.AWAITING_DECISION})
    if now.status == Status.ORDER_UNKNOWN:
        await desk.pass_time(row, LONG_ENOUGH)
    if ENDS[scenario].status in ENDED:
        return await _until(desk, row, ENDED)
    return await asyncio.to_thread(desk.look, row)


async def _until(desk: Desk, row: RequestRow, wanted: Collection[Status]) -> RequestRow:
    """The request as soon as it stands in one of these states; many wait side by side, so each looks seldom."""
    async with asyncio.timeout(STANDSTILL_SECONDS):
        while (now := await asyncio.to_thread(desk.look, row)).status not in wanted:
            await asyncio.sleep(0.3)
    return now


@pytest.fixture
def quick_desk(plant: Plant) -> Iterator[Desk]:
    """The plant's desk, with a worker in this process that waits about a second for the vendor."""
    patient = plant.desk.vendor
    plant.programs["approvals"].end()
    plant.desk.vendor = AmazonBusiness(account_of(plant.settings), QUICK)
    yield plant.desk
    plant.desk.vendor = patient


def test_every_scenario_of_an_order_is_tried() -> None:
    assert ENDS.keys() == {name for name, each in SCENARIOS.items() if each.group != "repeat"}


def test_no_answer_of_the_vendor_makes_two_orders_or_loses_one(
    plant: Plant, quick_desk: Desk, subtests: pytest.Subtests
) -> None:
    async def play_all() -> list[RequestRow]:
        async with quick_desk.worker(build=plant.settings.build_id):
            plays = [_play(quick_desk, *each) for each in zip(ENDS, _harmless(), strict=False)]
            return list(await asyncio.gather(*plays))

    rows = plant.runner.run(play_all())
    for (scenario, end), row in zip(ENDS.items(), rows, strict=True):
        with subtests.test(scenario):
            assert End(Status(row.status), len(quick_desk.ledger(row))) == end
    plant.start("approvals")
    plant.check()


def test_requests_wait_for_a_vendor_that_is_gone_and_are_ordered_once_when_it_is_back(plant: Plant) -> None:
    ana, article = plant.browser_of(plant.company.ana), plant.harmless
    plant.programs["vendor"].kill()
    answers = [ana.submit(article) for _ in range(4)]
    rows = [plant.row(answer.headers["Location"].rpartition("/")[2]) for answer in answers]
    plant.await_statuses(rows, Status.ORDERING)
    plant.restore()
    assert set(plant.await_statuses(rows).values()) == {Status.COMPLETED}
    assert [len(plant.desk.ledger(row)) for row in rows] == [1] * len(rows)
    plant.check()
