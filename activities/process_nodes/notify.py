"""Notify: rows that the control worker delivers. Sends nothing itself."""

from __future__ import annotations

from dataclasses import dataclass

from activities.process_work import TaskTeller, Work
from rules.notification import Kind
from rules.process import Outcome
from rules.process_messages import NodeResult
from rules.process_nodes.notify import TYPE


@dataclass(frozen=True)
class NotifyExecutor:
    """Tells people in the words of the process."""

    teller: TaskTeller

    def begin(self, work: Work) -> NodeResult:
        """Write the messages, each once."""
        reached = work.reached(work.asked(work.config["to"], None))
        self.teller.tell(
            work,
            reached,
            Kind.NOTICE,
            work.named(str(TYPE.value(work.config, "text"))),
            title=work.named(str(work.config["subject"])),
            channels=TYPE.value(work.config, "channels"),
        )
        return work.end(Outcome.COMPLETED)

    def settle(self, work: Work, why: str) -> NodeResult:
        """Waits for nothing."""
        return work.end(Outcome.COMPLETED)
