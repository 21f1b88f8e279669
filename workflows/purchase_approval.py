"""The approval of one purchase: validate, review, wait for a person where needed, order, tell. Decides nothing itself."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from rules import messages
    from rules.decision import TIMERS, Alarm, Why
    from rules.messages import (
        AskStep,
        AskStepResult,
        DecisionSignal,
        DecisionStep,
        DecisionStepResult,
        OrderStep,
        OrderStepResult,
        PurchaseInput,
        PurchaseResult,
        RequestStep,
        ReviewStepResult,
        SettledSignal,
        StraySignal,
        WithdrawSignal,
    )
    from rules.order import is_for_a_person, read_back_wait_seconds
    from rules.request import ENDED, Status
    from workflows import steps

STATUS: Final = SearchAttributeKey.for_keyword("Status")
AUTO_APPROVED: Final = SearchAttributeKey.for_bool("AutoApproved")

#: Requests begun before the automated review existed always go to a person.
REVIEW_PATCH: Final = "automated-review-v1"
#: While finance is asked to settle an order, the vendor is still asked this often.
SETTLED_LOOK: Final = timedelta(hours=6)

#: A step that gave up: plain activities wrap their failure, local ones raise it as it is.
STEP_FAILED: Final = (ActivityError, ApplicationError)

Noted = TypeVar("Noted", ReviewStepResult, AskStepResult, DecisionStepResult, OrderStepResult)


@workflow.defn(name=messages.PURCHASE_APPROVAL)
class PurchaseApproval:
    """Carries one request from submit to its end. Postgres knows every state; signals only wake this up."""

    @workflow.init
    def __init__(self, given: PurchaseInput) -> None:
        self._request = RequestStep(given.request_id)
        self._status = Status.SUBMITTED
        self._auto_approved = False
        self._asked: list[str] = []
        self._answers: list[str] = []
        self._withdrawn = False
        self._settled = False

    @workflow.run
    async def run(self, given: PurchaseInput) -> PurchaseResult:
        """From submitted to one of the ends; the result names which."""
        left = await self._judge()
        if left is not None:
            await self._wait_for_person(left.why, left.detail)
        while self._status is Status.ORDERING:
            order = await self._order()
            if self._status is Status.ORDERING:
                await self._wait_for_person(Why.PRICE_ROSE.value, order.detail, order.unit_price)
        await self._end()
        return PurchaseResult(self._status.value)

    @workflow.signal(name=messages.SIGNAL_DECISION)
    async def approval_decision(self, signal: DecisionSignal) -> None:
        """Somebody answered a question. It only wakes this up: Postgres says how they answered."""
        answered = signal.decision_id
        if answered in self._answers:
            await self._note_stray(answered, "a duplicate")
        elif self._asked and answered not in self._asked:
            await self._note_stray(answered, "it answers another question than the ones asked")
        else:
            # Before anybody is asked it may be early: the answer can overtake the result of asking.
            self._answers.append(answered)

    @workflow.signal(name=messages.SIGNAL_WITHDRAW)
    def withdraw(self, signal: WithdrawSignal) -> None:
        """The requester took the request back; Postgres knows already."""
        self._withdrawn = True

    @workflow.signal(name=messages.SIGNAL_SETTLED)
    def order_settled(self, signal: SettledSignal) -> None:
        """A person settled the order; Postgres knows already."""
        self._settled = True

    @workflow.query(name=messages.QUERY_STATE)
    def state(self) -> str:
        """The request's status as this workflow last saw it."""
        return self._status.value

    async def _judge(self) -> ReviewStepResult | None:
        """Validate and review; what is left for a person, None where nothing is."""
        try:
            checked = self._note(await steps.validate_product(self._request))
        except STEP_FAILED:
            checked = ReviewStepResult(
                Status.IN_REVIEW.value, Why.PRODUCT_UNCLEAR.value, "The product could not be checked."
            )
        if checked.why:
            return checked
        if self._status in ENDED:
            return None
        if not workflow.patched(REVIEW_PATCH):
            return ReviewStepResult(
                self._status.value, Why.REVIEW_IS_OFF.value, "Every request is decided by a person."
            )
        try:
            reviewed = self._note(await steps.review_request(self._request))
        except STEP_FAILED:
            return ReviewStepResult(
                self._status.value, Why.REVIEW_FAILED.value, "The automated review did not work."
            )
        self._auto_approved = self._status is Status.ORDERING
        return reviewed if reviewed.why else None

    async def _wait_for_person(self, why: str, detail: str, unit_price: str = "") -> None:
        """Ask, then wait until somebody answers, withdraws, or the deadline comes."""
        asked = self._note(
            await steps.ask_approver(AskStep(self._request.request_id, why, detail, unit_price))
        )
        if not asked.decision_id:
            return
        self._asked.append(asked.decision_id)
        workflow.upsert_search_attributes([STATUS.value_set(self._status.value)])
        workflow.set_current_details(f"Waiting for {asked.asked}: {detail}")
        asked_at = workflow.now()
        question = DecisionStep(self._request.request_id, asked.decision_id)
        for timer in TIMERS:
            while await self._woken_before(asked_at + timer.after, question, timer.alarm):
                self._note(await steps.read_decision(question))
                if self._status is not Status.AWAITING_DECISION:
                    return
                await self._forget_what_woke(question)
            self._note(await self._ring(timer.alarm, question, timer.after))
            if self._status is not Status.AWAITING_DECISION:
                return

    async def _woken_before(self, due: datetime, question: DecisionStep, alarm: Alarm) -> bool:
        try:
            await workflow.wait_condition(
                lambda: question.decision_id in self._answers or self._withdrawn,
                timeout=max(due - workflow.now(), timedelta(0)),
                timeout_summary=f"then: {alarm.value}",
            )
        except TimeoutError:
            return False
        return True

    async def _forget_what_woke(self, question: DecisionStep) -> None:
        """A signal that Postgres knows nothing of did not come from the product; go on waiting."""
        self._withdrawn = False
        if question.decision_id in self._answers:
            self._answers.remove(question.decision_id)
        await self._note_stray(question.decision_id, "nothing was decided in the database")

    async def _ring(self, alarm: Alarm, question: DecisionStep, after: timedelta) -> DecisionStepResult:
        match alarm:
            case Alarm.REMIND:
                step = f"after {after.days} days"
                return await steps.remind_approver(
                    DecisionStep(question.request_id, question.decision_id, step)
                )
            case Alarm.ESCALATE:
                return await steps.escalate_decision(question)
            case Alarm.EXPIRE:
                return await steps.expire_decision(question)

    async def _order(self) -> OrderStepResult:
        """Order once. A lost answer is read back, with growing waits, until it is known."""
        workflow.set_current_details("Placing the order at the vendor")
        began, attempt = workflow.now(), 0
        order = await self._try(steps.place_order(OrderStep(self._request.request_id)))
        while order is None or self._status is Status.ORDER_UNKNOWN:
            attempt += 1
            overdue = is_for_a_person(began, workflow.now())
            if overdue:
                self._note(await steps.ask_settlement(self._request))
                workflow.set_current_details(
                    "Nobody knows whether the order exists: finance has to settle it"
                )
            await self._settled_before(SETTLED_LOOK if overdue else _wait(attempt), f"read-back {attempt}")
            order = await self._try(steps.read_order_back(self._request))
            if order is not None and order.may_send_again:
                order = await self._try(steps.place_order(OrderStep(self._request.request_id, order.sends)))
        return order

    async def _try(self, step: Awaitable[OrderStepResult]) -> OrderStepResult | None:
        """A step's result, or None where the vendor could not be asked for as long as the step waits."""
        try:
            return self._note(await step)
        except STEP_FAILED:
            return None

    async def _settled_before(self, wait: timedelta, summary: str) -> None:
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._settled, timeout=wait, timeout_summary=summary)
        # A signal that Postgres knows nothing of wakes once; it must not end all later waits.
        self._settled = False

    async def _end(self) -> None:
        """Tell people. The purchase stands whether they can be told or not."""
        if self._status not in ENDED:
            # Stuck, for all to see and to be mended, is better than lost: this fails the task, not the workflow.
            raise RuntimeError(f"a request that is {self._status} would be left alone")
        workflow.upsert_search_attributes(
            [STATUS.value_set(self._status.value), AUTO_APPROVED.value_set(self._auto_approved)]
        )
        workflow.set_current_details(f"Ended: {self._status.value}")
        try:
            await steps.tell_people(self._request)
        except STEP_FAILED:
            workflow.logger.warning("people could not be told", extra={"request": self._request.request_id})
        for early in self._answers:
            if early not in self._asked:
                await self._note_stray(early, "nobody was ever asked this")
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _note_stray(self, decision_id: str, reason: str) -> None:
        await steps.note_stray_signal(
            StraySignal(self._request.request_id, messages.SIGNAL_DECISION, decision_id, reason)
        )

    def _note(self, result: Noted) -> Noted:
        self._status = Status(result.status)
        return result


def _wait(attempt: int) -> timedelta:
    return timedelta(seconds=read_back_wait_seconds(attempt))
