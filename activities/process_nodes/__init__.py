"""What each type of node does, by its key. A type that the workflow computes itself has nothing here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from activities.process_nodes.approval import ApprovalExecutor
from activities.process_nodes.notify import NotifyExecutor
from activities.process_nodes.outside import CallExternalExecutor, WebhookExecutor
from activities.process_nodes.validate_product import ValidateProductExecutor
from activities.process_nodes.waiting import PartExecutor, SignalExecutor, WaitExecutor
from activities.process_work import Executor, TaskTeller
from gateways.amazon import AmazonBusiness
from gateways.webhook import Webhooks


def executors(
    teller: TaskTeller, webhooks: Webhooks, vendor: AmazonBusiness, hosts: Sequence[str]
) -> Mapping[str, Executor]:
    """Key of a type -> what does it.

    Args:
        hosts: the shops whose product links are accepted.
    """
    return {
        "approval": ApprovalExecutor(teller),
        "call_external": CallExternalExecutor(webhooks, teller.public_url),
        "notify": NotifyExecutor(teller),
        "sub_process": PartExecutor(),
        "validate_product": ValidateProductExecutor(vendor, hosts),
        "wait": WaitExecutor(),
        "wait_for_signal": SignalExecutor(),
        "webhook": WebhookExecutor(webhooks),
    }
