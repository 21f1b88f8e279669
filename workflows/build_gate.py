"""The gate before a build gets traffic: who lives, replay both ways, one run. The judgement is in rules/gate.py."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from rules.gate import Replayed, Smoke
    from rules.gate_messages import BUILD_GATE, GateInput, GateResult, NoteGate, ReplayStep, RunRef, Survey
    from workflows import gate_steps


@workflow.defn(name=BUILD_GATE)
class BuildGate:
    """Runs on the control queue, which is no build's own: a bad build cannot judge itself."""

    @workflow.run
    async def run(self, given: GateInput) -> GateResult:
        """Try everything, keep what was found, and say whether the gate is open."""
        survey = await gate_steps.survey_build(given)
        forward, back, smoke = None, None, None
        if not survey.unserved:
            forward = await _replay(
                ReplayStep(given.build_id, "histories of requests that exist", survey.existing)
            )
            smoke = await _try_run(given)
            if survey.current and survey.current != given.build_id:
                back = await _way_back(given, survey)
        return await gate_steps.note_gate(
            NoteGate(given.build_id, survey.current, survey.unserved, forward, back, smoke)
        )


async def _replay(step: ReplayStep) -> Replayed:
    try:
        return await gate_steps.replay_histories(step)
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise
        return Replayed(step.build_id, step.histories, 0, broken=_why(error))


async def _way_back(given: GateInput, survey: Survey) -> Replayed:
    """The current code on what the new build leaves behind: what it rehearsed, and what it has run already."""
    histories = f"histories of {given.build_id}"
    rehearsed: list[RunRef] = []
    try:
        rehearsed = await gate_steps.rehearse_build(given)
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise
        return Replayed(survey.current, histories, 0, broken=f"they could not be rehearsed: {_why(error)}")
    try:
        return await _replay(ReplayStep(survey.current, histories, [*rehearsed, *survey.its_own]))
    finally:
        await gate_steps.end_rehearsal(ReplayStep(given.build_id, histories, rehearsed))


async def _try_run(given: GateInput) -> Smoke:
    try:
        return await gate_steps.try_smoke_run(given)
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise
        return Smoke(None, _why(error))


def _why(error: ActivityError) -> str:
    cause = error.cause or error
    return str(cause)[:600]
