"""Nodes that call other systems: a signed webhook, and work that is handed out with a callback token."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from activities.process_nodes.waiting import deadline_of
from activities.process_work import Work
from gateways.broker import Broker
from gateways.webhook import Answer, Webhooks
from rules.process import Outcome
from rules.process_event import NOBODY_ANSWERED
from rules.process_messages import DEADLINE, NodeResult
from rules.process_value import written
from storage import process_callback, process_message, process_value
from storage.database import now


@dataclass(frozen=True)
class WebhookExecutor:
    """Calls another system and gives out what it answered."""

    webhooks: Webhooks

    def prepare(self, work: Work) -> str:
        """Nothing: the id of the call is that of the attempt."""
        return ""

    def begin(self, work: Work) -> NodeResult:
        """Call; a repeat carries the same id."""
        answer = _send(self.webhooks, work, work.config.get("body", {}))
        return work.end(Outcome.COMPLETED, {"status": answer.status, "body": _body(answer)})

    def settle(self, work: Work, why: str) -> NodeResult:
        """Waits for nothing."""
        return work.fail("a webhook does not wait")


@dataclass(frozen=True)
class CallExternalExecutor:
    """Hands work to another system, with a token that completes or fails it."""

    webhooks: Webhooks
    public_url: str
    broker: Broker

    def prepare(self, work: Work) -> str:
        """A token: the other system may use it before we have its answer to the call."""
        return process_callback.hand_out(work.session, work.run.id, work.row.node, work.row.iteration)

    def begin(self, work: Work) -> NodeResult:
        """Hand it out, unless an answer is there already; a repeat hands out another token."""
        ended = _taken(work)
        if ended is not None:
            return ended
        callback = {"token": work.prepared, "url": f"{self.public_url}/api/v1/callbacks/{work.prepared}"}
        body = {**work.config.get("body", {}), "callback": callback}
        if work.config.get("through", "webhook") == "webhook":
            _send(self.webhooks, work, body)
        else:
            content = written(process_value.whole(work.session, body))
            self.broker.publish(str(work.config["topic"]), content, work.name)
        return NodeResult(dues=deadline_of(work))

    def settle(self, work: Work, why: str) -> NodeResult:
        """Whatever came first counts, also at the deadline."""
        ended = _taken(work)
        if ended is None and why == DEADLINE:
            ended = work.fail(NOBODY_ANSWERED)
        if ended is not None:
            process_callback.close(work.session, work.run.id, (work.row.node, work.row.iteration))
        return ended or NodeResult()


def _send(webhooks: Webhooks, work: Work, body: Any) -> Answer:
    content = written(process_value.whole(work.session, body)).decode()
    secret = str(work.config.get("secret_name", ""))
    return webhooks.send(str(work.config["url"]), content, secret, work.name, now(work.session))


def _body(answer: Answer) -> Any:
    """The answer as JSON, else as text; None for an empty one."""
    text = answer.body.decode(errors="replace").replace("\0", "")
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _taken(work: Work) -> NodeResult | None:
    message = process_message.take(work.session, work.run.id, work.row.node, work.row.iteration)
    if message is None:
        return None
    if message.outcome == Outcome.FAILED.value:
        return work.fail(message.error)
    return work.end(Outcome.COMPLETED, message.output)
