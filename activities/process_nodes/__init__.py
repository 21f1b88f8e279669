"""What each type of node does, by its key. A type that the workflow computes itself has nothing here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from activities.process_nodes.approval import ApprovalExecutor
from activities.process_nodes.automated_review import AutomatedReviewExecutor
from activities.process_nodes.notify import NotifyExecutor
from activities.process_nodes.outside import CallExternalExecutor, WebhookExecutor
from activities.process_nodes.place_order import PlaceOrderExecutor
from activities.process_nodes.send_message import SendMessageExecutor
from activities.process_nodes.validate_product import ValidateProductExecutor
from activities.process_nodes.waiting import PartExecutor, SignalExecutor, WaitExecutor
from activities.process_purchase import PurchaseSteps
from activities.process_work import Executor, TaskTeller
from gateways.amazon import AmazonBusiness
from gateways.broker import Broker
from gateways.webhook import Webhooks


def executors(
    teller: TaskTeller,
    webhooks: Webhooks,
    vendor: AmazonBusiness,
    hosts: Sequence[str],
    purchase: PurchaseSteps,
    broker: Broker,
) -> Mapping[str, Executor]:
    """Key of a type -> what does it.

    Args:
        hosts: the shops whose product links are accepted.
    """
    return {
        "approval": ApprovalExecutor(teller),
        "automated_review": AutomatedReviewExecutor(purchase.review),
        "call_external": CallExternalExecutor(webhooks, teller.public_url, broker),
        "notify": NotifyExecutor(teller),
        "place_order": PlaceOrderExecutor(purchase, vendor, hosts),
        "send_message": SendMessageExecutor(broker),
        "sub_process": PartExecutor(),
        "validate_product": ValidateProductExecutor(vendor, hosts),
        "wait": WaitExecutor(),
        "wait_for_signal": SignalExecutor(),
        "webhook": WebhookExecutor(webhooks),
    }
