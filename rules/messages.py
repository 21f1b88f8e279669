"""What the face and the workflows say to each other: inputs, signals and names. The only place where both meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

APPROVALS_QUEUE: Final = "approvals"
CONTROL_QUEUE: Final = "control"
PURCHASE_APPROVAL: Final = "PurchaseApproval"
SIGNAL_DECISION: Final = "approval_decision"
SIGNAL_WITHDRAW: Final = "withdraw"
SIGNAL_SETTLED: Final = "order_settled"
QUERY_STATE: Final = "state"


@dataclass(frozen=True)
class PurchaseInput:
    """What a purchase approval is started with. Ids and what search and Temporal's own pages show; no secrets.

    Attributes:
        amount: Decimal as text, in `currency`.
    """

    request_id: str
    number: str
    department_id: str
    requester_id: str
    requester_name: str
    title: str
    amount: str
    currency: str


@dataclass(frozen=True)
class DecisionSignal:
    """Somebody answered; the answer itself lies in Postgres under `decision_id`."""

    decision_id: str


@dataclass(frozen=True)
class WithdrawSignal:
    """The requester took the request back; Postgres knows already."""

    request_id: str


@dataclass(frozen=True)
class SettledSignal:
    """A person settled an order whose outcome was unknown; Postgres knows already."""

    request_id: str
