"""One typed function per activity of the gate: its queue, timeout and retry policy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy

from rules.gate import SMOKE_WITHIN, Replayed, Smoke
from rules.gate_messages import (
    GateInput,
    GateResult,
    NoteGate,
    ReplayStep,
    RunRef,
    SmokeCheck,
    Survey,
    gate_queue,
)

Result = TypeVar("Result")

UNTIL_DONE: Final = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=10)
)
TWICE: Final = RetryPolicy(maximum_attempts=2)
ONCE: Final = RetryPolicy(maximum_attempts=1)

SHORT: Final = timedelta(seconds=10)
LOOK: Final = timedelta(seconds=60)
REHEARSE: Final = timedelta(seconds=90)
REPLAY: Final = timedelta(minutes=5)
#: A build whose workers do not fetch the task within this has none.
FETCHED_WITHIN: Final = timedelta(seconds=20)
#: A worker that died while it replayed is noticed after this long.
HEARTBEAT: Final = timedelta(seconds=15)


async def check_in_process(given: GateInput) -> SmokeCheck:
    """The process that has the workflow says what it is."""
    done: SmokeCheck = await workflow.execute_local_activity(
        "smoke_check", given, result_type=SmokeCheck, start_to_close_timeout=SHORT, retry_policy=TWICE
    )
    return done


async def check_on_queue(given: GateInput) -> SmokeCheck:
    """A worker of the build's queue says what it is."""
    done: SmokeCheck = await workflow.execute_activity(
        "smoke_check", given, result_type=SmokeCheck, start_to_close_timeout=SHORT, retry_policy=TWICE
    )
    return done


async def survey_build(given: GateInput) -> Survey:
    """Is somebody alive, and what is there to try?"""
    return await _control("survey_build", given, Survey, timeout=LOOK, retry=UNTIL_DONE)


async def rehearse_build(given: GateInput) -> list[RunRef]:
    """Let the build play approvals with answers of its own, so that it has histories before it has traffic."""
    done: list[RunRef] = await workflow.execute_activity(
        "rehearse_build",
        given,
        result_type=list[RunRef],
        start_to_close_timeout=REHEARSE,
        retry_policy=TWICE,
    )
    return done


async def end_rehearsal(given: ReplayStep) -> None:
    """End what the rehearsal has left waiting."""
    await _control("end_rehearsal", given, type(None), timeout=LOOK, retry=TWICE)


async def replay_histories(given: ReplayStep) -> Replayed:
    """Replay histories with the code of one build, in a worker of that build."""
    done: Replayed = await workflow.execute_activity(
        "replay_histories",
        given,
        result_type=Replayed,
        task_queue=gate_queue(given.build_id),
        schedule_to_start_timeout=FETCHED_WITHIN,
        start_to_close_timeout=REPLAY,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=TWICE,
        summary=f"{given.build_id} replays {given.histories}",
    )
    return done


async def try_smoke_run(given: GateInput) -> Smoke:
    """One run on the build, held there."""
    timeout = SMOKE_WITHIN + timedelta(seconds=15)
    return await _control("try_smoke_run", given, Smoke, timeout=timeout, retry=ONCE)


async def note_gate(given: NoteGate) -> GateResult:
    """Judge what was found and keep it."""
    return await _control("note_gate", given, GateResult, timeout=SHORT, retry=UNTIL_DONE)


async def _control(
    name: str, given: Any, result: type[Result], *, timeout: timedelta, retry: RetryPolicy
) -> Result:
    done: Result = await workflow.execute_activity(
        name, given, result_type=result, start_to_close_timeout=timeout, retry_policy=retry
    )
    return done
