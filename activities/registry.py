"""Every activity, made with the means it needs. The one place that wires stores and gateways to steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client

from activities.decision import DecisionActivities
from activities.gate import GateActivities
from activities.notification import NotificationActivities, Teller
from activities.order import OrderActivities
from activities.process import ProcessActivities
from activities.process_nodes import executors
from activities.process_purchase import PurchaseSteps
from activities.process_timetable import TimetableActivities
from activities.process_work import TaskTeller
from activities.product import ProductActivities
from activities.rehearsal import RehearsalActivities
from activities.replay import ReplayActivities, SmokeActivities
from activities.review import ReviewActivities
from activities.rollout import RolloutActivities
from activities.rollout_lever import Lever
from activities.rollout_of_build import BuildLever
from activities.rollout_of_flag import FlagLever
from activities.rollout_of_policy import PolicyLever
from activities.rollout_of_process import ProcessLever
from gateways.amazon import AmazonBusiness
from gateways.amazon_account import account_of
from gateways.broker import Broker
from gateways.webhook import Webhooks
from rules.rollout import Kind
from settings import Settings
from storage.flag_copy import FlagCopy


@dataclass(frozen=True)
class Means:
    """What activities work with."""

    sessions: sessionmaker[Session]
    vendor: AmazonBusiness
    flags: FlagCopy
    teller: Teller
    price_tolerance_percent: Decimal
    vendor_hosts: tuple[str, ...] = ("amazon.es", "amazon.com")
    webhooks: Webhooks = field(default_factory=Webhooks)
    broker: Broker = field(default_factory=Broker)

    @classmethod
    def of(cls, settings: Settings, sessions: sessionmaker[Session], flags: FlagCopy) -> Means:
        """What the settings say."""
        return cls(
            sessions=sessions,
            vendor=AmazonBusiness(account_of(settings)),
            flags=flags,
            teller=Teller(settings.public_url, settings.slack_webhook_url is not None),
            price_tolerance_percent=settings.price_tolerance_percent,
            vendor_hosts=settings.vendor_hosts,
            webhooks=Webhooks(settings.webhook_secrets, settings.webhook_private),
            broker=Broker(settings.broker_url),
        )


def approvals(means: Means) -> list[Callable[..., Any]]:
    """The activities that an approvals worker serves."""
    product = ProductActivities(means.sessions, means.vendor, means.price_tolerance_percent)
    review = ReviewActivities(means.sessions, means.flags)
    decision = DecisionActivities(means.sessions, means.teller)
    order = OrderActivities(means.sessions, means.vendor, means.teller, means.price_tolerance_percent)
    notification = NotificationActivities(means.sessions, means.teller)
    return [
        product.validate_product,
        review.review_request,
        decision.ask_approver,
        decision.read_decision,
        decision.remind_approver,
        decision.escalate_decision,
        decision.expire_decision,
        decision.note_stray_signal,
        order.place_order,
        order.read_order_back,
        order.ask_settlement,
        notification.tell_people,
        *processes(means),
    ]


def processes(means: Means) -> list[Callable[..., Any]]:
    """The activities of processes; an approvals worker serves them, too."""
    teller = TaskTeller(means.teller.public_url, means.teller.has_chat)
    purchase = PurchaseSteps.of(
        means.sessions, means.vendor, means.flags, means.teller, means.price_tolerance_percent
    )
    process = ProcessActivities(
        means.sessions,
        executors(teller, means.webhooks, means.vendor, means.vendor_hosts, purchase, means.broker),
        purchase.tell_end,
    )
    return [
        process.load_process,
        process.load_version,
        process.run_node,
        process.settle_node,
        process.note_news,
        process.load_value,
    ]


def trials(sessions: sessionmaker[Session], build_id: str) -> list[Callable[..., Any]]:
    """What every build serves beside the approvals, on the same queue."""
    return [SmokeActivities(sessions, build_id).smoke_check]


def gate(client: Client, build_id: str) -> list[Callable[..., Any]]:
    """What every build serves on its gate queue: its own answers to each step, and its replays."""
    own = RehearsalActivities()
    return [
        ReplayActivities(client, build_id).replay_histories,
        own.validate_product,
        own.review_request,
        own.ask_approver,
        own.read_decision,
        own.remind_approver,
        own.escalate_decision,
        own.expire_decision,
        own.note_stray_signal,
        own.place_order,
        own.read_order_back,
        own.ask_settlement,
        own.tell_people,
    ]


def control(sessions: sessionmaker[Session], client: Client) -> list[Callable[..., Any]]:
    """The activities that a control worker serves."""
    gate = GateActivities(sessions, client)
    return [
        gate.survey_build,
        gate.rehearse_build,
        gate.end_rehearsal,
        gate.try_smoke_run,
        gate.note_gate,
        TimetableActivities(sessions).begin_planned_run,
    ]


def rollouts(sessions: sessionmaker[Session], client: Client, settings: Settings) -> list[Callable[..., Any]]:
    """The activities that carry rollouts; a control worker serves them, too."""
    levers: dict[Kind, Lever] = {
        Kind.BUILD: BuildLever(sessions, client),
        Kind.POLICY: PolicyLever(sessions),
        Kind.FLAG: FlagLever(sessions),
        Kind.PROCESS: ProcessLever(sessions),
    }
    has_chat = settings.slack_webhook_url is not None
    rollout = RolloutActivities(sessions, levers, settings.public_url, has_chat)
    return [
        rollout.look_at_rollout,
        rollout.pass_gate,
        rollout.carry_share,
        rollout.take_back,
        rollout.make_stable,
    ]
