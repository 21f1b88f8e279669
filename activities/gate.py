"""What the control worker does for the gate: survey, rehearse, try one run, keep the judgement of rules/gate.py."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity
from temporalio.client import Client

from activities import rehearsal
from activities.rehearsal import SCRIPTS, Script
from gateways import temporal, temporal_builds, temporal_gate, temporal_pollers, temporal_runs
from rules.gate import CLOSED_SAMPLE, OPEN_SAMPLE, Gate, Smoke
from rules.gate_messages import GateInput, GateResult, NoteGate, ReplayStep, RunRef, Survey
from rules.messages import APPROVALS_DEPLOYMENT
from rules.process_messages import PROCESS
from rules.request import ENDED, Status
from storage import build, department

#: Where an open run may stand, as its search attribute says.
_OPEN: Final = (Status.SUBMITTED.value, Status.AWAITING_DECISION.value)
_CLOSED: Final = tuple(sorted(status.value for status in ENDED))


@dataclass(frozen=True)
class GateActivities:
    """Served on the control queue."""

    sessions: sessionmaker[Session]
    client: Client

    @activity.defn
    async def survey_build(self, given: GateInput) -> Survey:
        """Who is alive, and which runs there are to try."""
        own = f"TemporalWorkerDeploymentVersion = '{APPROVALS_DEPLOYMENT}:{given.build_id}'"
        deployment, unserved, open_, closed, processes, its_own = await asyncio.gather(
            temporal_builds.describe(self.client),
            temporal_pollers.unserved(self.client, given.build_id),
            temporal_runs.newest_runs(self.client, "ExecutionStatus = 'Running'", OPEN_SAMPLE, _OPEN),
            temporal_runs.newest_runs(self.client, "ExecutionStatus != 'Running'", CLOSED_SAMPLE, _CLOSED),
            temporal_runs.newest_runs(
                self.client, "ExecutionStatus = 'Running'", OPEN_SAMPLE, workflow=PROCESS
            ),
            temporal_runs.newest_runs(self.client, own, CLOSED_SAMPLE),
        )
        return Survey(
            current=deployment.route.current or "",
            unserved=[f"{queue.name} ({queue.kind})" for queue in unserved],
            existing=[RunRef(*each) for each in dict.fromkeys([*open_, *closed, *processes])],
            its_own=[RunRef(*each) for each in its_own],
        )

    @activity.defn
    async def rehearse_build(self, given: GateInput) -> list[RunRef]:
        """Play every script for every department, as patches may be on for some of them only."""
        departments = await asyncio.to_thread(self._departments)
        plays = [
            self._rehearse(given.build_id, script, department_id)
            for script in SCRIPTS
            for department_id in departments
        ]
        return list(await asyncio.gather(*plays))

    def _departments(self) -> list[str]:
        with self.sessions.begin() as session:
            return list(department.names(session))

    async def _rehearse(self, build_id: str, script: Script, department_id: str) -> RunRef:
        request_id = rehearsal.request_id(script, build_id, department_id, uuid4().hex[:8])
        run = await temporal_gate.start_rehearsal(self.client, build_id, request_id, department_id)
        try:
            if script.answered:
                waiting = Status.AWAITING_DECISION.value
                await temporal_gate.await_rehearsal(self.client, run, rests_at=waiting)
                await temporal_gate.answer_rehearsal(self.client, run, rehearsal.QUESTION)
            rests_at = script.rests_at.value if script.rests_at else None
            await temporal_gate.await_rehearsal(self.client, run, rests_at=rests_at)
        except Exception:
            await temporal_gate.end_run(self.client, run, "the rehearsal did not work")
            raise
        return run

    @activity.defn
    async def end_rehearsal(self, given: ReplayStep) -> None:
        """End what was left waiting."""
        for run in given.runs:
            await temporal_gate.end_run(self.client, run, "the rehearsal is over")

    @activity.defn
    async def try_smoke_run(self, given: GateInput) -> Smoke:
        """One run held on the build, which has to come through there in time."""
        began = time.monotonic()
        try:
            said = await temporal_gate.run_smoke(self.client, given.build_id)
        except TimeoutError:
            return Smoke(None, "it did not end in time")
        except temporal.WorkflowFailureError as error:
            return Smoke(None, str(error.cause))
        except temporal.RPCError as error:
            return Smoke(None, str(error))
        if said.build_id != given.build_id:
            return Smoke(None, f"it ran on {said.build_id or 'a worker without versions'}")
        return Smoke(round(time.monotonic() - began, 2))

    @activity.defn
    def note_gate(self, given: NoteGate) -> GateResult:
        """Judge what was found and keep it with the build."""
        gate = Gate(
            given.build_id, given.current, tuple(given.unserved), given.forward, given.back, given.smoke
        )
        with self.sessions.begin() as session:
            build.note_gate(session, given.build_id, gate)
        return GateResult(given.build_id, gate.passed, list(gate.reasons))
