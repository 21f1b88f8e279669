"""The steps of a rollout: look, try, give, take back, make stable. What comes next is decided in rules/rollout.py."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from activities.rollout_lever import GateResult, Lever, NotCarried, Seen
from rules.analysis import Health
from rules.messages import RolloutInput, RolloutLook
from rules.notification import Facts, word
from rules.notification import Kind as Told
from rules.person import Role
from rules.rollout import Act, Kind, Look, Progress, State, judge, next_act, paused_by, returned
from rules.rollout_command import may_steer
from rules.rollout_watch import Watch, metrics_of, to_figures, watch
from storage import notification, person, rollout
from storage.audit import SYSTEM
from storage.database import now
from storage.rollout import RolloutRow, carry_mark

log = logging.getLogger(__name__)

#: However rarely the figures are to be looked at: what needs no statistics is looked at this often.
LONGEST_WAIT_SECONDS: Final = 10.0
_NOTHING: Final = Seen({}, 0, None)


@dataclass(frozen=True)
class RolloutActivities:
    """The steps; each may be run twice.

    Attributes:
        levers: what can be rolled out, and how.
        public_url: where links lead to.
        has_chat: whether the company has a chat channel.
    """

    sessions: sessionmaker[Session]
    levers: Mapping[Kind, Lever]
    public_url: str
    has_chat: bool

    @activity.defn
    async def look_at_rollout(self, given: RolloutInput) -> RolloutLook:
        """Read the figures, judge them, write down where the rollout stands now."""
        row = await self._read(given)
        lever = self._lever(row)
        health = await lever.health(row) if row.progress.is_exposed else Health()
        return await asyncio.to_thread(self._judge, row.id, lever, health)

    def _judge(self, rollout_id: UUID, lever: Lever, health: Health | None) -> RolloutLook:
        with self.sessions.begin() as session:
            row = rollout.by_id(session, rollout_id, lock=True)
            plan, at = row.as_plan, now(session)
            seen, what, waits = _NOTHING, None, ""
            if row.state == State.GATE and row.gate is None:
                waits = lever.waits_for(session, row)
            if row.progress.is_exposed:
                seen = lever.look(session, row)
                what = watch(metrics_of(plan, row.step, Kind(row.kind)), seen.readings, health, at)
                row.figures = to_figures(what) | {"samples": seen.samples}
            row.checked_at = at
            after = judge(row.progress, plan, _look(at, row, seen, what, waits))
            self._move(session, row, after, "judged", row.figures)
            act = next_act(row.progress, is_carried=row.carried == carry_mark(row), waits=bool(waits))
            wait = min(float(plan.check_seconds), LONGEST_WAIT_SECONDS)
            return RolloutLook(row.state, act.value, wait if act is Act.WATCH else 0.0)

    @activity.defn
    async def pass_gate(self, given: RolloutInput) -> None:
        """Try the new one before anybody gets it, and keep what was found."""
        row = await self._read(given)
        result = await self._lever(row).pass_gate(row)
        await asyncio.to_thread(self._keep_gate, row.id, result)

    def _keep_gate(self, rollout_id: UUID, result: GateResult) -> None:
        with self.sessions.begin() as session:
            row = rollout.by_id(session, rollout_id, lock=True)
            if row.state == State.GATE:
                row.gate = {
                    "passed": result.passed, "detail": result.detail, "at": now(session).isoformat(),
                    **result.found,
                }  # fmt: skip
                rollout.note(
                    session, row, SYSTEM, "gate_passed" if result.passed else "gate_failed", row.gate
                )

    @activity.defn
    async def carry_share(self, given: RolloutInput) -> None:
        """Give the new one to whom the share names now; where that cannot be, pause and say why."""
        row = await self._read(given)
        try:
            done = await self._lever(row).carry(row)
        except NotCarried as refusal:
            await asyncio.to_thread(self._pause, row.id, str(refusal))
            return
        await asyncio.to_thread(self._carried, row, "share_carried", done)

    @activity.defn
    async def take_back(self, given: RolloutInput) -> None:
        """Take the new one from everybody, then end."""
        row = await self._read(given)
        done = await self._lever(row).take_back(row)
        await asyncio.to_thread(self._taken_back, row.id, done)

    def _taken_back(self, rollout_id: UUID, done: Mapping[str, Any]) -> None:
        with self.sessions.begin() as session:
            row = rollout.by_id(session, rollout_id, lock=True)
            if row.state == State.RETURNING:
                self._move(session, row, returned(row.progress, now(session)), "taken_back", done)

    @activity.defn
    async def make_stable(self, given: RolloutInput) -> None:
        """Make the new one what everybody gets; where that cannot be, it goes on baking and says why."""
        row = await self._read(given)
        try:
            done = await self._lever(row).promote(row)
        except NotCarried as refusal:
            await asyncio.to_thread(self._pause, row.id, str(refusal))
            return
        await asyncio.to_thread(self._carried, row, "made_stable", done)

    def _pause(self, rollout_id: UUID, why: str) -> None:
        with self.sessions.begin() as session:
            row = rollout.by_id(session, rollout_id, lock=True)
            self._move(session, row, paused_by(row.progress, why, now(session)), "not_carried", {})

    def _carried(self, read: RolloutRow, event: str, done: Mapping[str, Any]) -> None:
        """Note it for the share that was carried: another one may have been set meanwhile."""
        with self.sessions.begin() as session:
            row = rollout.by_id(session, read.id, lock=True)
            row.carried = carry_mark(read)
            if "stable" in done and not row.before:
                row.before = {"stable": done["stable"]}
            rollout.note(session, row, SYSTEM, event, done)

    async def _read(self, given: RolloutInput) -> RolloutRow:
        return await asyncio.to_thread(self._read_row, UUID(given.rollout_id))

    def _read_row(self, rollout_id: UUID) -> RolloutRow:
        with self.sessions.begin() as session:
            return rollout.by_id(session, rollout_id)

    def _lever(self, row: RolloutRow) -> Lever:
        return self.levers[Kind(row.kind)]

    def _move(
        self, session: Session, row: RolloutRow, after: Progress, event: str, detail: Mapping[str, Any]
    ) -> None:
        """Write the move, and tell the people who may steer it of one that they did not make."""
        before = row.progress
        rollout.move(session, row, after, SYSTEM, event, detail)
        if (before.state, before.step, before.ready) != (after.state, after.step, after.ready):
            self._tell(session, row)

    def _tell(self, session: Session, row: RolloutRow) -> None:
        stands = "ready to be promoted by another person" if row.ready else row.state
        facts = Facts(row.label, stands, "", "", f"{self.public_url}/rollouts/{row.id}", row.why)
        steering = [role for role in Role if may_steer({role}, Kind(row.kind))]
        recipients = {each.id for role in steering for each in person.holding(session, role)}
        step = f"{row.id}:{row.revision}"
        notification.tell(
            session,
            None,
            sorted(recipients),
            Told.ROLLOUT,
            word(Told.ROLLOUT, facts),
            step=step,
            to_chat=self.has_chat,
        )


def _look(at: Any, row: RolloutRow, seen: Seen, what: Watch | None, waits: str) -> Look:
    gate = row.gate or {}
    return Look(
        now=at,
        gate=gate.get("passed"),
        gate_detail=str(gate.get("detail", "")),
        waits=waits,
        conflict=seen.conflict,
        breaches=what.breaches if what else (),
        hard_stops=what.hard_stops if what else (),
        open_points=what.open_points if what else (),
        samples=seen.samples,
        newest_at=seen.newest_at,
    )
