"""The workflow of the small drills: an order goes through a warehouse, step by step. Knows no drill and no server.

Small on purpose: the order of steps and the waiting are in the workflow, which may be replayed at any time by any
worker; whatever is done, is done in activities. Each of them leaves a receipt that says who did it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any, Final

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

log = logging.getLogger("drills.worker")

LIFECYCLE: Final = "Lifecycle"
#: Workers without versions share one queue; builds of a deployment share the other.
UNVERSIONED_QUEUE: Final = "drills-unversioned"
VERSIONED_QUEUE: Final = "drills-versioned"
DEPLOYMENT: Final = "drills"

#: What happens to every order; a short run does two of it.
STEPS: Final = ("reserve", "pick", "pack", "weigh", "ship", "bill")
QUICK_STEPS: Final = ("reserve", "bill")
#: The step that newer builds add, before this one of the old. Builds that know of it but do not do it yet: the first.
PHOTOGRAPH: Final = "photograph"
PHOTOGRAPHED_BEFORE: Final = "weigh"
PATCH: Final = "photograph-v1"
FIRST_BUILDS: Final = frozenset({"", "A", "a"})

#: A worker says every so often that it still works at a step; it is taken for dead when it does not.
HEARTBEAT_SECONDS: Final = 0.5
SILENCE: Final = timedelta(seconds=5)
LONG_SILENCE: Final = timedelta(seconds=20)
#: Tried again after 1 s, 2 s, 4 s, 8 s, then every 10 s, for as long as it takes.
RETRY: Final = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(seconds=10)
)
STEP_TIMEOUT: Final = timedelta(minutes=2)

#: What a worker writes into its log when it begins a step, and when it has done it.
BEGUN: Final = "%(order)s: %(step)s begins, attempt %(attempt)s"
DONE: Final = "%(order)s: %(step)s is done"

#: What goes wrong at a step, in words, where a worker is told to fail at it.
TROUBLES: Final = {
    "reserve": "the stock list does not answer",
    "weigh": "the scales give no figure",
    "ship": "the line to the courier is dead",
}
NO_SUCH_ADDRESS: Final = "NoSuchAddress"


@dataclass(frozen=True)
class Order:
    """What a run is about.

    Attributes:
        slow: a step that takes five times as long as the others.
        hold_before: steps that wait for the signal `go_on`.
        patient: believe a silent worker dead only after a longer while, so that a busy machine is not taken for a dead one;
            the slow step is left out.
    """

    number: str
    steps: tuple[str, ...] = STEPS
    step_seconds: float = 1.0
    slow: str = ""
    hold_before: tuple[str, ...] = ()
    address_exists: bool = True
    patient: bool = False

    def silence(self, step: str) -> timedelta:
        """How long the server waits for a sign of life at a step before it has another worker try it."""
        return LONG_SILENCE if self.patient and step != self.slow else SILENCE

    def seconds(self, step: str) -> float:
        """How long a step takes."""
        return self.step_seconds * (5 if step == self.slow else 1)


@dataclass(frozen=True)
class Receipt:
    """What is left of one step: who did it, at which attempt, and a number made by chance when it was done."""

    step: str
    number: str
    worker: str
    build: str
    pid: int
    attempt: int


@dataclass(frozen=True)
class Journey:
    """What a run gives back.

    Attributes:
        worker_versions_used: the builds that did at least one step, in the order in which they came.
        version_changes_detected: between which steps the build was another one.
        rollout_detected: whether more than one build was at work.
    """

    order: str
    receipts: tuple[Receipt, ...]
    worker_versions_used: tuple[str, ...]
    version_changes_detected: tuple[str, ...]
    rollout_detected: bool


def journey_of(order: str, receipts: Sequence[Receipt]) -> Journey:
    """Read off the receipts which builds were at work and where the work passed from one to the other."""
    used = tuple(dict.fromkeys(receipt.build for receipt in receipts))
    changes = tuple(
        f"{before.step} → {after.step}: {before.build} → {after.build}"
        for before, after in pairwise(receipts)
        if before.build != after.build
    )
    return Journey(order, tuple(receipts), used, changes, len(used) > 1)


@workflow.defn(name=LIFECYCLE)
class Lifecycle:
    """Takes one order through its steps, whatever becomes of the workers meanwhile."""

    def __init__(self) -> None:
        self._receipts: list[Receipt] = []
        self._may_pass: list[str] = []

    @workflow.run
    async def run(self, order: Order) -> Journey:
        """One step after the other; what is done so far lies in the history and in `_receipts`."""
        # Asked once, at the very beginning: a run keeps for ever what it was told then.
        steps = with_photograph(order.steps) if workflow.patched(PATCH) else order.steps
        for step in steps:
            if step in order.hold_before:
                await workflow.wait_condition(lambda step=step: step in self._may_pass)  # type: ignore[misc]
            receipt: Receipt = await workflow.execute_activity(
                step,
                order,
                result_type=Receipt,
                start_to_close_timeout=STEP_TIMEOUT,
                heartbeat_timeout=order.silence(step),
                retry_policy=RETRY,
            )
            self._receipts.append(receipt)
        return journey_of(order.number, self._receipts)

    @workflow.signal
    def go_on(self, step: str) -> None:
        """Let the run go past the step that it waits before."""
        self._may_pass.append(step)

    @workflow.query
    def receipts(self) -> list[Receipt]:
        """What the run remembers of what was done; answered by a worker, from its memory."""
        return self._receipts


def with_photograph(steps: Sequence[str]) -> tuple[str, ...]:
    """The steps of the newer builds: a photograph of the packed goods, before they are weighed."""
    return tuple(each for step in steps for each in _photographed(step))


def _photographed(step: str) -> tuple[str, ...]:
    return (PHOTOGRAPH, step) if step == PHOTOGRAPHED_BEFORE else (step,)


@dataclass(frozen=True)
class Hands:
    """The activities of one worker. `fails` are the steps that go wrong here, every time."""

    worker: str
    build: str
    fails: frozenset[str] = field(default_factory=frozenset)

    def activities(self) -> list[Callable[..., Any]]:
        """One activity for every step."""
        return [self._activity(step) for step in (*STEPS, PHOTOGRAPH)]

    def _activity(self, step: str) -> Callable[..., Any]:
        @activity.defn(name=step)
        async def do(order: Order) -> Receipt:
            return await self._do(step, order)

        return do

    async def _do(self, step: str, order: Order) -> Receipt:
        attempt = activity.info().attempt
        where = {"order": order.number, "step": step, "attempt": attempt}
        log.info(BEGUN, where)
        await self._work(order.seconds(step))
        if step == "ship" and not order.address_exists:
            log.warning("%(order)s: %(step)s is refused: there is no such address", where)
            raise ApplicationError("there is no such address", type=NO_SUCH_ADDRESS, non_retryable=True)
        if step in self.fails:
            trouble = TROUBLES.get(step, "it does not work here")
            log.warning("%(order)s: %(step)s fails: %(trouble)s", {**where, "trouble": trouble})
            raise ApplicationError(f"{trouble} ({self.worker})")
        log.info(DONE, where)
        return Receipt(step, secrets.token_hex(3), self.worker, self.build, os.getpid(), attempt)

    async def _work(self, seconds: float) -> None:
        """Stands for the work of a step; says meanwhile that the worker lives."""
        ends_at = asyncio.get_running_loop().time() + seconds
        while (left := ends_at - asyncio.get_running_loop().time()) > 0:
            activity.heartbeat()
            await asyncio.sleep(min(left, HEARTBEAT_SECONDS))


def fails_at(steps: Iterable[str]) -> frozenset[str]:
    """The steps at which a worker is to fail. Raises ValueError for one that there is not."""
    wanted = frozenset(steps)
    unknown = wanted - {*STEPS, PHOTOGRAPH}
    if unknown:
        raise ValueError(f"--fails: there is no step {', '.join(sorted(unknown))}")
    return wanted
