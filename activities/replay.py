"""What the workers of a build do for the gate: replay histories with their own code, and say what they are."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from gateways import temporal_gate
from rules.gate import LONGEST_REASON, MOST_FAILURES, Replayed, ReplayFailure
from rules.gate_messages import GateInput, ReplayStep, RunRef, SmokeCheck

#: The folder of the code that this process runs.
CODE: Final = Path(__file__).parents[1]
BEAT_SECONDS: Final = 4.0
#: Exit codes of workflows/replay.py: all replay, some do not, there were none.
_SPOKE: Final = {0, 1, 2}


@dataclass(frozen=True)
class ReplayActivities:
    """Replays in a process of its own, with little claim to the machine: approvals go on beside it."""

    client: Client
    build_id: str

    @activity.defn
    async def replay_histories(self, given: ReplayStep) -> Replayed:
        """Replay the runs' histories with the code that lies here."""
        beating = asyncio.create_task(_beat())
        try:
            with tempfile.TemporaryDirectory(prefix="histories-") as folder:
                await temporal_gate.write_histories(self.client, given.runs, Path(folder))
                count, failures = await _replay(Path(folder))
        finally:
            beating.cancel()
        runs = {each.workflow_id: each for each in given.runs}
        return Replayed(self.build_id, given.histories, count, tuple(_named(each, runs) for each in failures))


def _named(failure: ReplayFailure, runs: dict[str, RunRef]) -> ReplayFailure:
    run_id = runs[failure.workflow_id].run_id
    return ReplayFailure(failure.workflow_id, failure.event, failure.reason, run_id)


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(BEAT_SECONDS)


async def _replay(folder: Path) -> tuple[int, list[ReplayFailure]]:
    program = await asyncio.create_subprocess_exec(
        *("nice", "-n", "10", sys.executable, "-m", "workflows.replay", str(folder), "--json"),
        cwd=CODE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        said, complained = await program.communicate()
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    if program.returncode not in _SPOKE or not said:
        last = complained.decode(errors="replace").strip()[-LONGEST_REASON:]
        raise ApplicationError(f"the replay ended with {program.returncode}: {last}", type="ReplayBroke")
    answer = json.loads(said.splitlines()[-1])
    return answer["count"], [ReplayFailure(**each) for each in answer["failures"][:MOST_FAILURES]]


@dataclass(frozen=True)
class SmokeActivities:
    """Says what this process is, once it has reached Postgres."""

    sessions: sessionmaker[Session]
    build_id: str

    @activity.defn
    def smoke_check(self, given: GateInput) -> SmokeCheck:
        """Ask the database for its schema; raises where it does not answer."""
        with self.sessions.begin() as session:
            schema = session.scalar(text("SELECT version_num FROM alembic_version"))
        return SmokeCheck(self.build_id, str(schema))
