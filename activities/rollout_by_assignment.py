"""What rollouts by assignment have in common: submits, reviews and runs that begin look up who is given what.

So nothing is carried anywhere: from the commit on in which a rollout moves, they go by where it stands.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from activities.rollout_lever import GateResult, NotCarried, Seen
from rules.analysis import Reading
from rules.errors import BusinessError
from rules.rollout import State, share_at
from storage import rollout_figures
from storage.rollout import RolloutRow


@dataclass(frozen=True)
class AssignmentLever(ABC):
    """Gives and takes by assignment; what is tried, refused and promoted is the kind's own."""

    sessions: sessionmaker[Session]

    def waits_for(self, session: Session, row: RolloutRow) -> str:
        """For nothing, unless the kind says so."""
        return ""

    async def pass_gate(self, row: RolloutRow) -> GateResult:
        """Try it on what happened."""
        return await asyncio.to_thread(self._pass_gate, row)

    def _pass_gate(self, row: RolloutRow) -> GateResult:
        with self.sessions.begin() as session:
            return self.try_it(session, row)

    async def carry(self, row: RolloutRow) -> dict[str, Any]:
        """Nothing is left to do: every submit, or run that begins, reads the share from the rollout itself."""
        share, departments = share_at(row.progress, row.as_plan)
        return {"share": str(share), "departments": list(departments)}

    async def take_back(self, row: RolloutRow) -> dict[str, Any]:
        """Nothing is left to do: no review goes by a rollout that is returning."""
        return {"counts_for_reviews": False}

    async def promote(self, row: RolloutRow) -> dict[str, Any]:
        """Make it what everybody goes by, in one transaction."""
        return await asyncio.to_thread(self._promote, row)

    def _promote(self, row: RolloutRow) -> dict[str, Any]:
        try:
            with self.sessions.begin() as session:
                return self.make_stable(session, row)
        except BusinessError as refusal:
            raise NotCarried(refusal.message) from refusal

    async def health(self, row: RolloutRow) -> None:
        """The workers are the same for everybody, so nothing about them speaks against it."""
        return

    def look(self, session: Session, row: RolloutRow) -> Seen:
        """The chosen beside those of the same departments and time that were not."""
        since = row.exposed_at or row.since
        # Baking asks for time, not for as many requests once more.
        step_since = row.since if row.state == State.STEP else since
        samples, newest_at = self.count(session, row, since, step_since)
        return Seen(self.read(session, row, since), samples, newest_at, self.conflict(session, row))

    def count(
        self, session: Session, row: RolloutRow, since: datetime, step_since: datetime
    ) -> tuple[int, datetime | None]:
        """How many of the chosen were seen since its step began, and when one was seen last; requests by default."""
        return rollout_figures.count_assigned(session, row.id, since, step_since)

    def read(self, session: Session, row: RolloutRow, since: datetime) -> Mapping[str, Reading]:
        """Metric key -> its counts in both arms; of requests by default."""
        return rollout_figures.read_assigned(session, row.id, since)

    @abstractmethod
    def try_it(self, session: Session, row: RolloutRow) -> GateResult:
        """What there is to be said of it before anybody gets it."""

    @abstractmethod
    def make_stable(self, session: Session, row: RolloutRow) -> dict[str, Any]:
        """Let everybody go by it; what was done. Raises BusinessError; once, however often it is called."""

    @abstractmethod
    def conflict(self, session: Session, row: RolloutRow) -> str:
        """Why it can no longer become the stable one; empty where it can."""
