"""Drill: a worker is killed in the middle of its work; another takes over. What is read, what is run, what is lost?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from local.drills.catalogue import Pace
from local.drills.history import Recorded, StepDone, Turn, Who
from local.drills.lifecycle import SILENCE, STEPS, Order, Receipt
from local.drills.stage import Stage
from local.drills.story import Check, How, Story, Verdict, judged
from local.drills.warehouse import Attempt, Warehouse, open_warehouse

FIRST: Final = "worker-1"
SECOND: Final = "worker-2"
#: The step in whose middle the worker is killed.
STRUCK: Final = "pack"
NEXT: Final = "weigh"

LESSON: Final = (
    "A workflow lives in its history, not in a process. Whoever reads the history has the state, and nothing that was "
    "written down there is done again. What was under way when the worker died is tried again, so each step must be "
    "safe to be done twice: Vistobueno orders under a key of its own, and asks the vendor before it asks again."
)


@dataclass(frozen=True)
class Facts:
    """What was found out. `lost` is what the server said, right after the kill, of the step that was under way."""

    killed: Who
    lost: Attempt
    remembered_before: tuple[Receipt, ...]
    remembered_after: tuple[Receipt, ...]
    run: Recorded


def judge(facts: Facts) -> Verdict:
    """The verdict, from facts alone."""
    run = facts.run
    done_before = [step for step in run.steps if step.worker == facts.killed]
    turn = run.taken_over_by(SECOND)
    replayed = run.replayed_at(turn) if turn else ()
    struck = next((step for step in run.steps if step.name == STRUCK), None)
    before, after = (_numbers(each) for each in (facts.remembered_before, facts.remembered_after))
    return judged(
        LESSON,
        Check(
            f"{FIRST} was killed in the middle of a step",
            _was_struck(facts.lost, facts.killed, struck),
            f"the server saw {facts.lost.step} being done by {facts.lost.worker}, process {facts.killed.pid}, attempt "
            f"{facts.lost.number}; no result of this attempt is in the history",
        ),
        Check(
            "The server noticed by itself, and another worker did this step again",
            struck is not None
            and struck.attempt > 1
            and str(struck.worker) == SECOND
            and bool(struck.trouble),
            _retold(struck),
        ),
        Check(
            "What was done before the kill was done once, and only by the worker that was killed",
            bool(done_before) and all(step.attempt == 1 for step in done_before),
            ", ".join(f"{step.name}: attempt {step.attempt} by {step.worker}" for step in done_before)
            or "nothing",
        ),
        Check(
            f"{SECOND} began without a memory and read the results of these steps from the history",
            turn is not None and not turn.from_memory and _contains(replayed, done_before),
            _took_over(turn, replayed),
        ),
        Check(
            "The state is intact: the new worker remembers what the dead one did",
            bool(before) and after[: len(before)] == before,
            f"before: {' '.join(before) or 'nothing'}; after: {' '.join(after) or 'nothing'}",
        ),
        Check(
            "The run ended, and every step has exactly one result",
            run.completed and tuple(step.name for step in run.steps if step.receipt) == STEPS,
            f"{len(run.receipts)} results for {len(STEPS)} steps; {'ended' if run.completed else 'not ended'}",
        ),
    )


def _was_struck(lost: Attempt, killed: Who, struck: StepDone | None) -> bool:
    under_way = lost.runs and lost.step == STRUCK and lost.worker == killed
    return under_way and struck is not None and struck.worker != killed


def _numbers(receipts: Sequence[Receipt]) -> list[str]:
    return [receipt.number for receipt in receipts]


def _contains(many: Sequence[StepDone], few: Sequence[StepDone]) -> bool:
    return {step.event for step in few} <= {step.event for step in many}


def _retold(step: StepDone | None) -> str:
    if step is None:
        return f"the history has no {STRUCK}"
    return f"{step.name}: attempt {step.attempt} by {step.worker}, after: {step.trouble or 'no trouble'}"


def _took_over(turn: Turn | None, replayed: Sequence[StepDone]) -> str:
    if turn is None:
        return f"{SECOND} never ran the workflow's code after another worker"
    first = f"{turn.offered_to} was asked first" if turn.offered_to else "anybody was asked"
    return f"event {turn.event}: {first}, {turn.worker} came; before it: {', '.join(step.name for step in replayed)}"


async def run(story: Story, stage: Stage, pace: Pace) -> Verdict:
    """Do it and tell it."""
    warehouse = await open_warehouse(stage, story)
    order = Order(
        "order-1",
        STEPS,
        pace.choose(quick=0.5, long=3.0),
        slow=STRUCK,
        hold_before=(STRUCK, NEXT),
        patient=True,
    )
    killed, before = await _work(story, warehouse, order)
    lost = await _kill(story, stage, warehouse, order)
    after = await _take_over(story, warehouse, order, killed)
    story.next(f"We let the order go on; {SECOND} does the rest.")
    await warehouse.let_pass(NEXT, order.number)
    (known,) = await warehouse.until("the end of the run", [order.number], lambda run: run.completed)
    facts = Facts(killed, lost, tuple(before), tuple(after), known)
    await _look_back(story, facts)
    return judge(facts)


async def _work(story: Story, warehouse: Warehouse, order: Order) -> tuple[Who, list[Receipt]]:
    story.chapter("A worker takes an order")
    story.next(
        f"We have started a Temporal server. Now we start one worker, an ordinary process called {FIRST}, and give it an "
        f"order with {len(order.steps)} steps: {', '.join(order.steps)}."
    )
    story.why(
        "Two kinds of code are at work. The workflow is a function that says what comes after what. The activities do "
        "the work, here one for each step. The server itself runs none of it: it keeps a list of what has happened, "
        "the history, and hands out what is to be done next."
    )
    await story.let_read()
    worker = await warehouse.hire(FIRST)
    await warehouse.begin(order)
    await warehouse.until("the second step", [order.number], lambda run: len(run.receipts) >= 2)
    before = await warehouse.asked(order.number)
    (known,) = await warehouse.known(order.number)
    from_memory = sum(turn.from_memory for turn in known.turns)
    story.happened(
        f"Two steps are done; before {STRUCK} the order waits until we let it go on. {FIRST} keeps the run in its memory: "
        f"of {len(known.turns)} turns in which it ran the workflow's code, {from_memory} went on from there, without "
        f"reading the history again. Asked what it knows, it answers: {' and '.join(one.number for one in before)}. These "
        "numbers of receipts were made by chance as the steps were done: nobody can make up the same ones again."
    )
    await story.let_read()
    return worker, before


async def _kill(story: Story, stage: Stage, warehouse: Warehouse, order: Order) -> Attempt:
    story.chapter("kill -9")
    story.next(
        f"We let the order go on to {STRUCK} and, in the middle of it, kill the process, as a power cut or a full memory "
        "would. It cannot say goodbye, and nobody tells the server."
    )
    await story.let_read()
    await warehouse.let_pass(STRUCK, order.number)
    lost = await warehouse.until_attempt(
        f"{STRUCK} under way", order.number, lambda one: one.step == STRUCK and one.runs
    )
    pid = (await stage.kill(FIRST))[FIRST]
    story.ran(STRUCK, How.LOST, FIRST, attempt=1, note=f"process {pid} is gone, no receipt")
    story.happened(
        f"Whether the goods are packed, nobody can say. The server still believes that {FIRST} is at it. A step that "
        f"takes longer says every so often that it goes on; when {SILENCE.seconds} seconds pass "
        "without such a sign, the server counts the attempt as failed."
    )
    await story.let_read()
    return lost


async def _take_over(story: Story, warehouse: Warehouse, order: Order, killed: Who) -> list[Receipt]:
    story.chapter("Another worker takes over")
    story.next(
        f"We start {SECOND}: a new process that has never heard of this order. It knows the same code and asks the same "
        "queue for work. Nobody tells it what to do."
    )
    await story.let_read()
    await warehouse.hire(SECOND)
    (known,) = await warehouse.until(
        "another attempt", [order.number], lambda run: bool(run.step(STRUCK).receipt)
    )
    step = known.step(STRUCK)
    story.happened(
        f"The server gave {STRUCK} to {step.worker}, as attempt {step.attempt}. In its own words, what had gone wrong "
        f"before: “{step.trouble}”."
    )
    story.next(
        f"To know what comes after {STRUCK}, somebody must run the workflow's code. {killed.name}, which has the run in its "
        "memory, is gone. The server waits for it for five seconds at most, then anybody may do it."
    )
    await story.let_read()
    (known,) = await warehouse.until(
        "a turn of the second worker",
        [order.number],
        lambda run: (turn := run.taken_over_by(SECOND)) is not None and turn.completed,
    )
    turn = known.taken_over_by(SECOND)
    for step in known.replayed_at(turn) if turn else ():
        story.ran(
            step.name, How.REPLAYED, SECOND, note=f"receipt {step.receipt['number']} read from the history"
        )
    after = await warehouse.asked(order.number)
    story.happened(
        f"{_waited(known)} {SECOND} has run the workflow's code from its first line. Where the code asks for a step that "
        "stands in the history, it gets the old result at once and nothing is done: this is a replay. Asked what it "
        f"knows, it answers: {', '.join(one.number for one in after)}. The first two are the numbers of the dead worker."
    )
    story.why(
        "This is why a workflow's code must do the same whenever it runs: no clock, no chance, no network. Whatever may "
        "come out differently is done in an activity, once, and its result is kept."
    )
    await story.let_read()
    return after


def _waited(run: Recorded) -> str:
    if any(turn.offered_to and turn.timed_out for turn in run.turns):
        return "The server did wait for the memory of the dead worker, in vain: the history has an event that says so."
    return "The server had already noticed that nobody asks in the name of the dead worker any more."


async def _look_back(story: Story, facts: Facts) -> None:
    story.chapter("Who did what")
    turn = facts.run.taken_over_by(SECOND)
    replayed = {step.event for step in facts.run.replayed_at(turn)} if turn else set()
    rows = []
    for step in facts.run.steps:
        first = f"done by {step.worker}" if step.worker == facts.killed else ""
        lost = f"begun by {FIRST}, lost" if step.attempt > 1 else ""
        then = [f"done, attempt {step.attempt}"] if str(step.worker) == SECOND else []
        then += ["replayed"] if step.event in replayed else []
        rows.append([step.name, first or lost or "–", ", then ".join(then), step.receipt.get("number", "")])
    story.table(f"Before and after the kill of {FIRST}", ["step", FIRST, SECOND, "receipt"], rows)
