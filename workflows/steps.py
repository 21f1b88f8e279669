"""One typed function per activity: its name, timeout and retry policy. The only place where workflows name activities."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy

from rules.messages import (
    AskStep,
    AskStepResult,
    DecisionStep,
    DecisionStepResult,
    OrderStep,
    OrderStepResult,
    RequestStep,
    ReviewStepResult,
    StraySignal,
)

Result = TypeVar("Result")

#: Errors that no retry cures; activities raise them by these type names.
HOPELESS: Final = ("RequestIsMissing",)

#: For steps that only write to Postgres and must happen: tried until Postgres is back.
UNTIL_DONE: Final = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=20),
    non_retryable_error_types=HOPELESS,
)
#: For the steps after which a person can decide as well.
THEN_A_PERSON: Final = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=100),
    maximum_attempts=3,
    non_retryable_error_types=HOPELESS,
)
#: For telling people, half a minute long: a database that is restarted must not cost a message, and a message
#: that cannot be written must not keep a purchase open.
THEN_UNTOLD: Final = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2.0,
    maximum_attempts=8,
    non_retryable_error_types=HOPELESS,
)
#: For calls to the vendor: patient, because nothing is lost by waiting.
VENDOR: Final = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=60),
    non_retryable_error_types=HOPELESS,
)

ONE_TRANSACTION: Final = timedelta(seconds=10)
PRODUCT_LOOK_UP: Final = timedelta(seconds=20)
REVIEW: Final = timedelta(minutes=5)
#: Longer than the gateway's own deadline, so that a live worker always says what happened.
VENDOR_CALL: Final = timedelta(seconds=40)
#: A worker that died during a vendor call is noticed after this long; see activities/heartbeat.py.
VENDOR_HEARTBEAT: Final = timedelta(seconds=10)
#: One read-back with its retries; the workflow comes again later.
READ_BACK: Final = timedelta(minutes=10)
#: How long the vendor may be busy or away before a person settles the order.
VENDOR_PATIENCE: Final = timedelta(hours=24)


async def _local(
    name: str,
    given: Any,
    result: type[Result],
    *,
    timeout: timedelta,
    retry: RetryPolicy,
    summary: str,
) -> Result:
    done: Result = await workflow.execute_local_activity(
        name, given, result_type=result, start_to_close_timeout=timeout, retry_policy=retry, summary=summary
    )
    return done


async def validate_product(given: RequestStep) -> ReviewStepResult:
    """Is the product still there at a price that the request covers?"""
    return await _local(
        "validate_product",
        given,
        ReviewStepResult,
        timeout=PRODUCT_LOOK_UP,
        retry=THEN_A_PERSON,
        summary="Check the product at the vendor",
    )


async def review_request(given: RequestStep) -> ReviewStepResult:
    """Run the automated review, where its flag is on."""
    return await _local(
        "review_request",
        given,
        ReviewStepResult,
        timeout=REVIEW,
        retry=THEN_A_PERSON,
        summary="Automated review",
    )


async def ask_approver(given: AskStep) -> AskStepResult:
    """Open a question and ask the first person of the line."""
    return await _local(
        "ask_approver",
        given,
        AskStepResult,
        timeout=ONE_TRANSACTION,
        retry=UNTIL_DONE,
        summary="Ask a person",
    )


async def read_decision(given: DecisionStep) -> DecisionStepResult:
    """How does the question stand in Postgres?"""
    return await _local(
        "read_decision",
        given,
        DecisionStepResult,
        timeout=ONE_TRANSACTION,
        retry=UNTIL_DONE,
        summary="Read the answer",
    )


async def remind_approver(given: DecisionStep) -> DecisionStepResult:
    """Remind whoever is asked."""
    return await _local(
        "remind_approver",
        given,
        DecisionStepResult,
        timeout=ONE_TRANSACTION,
        retry=UNTIL_DONE,
        summary=f"Reminder, {given.step}",
    )


async def escalate_decision(given: DecisionStep) -> DecisionStepResult:
    """Ask the next person of the line too."""
    return await _local(
        "escalate_decision",
        given,
        DecisionStepResult,
        timeout=ONE_TRANSACTION,
        retry=UNTIL_DONE,
        summary="Ask one level up",
    )


async def expire_decision(given: DecisionStep) -> DecisionStepResult:
    """Close the question for the system unless somebody was first."""
    return await _local(
        "expire_decision",
        given,
        DecisionStepResult,
        timeout=ONE_TRANSACTION,
        retry=UNTIL_DONE,
        summary="Deadline: reject unless decided",
    )


async def place_order(given: OrderStep) -> OrderStepResult:
    """Buy, once: a plain activity, so that its start is on record before the vendor is called."""
    done: OrderStepResult = await workflow.execute_activity(
        "place_order",
        given,
        result_type=OrderStepResult,
        start_to_close_timeout=VENDOR_CALL,
        schedule_to_close_timeout=VENDOR_PATIENCE,
        heartbeat_timeout=VENDOR_HEARTBEAT,
        retry_policy=VENDOR,
        summary="Place the order" if given.sends_so_far == 0 else "Place the order again",
    )
    return done


async def read_order_back(given: RequestStep) -> OrderStepResult:
    """Ask the vendor, by our own key, whether it has the order."""
    done: OrderStepResult = await workflow.execute_activity(
        "read_order_back",
        given,
        result_type=OrderStepResult,
        start_to_close_timeout=VENDOR_CALL,
        schedule_to_close_timeout=READ_BACK,
        heartbeat_timeout=VENDOR_HEARTBEAT,
        retry_policy=VENDOR,
        summary="Read the order back",
    )
    return done


async def ask_settlement(given: RequestStep) -> OrderStepResult:
    """Ask finance to settle an order whose outcome stayed unknown."""
    return await _local(
        "ask_settlement",
        given,
        OrderStepResult,
        timeout=ONE_TRANSACTION,
        retry=UNTIL_DONE,
        summary="Ask finance to settle the order",
    )


async def tell_people(given: RequestStep) -> None:
    """Tell everybody concerned how it ended."""
    await _local(
        "tell_people",
        given,
        type(None),
        timeout=ONE_TRANSACTION,
        retry=THEN_UNTOLD,
        summary="Tell people",
    )


async def note_stray_signal(given: StraySignal) -> None:
    """Write a signal that changed nothing to the audit trail."""
    await _local(
        "note_stray_signal",
        given,
        type(None),
        timeout=ONE_TRANSACTION,
        retry=UNTIL_DONE,
        summary="Note a stray signal",
    )
