"""Send message: publishes through the message broker, where one is set up, and waits for nobody."""

from __future__ import annotations

from dataclasses import dataclass

from activities.process_work import Work
from gateways.broker import Broker
from rules.process import Outcome
from rules.process_messages import NodeResult
from rules.process_value import written
from storage import process_value


@dataclass(frozen=True)
class SendMessageExecutor:
    """Completed when the broker has taken the message and somebody's queue has it."""

    broker: Broker

    def prepare(self, work: Work) -> str:
        """Nothing: a repeat carries the same id."""
        return ""

    def begin(self, work: Work) -> NodeResult:
        """Publish; an absent broker has it tried again, none at all fails the node."""
        body = written(process_value.whole(work.session, work.config.get("body", {})))
        self.broker.publish(str(work.config["topic"]), body, work.name)
        return work.end(Outcome.COMPLETED)

    def settle(self, work: Work, why: str) -> NodeResult:
        """Waits for nothing."""
        return work.fail("a message is not waited for")
