"""One typed function per activity of a rollout: its timeout and retry policy. They run on the control worker."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy

from rules.messages import RolloutInput, RolloutLook

Result = TypeVar("Result")

#: Stores and Temporal come back; a rollout waits for them and holds its share meanwhile.
UNTIL_DONE: Final = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=10),
    non_retryable_error_types=("NotFound",),
)

#: Reads rows and asks Temporal a few short questions.
LOOK: Final = timedelta(seconds=30)
#: Replays some hundred histories twice and waits for one run.
GATE: Final = timedelta(minutes=10)
CARRY: Final = timedelta(seconds=60)
#: Sets the route back in seconds, then looks after the runs that were on their way.
TAKE_BACK: Final = timedelta(minutes=3)


async def _plain(
    name: str, given: RolloutInput, result: type[Result], *, timeout: timedelta, summary: str
) -> Result:
    done: Result = await workflow.execute_activity(
        name,
        given,
        result_type=result,
        start_to_close_timeout=timeout,
        retry_policy=UNTIL_DONE,
        summary=summary,
    )
    return done


async def look_at_rollout(given: RolloutInput) -> RolloutLook:
    """Read the figures, judge them, and say what has to be done next."""
    return await _plain("look_at_rollout", given, RolloutLook, timeout=LOOK, summary="Look at the figures")


async def pass_gate(given: RolloutInput) -> None:
    """Try what is rolled out before anybody gets it."""
    await _plain("pass_gate", given, type(None), timeout=GATE, summary="The gate before any traffic")


async def carry_share(given: RolloutInput) -> None:
    """Give the new one the share that it should have now."""
    await _plain("carry_share", given, type(None), timeout=CARRY, summary="Set the share")


async def take_back(given: RolloutInput) -> None:
    """Let nobody get the new one any more, and free what it holds."""
    await _plain("take_back", given, type(None), timeout=TAKE_BACK, summary="Return")


async def make_stable(given: RolloutInput) -> None:
    """Make the new one what everybody gets."""
    await _plain("make_stable", given, type(None), timeout=CARRY, summary="Promote")
