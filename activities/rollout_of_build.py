"""How a build is given to some, taken from all, or made the stable one, and how it fares. Decides none of it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from activities.rollout_lever import GateResult, NotCarried, Seen
from gateways import temporal_builds, temporal_faults, temporal_pollers
from gateways.temporal_builds import RouteRefused
from rules.analysis import Health
from rules.gate_messages import BUILD_GATE, GateInput, gate_workflow_id
from rules.gate_messages import GateResult as BuildGateResult
from rules.messages import CONTROL_QUEUE
from rules.rollout import State, share_at
from rules.routing import Mode, Rule
from rules.routing_content import to_content
from storage import build as builds
from storage import build_return, rollout_figures, routing
from storage.audit import SYSTEM
from storage.database import now
from storage.rollout import RolloutRow

log = logging.getLogger(__name__)

#: What Postgres knows of the builds is taken for knowledge when it was seen within this.
SEEN_WITHIN: Final = timedelta(seconds=15)
LOOK_SECONDS: Final = 0.1
#: Of the rules that a rollout writes: before those of everyone, behind those that name people.
PRIORITY: Final = 50


@dataclass(frozen=True)
class BuildLever:
    """Steers a worker build: routing rules choose whom, Temporal carries them there."""

    sessions: sessionmaker[Session]
    client: Client

    def waits_for(self, session: Session, row: RolloutRow) -> str:
        """For nothing: a build is tried at once."""
        return ""

    async def pass_gate(self, row: RolloutRow) -> GateResult:
        """Pollers, replay both ways, one run; see workflows/build_gate.py."""
        result: BuildGateResult = await self.client.execute_workflow(
            BUILD_GATE,
            GateInput(row.target),
            id=gate_workflow_id(row.target),
            task_queue=CONTROL_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            result_type=BuildGateResult,
        )
        return GateResult(result.passed, " ".join(result.reasons))

    async def carry(self, row: RolloutRow) -> dict[str, Any]:
        """Selective: the canary ramps at 0 %, and a rule chooses. Native: the server's ramp is the share."""
        share, departments = share_at(row.progress, row.as_plan)
        native = row.as_plan.native
        client = self.client
        route = (await temporal_builds.describe(client)).route
        if route.current == row.target:
            raise NotCarried(f"Build {row.target} is the current one already.")
        if route.ramping not in (None, row.target):
            raise NotCarried(f"Build {route.ramping} ramps beside it; there is one canary at a time.")
        percent = share if native else Decimal(0)
        if (route.ramping, route.percent) != (row.target, percent):
            try:
                route = await temporal_builds.set_ramping(client, row.target, percent, route.token)
            except RouteRefused as refusal:
                raise NotCarried(str(refusal)) from refusal
        await asyncio.to_thread(self._write_rule, row, Decimal(0) if native else share, departments)
        return {"share": str(share), "departments": list(departments), "revision": route.revision,
                "stable": route.current, "mode": "native" if native else "selective"}  # fmt: skip

    def _write_rule(self, row: RolloutRow, share: Decimal, departments: tuple[str, ...]) -> None:
        content = to_content(
            Rule(
                id="", name=f"Rollout of {row.target}", build=row.target, share_percent=share,
                salt=str(row.id), departments=departments, priority=PRIORITY, rollout_id=str(row.id),
                enabled=share > 0,
            )
        )  # fmt: skip
        mode = Mode.NATIVE if row.as_plan.native else Mode.SELECTIVE
        with self.sessions.begin() as session:
            routing.set_state(session, SYSTEM, f"rollout of {row.target}", mode=mode)
            standing = _rule_of(session, row.id)
            if standing is None:
                routing.add_rule(session, content, SYSTEM, row.why)
            else:
                routing.change_rule(
                    session, standing.id, content, SYSTEM, row.why,
                    replaces_version=standing.version, rollout_id=str(row.id),
                )  # fmt: skip

    async def take_back(self, row: RolloutRow) -> dict[str, Any]:
        """Ask for the way back, once, and wait until it has been carried out; see activities/build_return.py."""
        return_id = await asyncio.to_thread(self._ask_back, row)
        while True:
            state, report = await asyncio.to_thread(self._how_far, return_id)
            if state in {build_return.DONE, build_return.REFUSED}:
                break
            await asyncio.sleep(LOOK_SECONDS)
        await asyncio.to_thread(self._remove_rule, row, "taken back")
        return {"build_return": str(return_id), "state": state, **report}

    def _ask_back(self, row: RolloutRow) -> UUID:
        with self.sessions.begin() as session:
            asked = build_return.of_rollout(session, row.id) or build_return.ask(
                session, row.target, row.why, SYSTEM, rejects=row.ends_as == State.RETURNED, forced=True
            )
            return asked.id

    def _how_far(self, return_id: UUID) -> tuple[str, dict[str, Any]]:
        with self.sessions.begin() as session:
            asked = build_return.by_id(session, return_id)
            return asked.state, asked.report

    def _remove_rule(self, row: RolloutRow, why: str) -> None:
        with self.sessions.begin() as session:
            standing = _rule_of(session, row.id)
            if standing is not None:
                routing.remove_rule(
                    session, standing.id, SYSTEM, why,
                    replaces_version=standing.version, rollout_id=str(row.id),
                )  # fmt: skip
            routing.set_state(session, SYSTEM, why, mode=Mode.SELECTIVE)

    async def promote(self, row: RolloutRow) -> dict[str, Any]:
        """All new work, and every waiting request at its next step, goes to the build."""
        client = self.client
        route = (await temporal_builds.describe(client)).route
        before = route.current
        if before != row.target:
            if not await temporal_pollers.await_life(client, row.target):
                raise NotCarried(f"Build {row.target} has no live worker.")
            try:
                route = await temporal_builds.set_current(client, row.target, route.token)
            except RouteRefused as refusal:
                raise NotCarried(str(refusal)) from refusal
        await asyncio.to_thread(self._remove_rule, row, "promoted")
        return {"current": route.current, "before": before, "revision": route.revision}

    async def health(self, row: RolloutRow) -> Health:
        """Live workers as Postgres was told, backlog and nondeterminism as Temporal tells."""
        without, frozen, suspects = await asyncio.to_thread(self._known, row)
        try:
            backlogs, broken = await asyncio.gather(
                temporal_pollers.backlogs(self.client, row.target),
                temporal_faults.nondeterministic_runs(self.client, row.target, suspects),
            )
        except (RPCError, RuntimeError) as error:
            log.warning("the health of a build is not known", extra={"error": str(error)[:200]})
            return Health(without, None, None, frozen)
        oldest = max((each.age for each in backlogs if each.count), default=timedelta(0))
        return Health(without, oldest, len(broken), frozen)

    def _known(self, row: RolloutRow) -> tuple[timedelta | None, bool, list[str]]:
        """How long it has been without a sign of life, whether routing is frozen, and whom to ask Temporal about."""
        with self.sessions.begin() as session:
            at = now(session)
            route = builds.route(session)
            build = builds.by_id(session, row.target)
            frozen = routing.state(session).frozen
            suspects = rollout_figures.suspects(session, row.exposed_at or row.since)
        if route is None or at - route.checked_at > SEEN_WITHIN or build.last_seen_at is None:
            return None, frozen, suspects
        is_live = build.live_until is not None and build.live_until > at
        return timedelta(0) if is_live else at - build.last_seen_at, frozen, suspects

    def look(self, session: Session, row: RolloutRow) -> Seen:
        """Outcomes since the build got its first traffic in this rollout."""
        since = row.exposed_at or row.since
        native = share_at(row.progress, row.as_plan)[0] if row.as_plan.native else None
        return Seen(
            rollout_figures.read_figures(session, row.target, since, native),
            # Baking asks for time, not for as many requests once more.
            rollout_figures.count_requests(
                session, row.target, row.since if row.state == State.STEP else since
            ),
            rollout_figures.newest_at(session, row.target, since),
        )


def _rule_of(session: Session, rollout_id: UUID) -> routing.RoutingRuleRow | None:
    rules = routing.all_rules(session)
    return next((rule for rule in rules if rule.content.get("rollout_id") == str(rollout_id)), None)
