"""What a rollout of any kind does with its target. Each kind has a file of its own; activities/registry.py names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session

from rules.analysis import Health, Reading
from storage.rollout import RolloutRow


class NotCarried(Exception):
    """What should be done cannot be done now; the message says why. Nothing was changed."""


@dataclass(frozen=True)
class GateResult:
    """Whether it may go on, what is to say of that, and what was found, as it is kept with the rollout."""

    passed: bool
    detail: str
    found: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What is known of the new one.

    Attributes:
        readings: what has been counted.
        samples: how many requests it served in this step.
        newest_at: when its newest figure was written; None without any.
        conflict: why it can no longer become the stable one; empty where it can.
    """

    readings: Mapping[str, Reading]
    samples: int
    newest_at: datetime | None
    conflict: str = ""


class Lever(Protocol):
    """What a rollout of one kind does with its target; every method may be called again."""

    def waits_for(self, session: Session, row: RolloutRow) -> str:
        """What its gate has to wait for before it is tried, one sentence; empty where for nothing."""

    async def pass_gate(self, row: RolloutRow) -> GateResult:
        """Try it before anybody gets it."""

    async def carry(self, row: RolloutRow) -> dict[str, Any]:
        """Give it to whom the rollout's share names now; what was done. Raises NotCarried."""

    async def take_back(self, row: RolloutRow) -> dict[str, Any]:
        """Take it from everybody; what was done. Raises NotCarried."""

    async def promote(self, row: RolloutRow) -> dict[str, Any]:
        """Make it what everybody gets; what was done. Raises NotCarried."""

    async def health(self, row: RolloutRow) -> Health | None:
        """What needs no statistics; what cannot be found out is None. None where there is nothing of the kind."""

    def look(self, session: Session, row: RolloutRow) -> Seen:
        """What has been counted."""
