"""What each type of node does, by its key. A type that the workflow computes itself has nothing here."""

from __future__ import annotations

from collections.abc import Mapping

from activities.process_nodes.approval import ApprovalExecutor
from activities.process_nodes.notify import NotifyExecutor
from activities.process_nodes.outside import CallExternalExecutor, WebhookExecutor
from activities.process_nodes.waiting import PartExecutor, SignalExecutor, WaitExecutor
from activities.process_work import Executor, TaskTeller
from gateways.webhook import Webhooks


def executors(teller: TaskTeller, webhooks: Webhooks) -> Mapping[str, Executor]:
    """Key of a type -> what does it."""
    return {
        "approval": ApprovalExecutor(teller),
        "call_external": CallExternalExecutor(webhooks, teller.public_url),
        "notify": NotifyExecutor(teller),
        "sub_process": PartExecutor(),
        "wait": WaitExecutor(),
        "wait_for_signal": SignalExecutor(),
        "webhook": WebhookExecutor(webhooks),
    }
