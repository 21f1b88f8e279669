"""Carries one rollout: raises, watches, returns. Decides nothing itself: rules/rollout.py does, on what Postgres holds.

Runs on the control queue and without versions, so that no rollout can take its own control away.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from rules import messages
    from rules.messages import RolloutInput, RolloutResult
    from rules.rollout import Act
    from workflows import rollout_steps as steps


@workflow.defn(name=messages.ROLLOUT)
class Rollout:
    """Looks, does what has to be done, and waits, until the rollout has ended."""

    def __init__(self) -> None:
        self._woken = False

    @workflow.run
    async def run(self, given: RolloutInput) -> RolloutResult:
        """To the rollout's end; the result names which."""
        while True:
            # Before the look: a command that comes during it must wake the next wait.
            self._woken = False
            seen = await steps.look_at_rollout(given)
            workflow.set_current_details(f"{seen.state}, then: {seen.act}")
            match Act(seen.act):
                case Act.GATE:
                    await steps.pass_gate(given)
                case Act.CARRY:
                    await steps.carry_share(given)
                case Act.RETURN:
                    await steps.take_back(given)
                case Act.PROMOTE:
                    await steps.make_stable(given)
                case Act.END:
                    return RolloutResult(seen.state)
                case Act.WATCH:
                    await self._rest(seen.wait_seconds)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(given)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._woken, timeout=timedelta(seconds=seconds), timeout_summary="the next look"
            )

    @workflow.signal(name=messages.SIGNAL_WAKE)
    def wake(self) -> None:
        """Something changed in Postgres: look at once."""
        self._woken = True
