"""Every way a request can go, played on an approval desk. Tests look at the end; the recorder keeps the history.

Each journey submits one request, plays it to its end and returns it. Its name is the name of its recorded history.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from temporalio import activity

from rules import messages
from rules.messages import DecisionSignal, RequestStep, ReviewStepResult, WithdrawSignal
from rules.request import Status
from storage.request import RequestRow
from tests.workflows.desk import Desk

Journey = Callable[[Desk], Awaitable[RequestRow]]
JOURNEYS: Final[dict[str, Journey]] = {}


def journey(play: Journey) -> Journey:
    """Add a journey to those that are recorded."""
    JOURNEYS[play.__name__] = play
    return play


async def _waiting(desk: Desk) -> RequestRow:
    """A request that the review leaves to Bruno."""
    row = desk.submit(desk.article(dearer_than=500, cheaper_than=2500))
    await desk.carry()
    await desk.until(row, Status.AWAITING_DECISION)
    return row


@journey
async def approved_automatically(desk: Desk) -> RequestRow:
    async with desk.worker():
        row = desk.submit()
        await desk.carry()
        return await desk.result(row)


@journey
async def approved_by_the_manager(desk: Desk) -> RequestRow:
    async with desk.worker():
        row = await _waiting(desk)
        desk.answer(row, "approve", "We need it.")
        await desk.carry()
        return await desk.result(row)


@journey
async def rejected_by_the_manager(desk: Desk) -> RequestRow:
    async with desk.worker():
        row = await _waiting(desk)
        desk.answer(row, "reject", "We own two already.")
        await desk.carry()
        return await desk.result(row)


@journey
async def expired_after_seven_days(desk: Desk) -> RequestRow:
    async with desk.worker():
        row = await _waiting(desk)
        await desk.pass_time(row, timedelta(days=7, minutes=1))
        return await desk.result(row)


@journey
async def approved_one_level_up_after_the_escalation(desk: Desk) -> RequestRow:
    async with desk.worker():
        row = await _waiting(desk)
        await desk.pass_time(row, timedelta(days=5, minutes=1))
        desk.answer(row, "approve", by=desk.company.hugo)
        await desk.carry()
        return await desk.result(row)


@journey
async def withdrawn_while_waiting(desk: Desk) -> RequestRow:
    async with desk.worker():
        row = await _waiting(desk)
        desk.withdraw(row)
        await desk.carry()
        return await desk.result(row)


@journey
async def withdrawn_before_anybody_looked(desk: Desk) -> RequestRow:
    row = desk.submit()
    desk.withdraw(row)
    async with desk.worker():
        await desk.carry()
        return await desk.result(row)


@journey
async def left_to_a_person_because_the_review_is_off(desk: Desk) -> RequestRow:
    desk.switch_review(False)
    async with desk.worker():
        row = desk.submit()
        await desk.carry()
        await desk.until(row, Status.AWAITING_DECISION)
        desk.answer(row, "approve")
        await desk.carry()
        return await desk.result(row)


@journey
async def left_to_a_person_because_the_review_broke(desk: Desk) -> RequestRow:
    @activity.defn(name="review_request")
    def broken(given: RequestStep) -> ReviewStepResult:
        raise RuntimeError(f"the review of {given.request_id} broke on purpose")

    desk.replaced["review_request"] = broken
    async with desk.worker():
        row = desk.submit()
        await desk.carry()
        await desk.until(row, Status.AWAITING_DECISION)
        desk.answer(row, "approve")
        await desk.carry()
        return await desk.result(row)


@journey
async def left_to_a_person_because_the_product_rose(desk: Desk) -> RequestRow:
    article = desk.article()
    row = desk.submit(article)
    desk.set_price(article, article.unit_price * 2)
    desk.forget_products()
    try:
        async with desk.worker():
            await desk.carry()
            await desk.until(row, Status.AWAITING_DECISION)
            desk.answer(row, "reject", "Too dear now.")
            await desk.carry()
            return await desk.result(row)
    finally:
        desk.set_price(article, article.unit_price)


@journey
async def refused_by_the_vendor(desk: Desk) -> RequestRow:
    desk.fault("rejected")
    async with desk.worker():
        row = desk.submit()
        await desk.carry()
        return await desk.result(row)


@journey
async def part_accepted_by_the_vendor(desk: Desk) -> RequestRow:
    desk.fault("part_accepted")
    async with desk.worker():
        row = desk.submit(quantity=2)
        await desk.carry()
        return await desk.result(row)


@journey
async def approved_again_after_the_price_rose(desk: Desk) -> RequestRow:
    desk.fault("price_above_expectation")
    async with desk.worker():
        row = desk.submit()
        await desk.carry()
        await desk.until(row, Status.AWAITING_DECISION)
        desk.answer(row, "approve", "Still worth it.")
        await desk.carry()
        return await desk.result(row)


@journey
async def rejected_after_the_price_rose(desk: Desk) -> RequestRow:
    desk.fault("price_above_expectation")
    async with desk.worker():
        row = desk.submit()
        await desk.carry()
        await desk.until(row, Status.AWAITING_DECISION)
        desk.answer(row, "reject", "Not at that price.")
        await desk.carry()
        return await desk.result(row)


@journey
async def ordered_although_the_answer_was_lost(desk: Desk) -> RequestRow:
    desk.fault("lost_answer")
    async with desk.worker():
        row = desk.submit()
        await desk.carry()
        await desk.until(row, Status.ORDER_UNKNOWN)
        await desk.pass_time(row, timedelta(seconds=5))
        return await desk.result(row)


@journey
async def ordered_again_after_the_vendor_never_had_it(desk: Desk) -> RequestRow:
    desk.fault("reset")
    async with desk.worker():
        row = desk.submit()
        await desk.carry()
        await desk.until(row, Status.ORDER_UNKNOWN)
        await desk.pass_time(row, timedelta(minutes=5))
        return await desk.result(row)


@journey
async def settled_by_finance_after_a_day(desk: Desk) -> RequestRow:
    desk.fault("lost_answer")
    desk.fault("error_500", operation="read", always=True)
    async with desk.worker():
        row = desk.submit()
        await desk.carry()
        await desk.until(row, Status.ORDER_UNKNOWN)
        await desk.pass_time(row, timedelta(hours=25))
        desk.settle(row, str(desk.ledger(row)[0]["order_id"]))
        await desk.carry()
        return await desk.result(row)


@journey
async def stray_signals_change_nothing(desk: Desk) -> RequestRow:
    async with desk.worker():
        row = await _waiting(desk)
        [question] = desk.decisions(row)
        handle = desk.handle(row)
        await handle.signal(messages.SIGNAL_DECISION, DecisionSignal("0190a000-0000-7000-8000-000000000000"))
        # The right question, but nobody answered it: only Postgres can say so.
        await handle.signal(messages.SIGNAL_DECISION, DecisionSignal(str(question.id)))
        await handle.signal(messages.SIGNAL_WITHDRAW, WithdrawSignal(str(row.id)))
        await desk.pass_time(row, timedelta(days=1))
        desk.answer(row, "approve")
        await desk.carry()
        await handle.signal(messages.SIGNAL_DECISION, DecisionSignal(str(question.id)))
        return await desk.result(row)


@journey
async def before_the_review_approved(desk: Desk) -> RequestRow:
    async with desk.worker(patched=False):
        row = desk.submit()
        await desk.carry()
        await desk.until(row, Status.AWAITING_DECISION)
        desk.answer(row, "approve")
        await desk.carry()
        return await desk.result(row)


@journey
async def before_the_review_expired(desk: Desk) -> RequestRow:
    async with desk.worker(patched=False):
        row = desk.submit()
        await desk.carry()
        await desk.until(row, Status.AWAITING_DECISION)
        await desk.pass_time(row, timedelta(days=7, minutes=1))
        return await desk.result(row)


@journey
async def begun_before_the_review_and_finished_after(desk: Desk) -> RequestRow:
    async with desk.worker(patched=False):
        row = desk.submit()
        await desk.carry()
        await desk.until(row, Status.AWAITING_DECISION)
    async with desk.worker():
        desk.answer(row, "approve")
        await desk.carry()
        return await desk.result(row)


@journey
async def left_to_a_person_because_the_product_could_not_be_checked(desk: Desk) -> RequestRow:
    @activity.defn(name="validate_product")
    def broken(given: RequestStep) -> ReviewStepResult:
        raise RuntimeError(f"the check of {given.request_id} broke before it wrote anything, on purpose")

    desk.replaced["validate_product"] = broken
    async with desk.worker():
        row = desk.submit()
        await desk.carry()
        await desk.until(row, Status.AWAITING_DECISION)
        desk.answer(row, "approve")
        await desk.carry()
        return await desk.result(row)
