"""What the face and the workflows say to each other: inputs, signals and names. The only place where both meet.

Annotations are real types here, not texts: Temporal reads them at every message, which is ten times as quick.
"""

from dataclasses import dataclass
from typing import Final

APPROVALS_QUEUE: Final = "approvals"
CONTROL_QUEUE: Final = "control"
#: The worker deployment that all builds of the approvals worker belong to. So is it called, too, where Temporal's Worker
#: Controller keeps the builds: by the namespace and the name of its WorkerDeployment in k8s/overlays/worker-controller.
APPROVALS_DEPLOYMENT: Final = "vistobueno/approvals"
PURCHASE_APPROVAL: Final = "PurchaseApproval"
SIGNAL_DECISION: Final = "approval_decision"
SIGNAL_WITHDRAW: Final = "withdraw"
SIGNAL_SETTLED: Final = "order_settled"
QUERY_STATE: Final = "state"
ROLLOUT: Final = "Rollout"
SIGNAL_WAKE: Final = "wake"


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


@dataclass(frozen=True)
class RequestStep:
    """The input of a step that concerns one request."""

    request_id: str


@dataclass(frozen=True)
class ReviewStepResult:
    """Where a request stands after a step that may leave it to a person.

    Attributes:
        status: the request's status after the step.
        why: a `rules.decision.Why` where a person has to decide, else empty.
        detail: the sentence that the person reads.
    """

    status: str
    why: str = ""
    detail: str = ""


@dataclass(frozen=True)
class AskStep:
    """The input of asking a person.

    Attributes:
        why: a `rules.decision.Why`.
        unit_price: what one piece costs now, as Decimal text, where that is the question; else empty.
    """

    request_id: str
    why: str
    detail: str
    unit_price: str = ""


@dataclass(frozen=True)
class AskStepResult:
    """Who was asked.

    Attributes:
        decision_id: empty where the request had ended before anybody was asked.
        asked: the person's name, for Temporal's own pages.
    """

    status: str
    decision_id: str = ""
    asked: str = ""


@dataclass(frozen=True)
class DecisionStep:
    """The input of a step that concerns one question.

    Attributes:
        step: tells repeats of one step apart, such as the second reminder.
    """

    request_id: str
    decision_id: str
    step: str = ""


@dataclass(frozen=True)
class DecisionStepResult:
    """Where a question stands: `outcome` is a `rules.decision.Outcome`, empty while it is open."""

    status: str
    outcome: str = ""


@dataclass(frozen=True)
class OrderStep:
    """The input of placing an order.

    Attributes:
        sends_so_far: how often the caller knows the order to have left; see storage/order.py.
    """

    request_id: str
    sends_so_far: int = 0


@dataclass(frozen=True)
class OrderStepResult:
    """What is known of the order.

    Attributes:
        status: the request's status after the step.
        state: a `storage.order.Standing`.
        sends: how often the order may have left us.
        may_send_again: whether reading back has shown that the vendor does not have it.
        unit_price: what the vendor wants for one piece, as Decimal text, where it refused our price.
    """

    status: str
    state: str
    sends: int
    detail: str = ""
    may_send_again: bool = False
    unit_price: str = ""


@dataclass(frozen=True)
class StraySignal:
    """A signal that changed nothing, for the audit trail."""

    request_id: str
    signal: str
    decision_id: str
    reason: str


@dataclass(frozen=True)
class PurchaseResult:
    """How a purchase approval ended: the request's final status."""

    status: str


@dataclass(frozen=True)
class RolloutInput:
    """What a rollout is started with; everything else about it lies in Postgres."""

    rollout_id: str


@dataclass(frozen=True)
class RolloutLook:
    """What a rollout has to do next.

    Attributes:
        state: a `rules.rollout.State`.
        act: a `rules.rollout.Act`.
        wait_seconds: how long to wait before the next look, where there is nothing to do.
    """

    state: str
    act: str
    wait_seconds: float = 0.0


@dataclass(frozen=True)
class RolloutResult:
    """How a rollout ended: a `rules.rollout.State`."""

    state: str
