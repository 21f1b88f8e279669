"""How a node waits: until somebody wakes it or its next alarm rings. Deadlines are moments, so that they outlive a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from rules.process_messages import WOKEN, NodeResult


@dataclass
class Waiting:
    """What one node waits for.

    Attributes:
        dues: the alarms that have not rung, each with its moment, the next one first.
        awaits: the roles that are waited for.
    """

    dues: list[tuple[str, datetime]]
    awaits: list[str]

    @classmethod
    def of(cls, opened: NodeResult, began_at: datetime) -> Waiting:
        """What a step that opened a wait said of it."""
        moments = [
            (each.word, moment(each.at) if each.at else began_at + timedelta(seconds=each.after_seconds))
            for each in opened.dues
        ]
        return cls(sorted(moments, key=lambda due: due[1]), list(opened.awaits))

    def to_content(self) -> dict[str, Any]:
        """What a run hands to its successor."""
        return {"dues": [[word, at.isoformat()] for word, at in self.dues], "awaits": self.awaits}

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Waiting:
        """What `to_content` wrote."""
        return cls([(word, moment(at)) for word, at in content["dues"]], list(content["awaits"]))

    async def rest(self, key: str, woken: dict[str, None], title: str) -> str:
        """Wait until something is to be looked at; the word of the alarm, or `WOKEN`."""
        word, at = self.dues[0] if self.dues else ("", None)
        try:
            await workflow.wait_condition(
                lambda: key in woken,
                timeout=None if at is None else max(at - workflow.now(), timedelta(0)),
                timeout_summary=f"{title}: {word}",
            )
        except TimeoutError:
            self.dues.pop(0)
            return word
        del woken[key]
        return WOKEN


def moment(text: str) -> datetime:
    """A moment from its ISO 8601 form."""
    return datetime.fromisoformat(text)
