"""Drill: a step fails again and again on one machine. Who tries it again, when, and where? And when is it given up?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from local.drills.catalogue import Pace
from local.drills.history import Recorded, StepDone
from local.drills.lifecycle import RETRY, STEPS, TROUBLES, Order
from local.drills.stage import Stage
from local.drills.story import Check, How, Story, Verdict, judged
from local.drills.warehouse import Attempt, Warehouse, open_warehouse

BROKEN: Final = "west"
SOUND: Final = "east"
#: The step that goes wrong.
STEP: Final = "ship"

LESSON: Final = (
    "Nobody has written a loop: the step says once how it is to be tried again, and the server keeps the time, whatever "
    "becomes of the workers. What may pass is tried again with growing waits; what will never pass is said to be so, and "
    "ends at once. In Vistobueno every step has such a policy, in workflows/steps.py."
)


@dataclass(frozen=True)
class Facts:
    """What was found out.

    Attributes:
        wanted: so many attempts were to fail before help came.
        between: what the server said between two attempts, each once.
        run: the order that came through.
        refused: the order that cannot be shipped at all.
    """

    wanted: int
    between: tuple[Attempt, ...]
    run: Recorded
    refused: Recorded


def policy_wait(after_attempt: int) -> timedelta:
    """How long the policy waits after an attempt, counted from 1, has failed."""
    longest = RETRY.maximum_interval or timedelta.max
    return min(RETRY.initial_interval * RETRY.backoff_coefficient ** (after_attempt - 1), longest)


def judge(facts: Facts) -> Verdict:
    """The verdict, from facts alone."""
    step = _step(facts.run, STEP)
    others = [one for one in facts.run.steps if one.name != STEP]
    refused = _step(facts.refused, STEP)
    return judged(
        LESSON,
        Check(
            f"{STEP} failed on {BROKEN}, {facts.wanted} times or more",
            step is not None
            and step.attempt > facts.wanted
            and _failed_on(BROKEN, facts.between, facts.wanted),
            f"the server named {BROKEN} before attempts {', '.join(str(one.number) for one in facts.between)}; "
            f"the history has attempt {step.attempt if step else 'none'} as the last",
        ),
        Check(
            "The waits between the attempts are those of the policy: each twice as long as the one before",
            len(facts.between) >= 2 and all(one.wait == policy_wait(one.number - 1) for one in facts.between),
            ", ".join(f"after attempt {one.number - 1}: {_seconds(one.wait)}" for one in facts.between)
            or "no wait seen",
        ),
        Check(
            f"It came through on {SOUND}, another worker",
            step is not None and str(step.worker) == SOUND and bool(step.receipt),
            _last(step),
        ),
        Check(
            "No other step was done again because of that",
            tuple(one.name for one in facts.run.steps) == STEPS and all(one.attempt == 1 for one in others),
            "attempts: " + ", ".join(f"{one.name} {one.attempt}" for one in others),
        ),
        Check(
            "What can never succeed was not tried again, and the run ended with the reason",
            refused is not None and refused.attempt == 1 and bool(refused.refused) and facts.refused.failed,
            f"attempt {refused.attempt}: {refused.refused}" if refused else "no such step",
        ),
        Check("The order came to its end", facts.run.completed, f"{len(facts.run.receipts)} receipts"),
    )


def _failed_on(worker: str, between: Sequence[Attempt], times: int) -> bool:
    by_it = [one.number - 1 for one in between if str(one.worker) == worker and worker in one.trouble]
    return max(by_it, default=0) >= times and len(by_it) == len(between)


def _step(run: Recorded, name: str) -> StepDone | None:
    return next((step for step in run.steps if step.name == name), None)


def _last(step: StepDone | None) -> str:
    return f"attempt {step.attempt} by {step.worker}" if step else "no such step"


def _seconds(wait: timedelta | None) -> str:
    return f"{wait.total_seconds():g} s" if wait else "nothing"


async def run(story: Story, stage: Stage, pace: Pace) -> Verdict:
    """Do it and tell it."""
    warehouse = await open_warehouse(stage, story)
    wanted = pace.choose(quick=3, long=5)
    order = Order("order-1", step_seconds=pace.choose(quick=0.2, long=2.0), hold_before=(STEP,), patient=True)
    await _begin(story, warehouse, order)
    between = await _fail(story, warehouse, order, wanted)
    known = await _help(story, warehouse, order)
    refused = await _never(story, warehouse, order.step_seconds)
    facts = Facts(wanted, tuple(between), known, refused)
    _look_back(story, facts)
    await story.let_read()
    return judge(facts)


async def _begin(story: Story, warehouse: Warehouse, order: Order) -> None:
    story.chapter("A machine with a fault")
    story.next(
        f"One worker is started, {BROKEN}. Everything works there but one thing: {TROUBLES[STEP]}, so the step {STEP} "
        "fails, every time. An order is begun."
    )
    story.why(
        "Networks break, vendors are down, disks fill up. Mostly this passes, or is the trouble of one machine only. A "
        "program that gives up at once fails for no reason; one that tries again at once and without end makes it worse."
    )
    await story.let_read()
    await warehouse.hire(BROKEN, fails=STEP)
    await warehouse.begin(order)
    before = STEPS.index(STEP)
    await warehouse.until("the first steps", [order.number], lambda run: len(run.receipts) == before)


async def _fail(story: Story, warehouse: Warehouse, order: Order, wanted: int) -> list[Attempt]:
    story.chapter("It fails, and is tried again")
    waits = ", ".join(_seconds(policy_wait(number)) for number in range(1, wanted + 1))
    story.next(
        f"The workflow only says: do {STEP}. How it is tried again is written beside it, as a policy: after "
        f"{_seconds(RETRY.initial_interval)}, then each time after twice as long, but never longer than "
        f"{_seconds(RETRY.maximum_interval)}. So we expect waits of {waits}."
    )
    await story.let_read()
    await warehouse.let_pass(STEP, order.number)
    between: list[Attempt] = []
    while not between or between[-1].number <= wanted:
        attempt = await warehouse.until_attempt(
            "another attempt", order.number, partial(_comes_after, between[-1].number if between else 1)
        )
        between.append(attempt)
        story.ran(
            STEP,
            How.FAILED,
            str(attempt.worker),
            attempt=attempt.number - 1,
            note=f"again in {_seconds(attempt.wait)}",
        )
    story.happened(
        f"The server says what went wrong, “{between[-1].trouble}”, and when it will offer the step again: it counts the "
        "attempts and keeps the time. Between two attempts the worker has nothing to do and need not even be there."
    )
    return between


def _comes_after(number: int, attempt: Attempt) -> bool:
    return attempt.wait is not None and attempt.number > number


async def _help(story: Story, warehouse: Warehouse, order: Order) -> Recorded:
    story.chapter("Another machine")
    story.next(
        f"A second worker, {SOUND}, joins, and {BROKEN} is taken away for repair. Nobody touches the order: the next "
        "attempt simply goes to whoever asks the queue for work."
    )
    await warehouse.hire(SOUND)
    await warehouse.dismiss(BROKEN)
    await story.let_read()
    (known,) = await warehouse.until("the end of the order", [order.number], lambda run: run.completed)
    step = known.step(STEP)
    story.happened(
        f"Attempt {step.attempt} of {STEP} was made by {step.worker} and came through; the order went on from there. In "
        "the history the failed attempts take no room: it has one entry for the step, with the number of its last "
        "attempt and what had gone wrong before."
    )
    await story.let_read()
    return known


async def _never(story: Story, warehouse: Warehouse, seconds: float) -> Recorded:
    story.chapter("Not everything is worth another try")
    story.next(
        "One more order, to an address that does not exist. No other machine and no wait will change that, and the step "
        "knows it: it fails with an error that is marked as not to be tried again."
    )
    await story.let_read()
    order = Order("order-2", ("reserve", STEP), seconds, address_exists=False, patient=True)
    await warehouse.begin(order)
    (known,) = await warehouse.until("the end of the order", [order.number], lambda run: run.failed)
    step = known.step(STEP)
    story.ran(
        STEP, How.FAILED, str(step.worker), attempt=step.attempt, note=f"{order.number}, {step.refused}"
    )
    story.happened(
        f"One attempt, then the run ended as failed, with the reason: {step.refused}. In a real process somebody would "
        "be asked now, or what was reserved would be given back."
    )
    await story.let_read()
    return known


def _look_back(story: Story, facts: Facts) -> None:
    story.chapter("Attempts and waits")
    rows = [
        (
            str(one.number - 1),
            str(one.worker),
            "failed",
            _seconds(policy_wait(one.number - 1)),
            _seconds(one.wait),
        )
        for one in facts.between
    ]
    step = facts.run.step(STEP)
    rows.append((str(step.attempt), str(step.worker), "done", "", ""))
    story.table(f"The step {STEP}", ("attempt", "worker", "how", "wait by policy", "wait by server"), rows)
