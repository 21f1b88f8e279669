"""Drill: workers come and go under load. Who does the work, how long does it wait, and is any of it lost?"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from statistics import median
from typing import Final

from local.drills.catalogue import Pace
from local.drills.history import Recorded, StepDone
from local.drills.lifecycle import QUICK_STEPS, Order
from local.drills.stage import Stage, StageBroke
from local.drills.story import Check, Story, Verdict, judged
from local.drills.warehouse import LOOK_SECONDS, PATIENCE_SECONDS, Journal, Warehouse, open_warehouse

FIRST: Final = "worker-1"
JOINING: Final = ("worker-2", "worker-3")
#: So many steps at once on one worker.
SLOTS: Final = 2
#: So many orders are open at any time: more than one worker can do at once.
OPEN: Final = 10

LESSON: Final = (
    "Workers ask for work, nobody sends it to them: so one more is used as soon as it asks, and one that goes is missed "
    "by nobody. What tells that there are too few is not how busy they are but how long a step waits for one; this is "
    "what an autoscaler should look at. And whoever takes a worker away asks it to end and gives it time to finish."
)


@dataclass(frozen=True)
class Period:
    """A time during which the same workers served."""

    title: str
    workers: tuple[str, ...]
    began_at: datetime
    ended_at: datetime

    def has(self, step: StepDone) -> bool:
        """Whether a step was begun in this time."""
        return step.started_at is not None and self.began_at <= step.started_at < self.ended_at


@dataclass(frozen=True)
class Facts:
    """What was found out. Two times, by the clock that the server shares, and the journal are those of worker-1.

    A step may have been given to it in the very moment in which it hung up; it never began that, and somebody else
    did it after a while. Such a step is in the history with a second attempt, and in nobody's journal twice.
    """

    periods: tuple[Period, ...]
    asked_to_end_at: datetime
    gone_at: datetime
    journal: Journal
    runs: tuple[Recorded, ...]

    @property
    def steps(self) -> tuple[StepDone, ...]:
        """Every step of every run."""
        return tuple(step for run in self.runs for step in run.steps)


def judge(facts: Facts) -> Verdict:
    """The verdict, from facts alone."""
    steps = facts.steps
    spread = Counter(str(step.worker) for step in steps)
    alone, together, *_ = facts.periods
    signed = {
        (run.workflow_id, step.name): step
        for run in facts.runs
        for step in run.steps
        if str(step.worker) == FIRST
    }
    under_way = [step for step in signed.values() if _under_way(step, facts.asked_to_end_at)]
    late = [step for step in steps if str(step.worker) == FIRST and _begun_after(step, facts.gone_at)]
    return judged(
        LESSON,
        Check(
            "At first all work was done by the one worker there was",
            _workers(alone, steps) == {FIRST},
            f"{sum(alone.has(step) for step in steps)} steps, by {', '.join(sorted(_workers(alone, steps)))}",
        ),
        Check(
            "Those that joined got work by themselves, beside the first",
            _workers(together, steps) == {FIRST, *JOINING},
            f"in that time: {_said(Counter(str(step.worker) for step in steps if together.has(step)))}",
        ),
        Check(
            f"{FIRST}, asked to end in the middle of its work, finished all that it had begun",
            bool(under_way) and facts.journal.begun == facts.journal.done == set(signed),
            f"its own log: {len(facts.journal.begun)} steps begun, {len(facts.journal.done)} done; in the history "
            f"{len(signed)} are signed by it, {len(under_way)} of them were under way when it was asked",
        ),
        Check(
            "After it had gone, the others did the rest",
            not late and spread[FIRST] > 0 and _workers(facts.periods[-1], steps) == set(JOINING),
            f"{len(late)} steps of {FIRST} after its end; then: {', '.join(sorted(_workers(facts.periods[-1], steps)))}",
        ),
        Check(
            "Nothing was lost: every order came to its end, each step with one result",
            bool(facts.runs) and all(_whole(run) for run in facts.runs),
            f"{sum(run.completed for run in facts.runs)} of {len(facts.runs)} orders, {len(steps)} steps: {_said(spread)}; "
            f"{_retried(steps)}",
        ),
    )


def _retried(steps: Sequence[StepDone]) -> str:
    again = [f"{one.name} by {one.worker} after “{one.trouble}”" for one in steps if one.attempt > 1]
    return f"{len(again)} needed a second attempt" + (f": {', '.join(again)}" if again else "")


def _workers(period: Period, steps: Sequence[StepDone]) -> set[str]:
    return {str(step.worker) for step in steps if period.has(step)}


def _under_way(step: StepDone, at: datetime) -> bool:
    return (
        step.started_at is not None
        and step.started_at <= at
        and (step.ended_at is None or step.ended_at > at)
    )


def _begun_after(step: StepDone, at: datetime) -> bool:
    return step.started_at is not None and step.started_at > at


def _whole(run: Recorded) -> bool:
    return run.completed and tuple(step.name for step in run.steps if step.receipt) == QUICK_STEPS


def _said(spread: Counter[str]) -> str:
    return ", ".join(f"{worker} {number}" for worker, number in sorted(spread.items())) or "nobody"


class Load:
    """Keeps orders open until it is told to stop: whenever one ends, the next begins. Counts what each worker did."""

    def __init__(self, warehouse: Warehouse, seconds: float) -> None:
        self._warehouse = warehouse
        self._seconds = seconds
        self._numbers = count(1)
        self._stopped = False
        self.begun: list[str] = []
        self.done: Counter[str] = Counter()

    async def keep(self) -> None:
        """Begin and follow, until `stop`. Raises what Temporal raises."""
        await asyncio.gather(*(self._one_after_the_other() for _ in range(OPEN)))

    def stop(self) -> None:
        """Begin nothing any more."""
        self._stopped = True

    async def until_each(self, workers: Iterable[str], number: int) -> Counter[str]:
        """Wait until each of these workers has done so many steps more; returns what all did meanwhile."""
        before = self.done.copy()
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while any(self.done[worker] - before[worker] < number for worker in workers):
            if time.monotonic() > ends_at:
                raise StageBroke(f"not every worker did {number} steps: {_said(self.done - before)}")
            await asyncio.sleep(LOOK_SECONDS)
        return self.done - before

    async def until_busy(self, worker: str) -> None:
        """Return at a moment in which this worker is at a step."""
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends_at:
            for order in self.begun[-OPEN:]:
                if any(
                    one.runs and str(one.worker) == worker for one in await self._warehouse.attempts(order)
                ):
                    return
        raise StageBroke(f"{worker} is never at work")

    async def _one_after_the_other(self) -> None:
        while not self._stopped:
            order = Order(f"order-{next(self._numbers)}", QUICK_STEPS, self._seconds, patient=True)
            await self._warehouse.begin(order)
            self.begun.append(order.number)
            journey = await self._warehouse.result(order.number)
            self.done.update(receipt.worker for receipt in journey.receipts)


async def run(story: Story, stage: Stage, pace: Pace) -> Verdict:
    """Do it and tell it."""
    warehouse = await open_warehouse(stage, story)
    load = Load(warehouse, pace.choose(quick=0.5, long=1.0))
    many = pace.choose(quick=4, long=20)
    async with _kept(load):
        alone = await _alone(story, warehouse, load, many)
        together = await _together(story, warehouse, load, many)
        asked, gone = await _one_leaves(story, warehouse, load)
        rest = await _rest(story, load, many)
    await warehouse.until("the end of all orders", load.begun, lambda run: run.completed, tell=False)
    periods = _periods((alone, together, asked, gone, rest))
    facts = Facts(periods, asked, gone, warehouse.journal(FIRST), await warehouse.known(*load.begun))
    _look_back(story, facts)
    await story.let_read()
    return judge(facts)


@asynccontextmanager
async def _kept(load: Load) -> AsyncIterator[None]:
    """The load, from beginning to end of this context; what it raises is raised here."""
    keeping = asyncio.create_task(load.keep())
    try:
        yield
        load.stop()
        await keeping
    finally:
        keeping.cancel()


def _periods(moments: tuple[datetime, datetime, datetime, datetime, datetime]) -> tuple[Period, ...]:
    alone, together, asked, gone, end = moments
    return (
        Period("one worker", (FIRST,), alone, together),
        Period("three workers", (FIRST, *JOINING), together, asked),
        Period("one leaves", (FIRST, *JOINING), asked, gone),
        Period("two workers", JOINING, gone, end),
    )


async def _alone(story: Story, warehouse: Warehouse, load: Load, many: int) -> datetime:
    story.chapter("One worker, too much work")
    story.next(
        f"One worker is started, {FIRST}. It does at most {SLOTS} steps at once; {OPEN} orders are open at any time, and "
        "whenever one ends, the next begins."
    )
    story.why(
        "The server sends nothing to anybody. A worker that has a hand free asks for the next step. So nobody has to "
        "know how many workers there are, or where: they share the work by asking."
    )
    await story.let_read()
    began = datetime.now(UTC)
    await warehouse.hire(FIRST, slots=SLOTS)
    done = await load.until_each([FIRST], 2 * many)
    story.happened(
        f"{FIRST} has done {done[FIRST]} steps. It never rests, and the queue never gets empty: most steps wait before "
        "anybody takes them."
    )
    return began


async def _together(story: Story, warehouse: Warehouse, load: Load, many: int) -> datetime:
    story.chapter("Two more join")
    story.next(
        f"{' and '.join(JOINING)} are started. Nobody tells the server, no list is changed, no order is moved by us."
    )
    await story.let_read()
    began = datetime.now(UTC)
    await asyncio.gather(*(warehouse.hire(name, slots=SLOTS) for name in JOINING))
    done = await load.until_each([FIRST, *JOINING], many)
    story.happened(
        f"Since then: {_said(done)}. The work has spread by itself, step by step, also of orders begun before."
    )
    await story.let_read()
    return began


async def _one_leaves(story: Story, warehouse: Warehouse, load: Load) -> tuple[datetime, datetime]:
    story.chapter("One leaves")
    story.next(
        f"{FIRST} is asked to end, in the middle of its work, as when a cluster scales down or a machine is updated. It "
        "asks for nothing new, finishes what it has in hand, says how it went, and ends."
    )
    await story.let_read()
    await load.until_busy(FIRST)
    asked = datetime.now(UTC)
    await warehouse.dismiss(FIRST)
    gone = datetime.now(UTC)
    story.happened(f"It was gone after {(gone - asked).total_seconds():.1f} s.")
    story.why(
        "Killed instead, its steps would have been tried again elsewhere, after a while: nothing is lost either, but "
        "time is, and the work is done twice. So a worker gets a time to finish that is longer than its longest step."
    )
    return asked, gone


async def _rest(story: Story, load: Load, many: int) -> datetime:
    done = await load.until_each(JOINING, many)
    story.happened(
        f"The others went on: {_said(done)}. Now no more orders are begun, and those that are open end."
    )
    await story.let_read()
    return datetime.now(UTC)


def _look_back(story: Story, facts: Facts) -> None:
    story.chapter("Who did what")
    workers = (FIRST, *JOINING)
    rows = []
    for period in facts.periods:
        steps = [step for step in facts.steps if period.has(step)]
        spread = Counter(str(step.worker) for step in steps)
        rows.append([period.title, *(str(spread[worker]) for worker in workers), *_figures(period, steps)])
    story.table("Steps begun, by the history", ["", *workers, "a second", "waited, median"], rows)
    story.why(
        "The last column is the one to scale by: steps that wait long mean too few workers, however busy they look."
    )


def _figures(period: Period, steps: Sequence[StepDone]) -> tuple[str, str]:
    waits = [(step.started_at - step.scheduled_at).total_seconds() for step in steps if step.started_at]
    seconds = (period.ended_at - period.began_at).total_seconds()
    return f"{len(steps) / seconds:.1f}", f"{median(waits):.2f} s" if waits else ""
