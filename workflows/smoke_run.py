"""One run that shows a build alive: a task, a step in its process and a step from its queue. Buys nothing."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from rules.gate_messages import SMOKE_RUN, GateInput, SmokeCheck
    from workflows import gate_steps


@workflow.defn(name=SMOKE_RUN)
class SmokeRun:
    """Ends with what the build says of itself."""

    @workflow.run
    async def run(self, given: GateInput) -> SmokeCheck:
        """Ask the build's own process, then a worker of its queue."""
        await gate_steps.check_in_process(given)
        return await gate_steps.check_on_queue(given)
