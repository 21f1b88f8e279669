"""Drill: workers with new code join while work is under way, on one queue without versions. Does the work notice?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from local.drills.catalogue import Pace
from local.drills.history import Recorded
from local.drills.lifecycle import PATCH, PHOTOGRAPH, STEPS, Order
from local.drills.stage import Stage
from local.drills.story import Check, Story, Verdict, judged
from local.drills.warehouse import Warehouse, open_warehouse

OLD: Final = "A"
NEW: Final = "B"
#: Where the orders wait for us: before the first all workers are old, between them both serve, behind the last one side.
MIXED: Final = "weigh"
LATE: Final = "ship"

LESSON: Final = (
    "Without versions everybody who asks the queue gets work, old code and new, and a run goes from one to the other as "
    "chance has it. This is safe only if both can replay what the other has written: so a new branch is asked for by "
    "`patched`, ships one build before it is used, and a run keeps for ever the answer it got when it began. Where "
    "mixing is not wanted at all, builds are kept apart: see the drill “versions”."
)


@dataclass(frozen=True)
class Facts:
    """What was found out: runs that began on the old code and ended on the new, and one the other way round."""

    across: tuple[Recorded, ...]
    back: Recorded


def builds_of(run: Recorded) -> tuple[str, ...]:
    """The builds whose workers did the steps, by the signatures in the history, in the order in which they came."""
    return tuple(dict.fromkeys(step.worker.build for step in run.steps if step.worker))


def changes_of(run: Recorded) -> list[str]:
    """Between which steps the build was another one, by the signatures in the history."""
    done = [(step.name, step.worker.build) for step in run.steps if step.worker]
    return [f"{a} → {b}: {old} → {new}" for (a, old), (b, new) in pairwise(done) if old != new]


def judge(facts: Facts) -> Verdict:
    """The verdict, from facts alone."""
    runs = (*facts.across, facts.back)
    troubles = [turn.trouble for run in runs for turn in run.turns if turn.trouble]
    names = [step.name for step in facts.back.steps]
    return judged(
        LESSON,
        Check(
            "Runs that began on old workers were ended by new ones",
            bool(facts.across) and all(_went(run, OLD, NEW) for run in facts.across),
            "; ".join(f"{run.workflow_id}: {' → '.join(builds_of(run))}" for run in facts.across) or "no run",
        ),
        Check(
            "Each run says itself which builds it used, and says what the history says",
            all(_tells_the_truth(run) for run in runs),
            "; ".join(
                f"{run.workflow_id}: {run.result.get('worker_versions_used')}, changes "
                f"{run.result.get('version_changes_detected')}, rollout {run.result.get('rollout_detected')}"
                for run in runs
            ),
        ),
        Check(
            "No step was done twice, none was left out",
            all(_did(run, STEPS) for run in facts.across) and all(_once(run) for run in runs),
            "; ".join(f"{run.workflow_id}: {len(run.receipts)} steps, one attempt each" for run in runs),
        ),
        Check(
            "What began under the old code kept to the old steps, also on new workers",
            all(not run.patches and PHOTOGRAPH not in _done(run) for run in facts.across),
            f"no marker of {PATCH} and no {PHOTOGRAPH} in {len(facts.across)} histories",
        ),
        Check(
            "What began under the new code took the new step, and old workers could go on with it",
            PATCH in facts.back.patches and PHOTOGRAPH in names and _went(facts.back, NEW, OLD),
            f"{facts.back.workflow_id}: markers {list(facts.back.patches)}, {' → '.join(builds_of(facts.back))}, steps "
            f"{', '.join(names)}",
        ),
        Check(
            "No worker met a history that its code could not replay",
            not troubles,
            troubles[0] if troubles else f"no failed turn in {len(runs)} histories",
        ),
    )


def _went(run: Recorded, begun_on: str, ended_on: str) -> bool:
    builds = [step.worker.build for step in run.steps if step.worker]
    return run.completed and bool(builds) and (builds[0], builds[-1]) == (begun_on, ended_on)


def _tells_the_truth(run: Recorded) -> bool:
    builds = builds_of(run)
    return (
        run.result.get("worker_versions_used") == list(builds)
        and run.result.get("version_changes_detected") == changes_of(run)
        and run.result.get("rollout_detected") == (len(builds) > 1)
    )


def _once(run: Recorded) -> bool:
    done = _done(run)
    return len(done) == len(set(done)) and all(step.attempt == 1 for step in run.steps)


def _done(run: Recorded) -> tuple[str, ...]:
    return tuple(step.name for step in run.steps if step.receipt)


def _did(run: Recorded, steps: Sequence[str]) -> bool:
    return _done(run) == tuple(steps)


async def run(story: Story, stage: Stage, pace: Pace) -> Verdict:
    """Do it and tell it."""
    warehouse = await open_warehouse(stage, story)
    seconds = pace.choose(quick=0.3, long=2.5)
    orders = [f"order-{number}" for number in range(1, pace.choose(quick=2, long=4) + 1)]
    await _begin_on_old(story, warehouse, orders, seconds)
    await _new_joins(story, warehouse, orders)
    across = await _old_leaves(story, warehouse, orders)
    back = await _return(story, warehouse, f"order-{len(orders) + 1}", seconds)
    facts = Facts(across, back)
    _look_back(story, facts)
    await story.let_read()
    return judge(facts)


async def _begin_on_old(story: Story, warehouse: Warehouse, orders: Sequence[str], seconds: float) -> None:
    story.chapter("Work is under way on the old code")
    story.next(
        f"One worker is started, old-1, with build {OLD} of the code. It asks a queue without versions for work: whoever "
        f"asks, gets. {len(orders)} orders are begun; before {MIXED} they wait until we let them go on."
    )
    story.why(
        "In earnest a run may wait for weeks, for instance for somebody's decision. In the meantime there is a new "
        "version of the code. The question is not whether a run meets new code, but when."
    )
    await story.let_read()
    await warehouse.hire("old-1", OLD)
    for number in orders:
        await warehouse.begin(Order(number, step_seconds=seconds, hold_before=(MIXED, LATE), patient=True))
    before = STEPS.index(MIXED)
    await warehouse.until("the first steps", orders, lambda run: len(run.receipts) == before)
    await story.let_read()


async def _new_joins(story: Story, warehouse: Warehouse, orders: Sequence[str]) -> None:
    story.chapter("Workers with new code join")
    story.next(
        f"Now new-1 joins at the same queue, with build {NEW}. Both workers have the same lines of code, but on {NEW} a "
        f"branch is switched on that adds a step, {PHOTOGRAPH}, before {MIXED}. The orders go on."
    )
    story.why(
        f"What if {NEW} simply did the new step? It replays an order that has no {PHOTOGRAPH} in its history, asks for "
        "one, and the server refuses: the code does not fit the history. So the code asks at its very beginning: "
        f"patched(“{PATCH}”)? In a run that began without it the answer stays no."
    )
    await story.let_read()
    await warehouse.hire("new-1", NEW)
    await warehouse.let_pass(MIXED, *orders)
    until = STEPS.index(LATE)
    runs = await warehouse.until("the next step", orders, lambda run: len(run.receipts) == until)
    by = [str(run.step(MIXED).worker) for run in runs]
    story.happened(
        f"Both served at the same time. Who did {MIXED} was chance: {', '.join(sorted(by))}. No order noticed, none has "
        f"a {PHOTOGRAPH}."
    )
    await story.let_read()


async def _old_leaves(story: Story, warehouse: Warehouse, orders: Sequence[str]) -> tuple[Recorded, ...]:
    story.chapter("The old workers leave")
    story.next(
        "The old worker is asked to end, as a rollout does: it takes nothing new, finishes what it has begun, and goes. "
        f"Then the orders go on to {LATE}."
    )
    await story.let_read()
    await warehouse.dismiss("old-1")
    await warehouse.let_pass(LATE, *orders)
    runs = await warehouse.until("the end of all runs", orders, lambda run: run.completed)
    for run in runs[:1]:
        _show_result(story, run)
    story.happened(
        f"All {len(runs)} have ended. Each lists by itself which builds worked for it, where the work passed from one to "
        "the other, and that a rollout went on meanwhile: it reads this off the receipts of its own steps."
    )
    await story.let_read()
    return runs


async def _return(story: Story, warehouse: Warehouse, number: str, seconds: float) -> Recorded:
    story.chapter("And back again")
    story.next(
        f"An order is begun now, with only {NEW} there. Then we pretend that {NEW} was a mistake: the old worker comes "
        "back, the new one goes, in the middle of this order."
    )
    await story.let_read()
    await warehouse.begin(Order(number, step_seconds=seconds, hold_before=(LATE,), patient=True))
    steps = STEPS.index(LATE) + 1
    await warehouse.until("the new step", [number], lambda run: len(run.receipts) == steps)
    await warehouse.hire("old-2", OLD)
    await warehouse.dismiss("new-1")
    await warehouse.let_pass(LATE, number)
    (known,) = await warehouse.until("the end of the run", [number], lambda run: run.completed)
    story.happened(
        f"The order began with {PHOTOGRAPH}, which is marked in its history, and was ended by old workers. They do not "
        "begin anything with it, but they know what the mark means."
    )
    story.why(
        f"Had {OLD} not known the branch at all, this order would now be stuck: a history that no code can replay. So "
        "Vistobueno ships each branch one build before any build uses it; then a return strands nobody."
    )
    await story.let_read()
    return known


def _show_result(story: Story, run: Recorded) -> None:
    result = run.result
    story.table(
        f"What {run.workflow_id} gave back",
        ("field", "value"),
        (
            ("worker_versions_used", ", ".join(result["worker_versions_used"])),
            *(("version_changes_detected", change) for change in result["version_changes_detected"]),
            ("rollout_detected", "yes" if result["rollout_detected"] else "no"),
        ),
    )


def _look_back(story: Story, facts: Facts) -> None:
    story.chapter("Who did what")
    runs = (*facts.across, facts.back)
    steps = [step.name for step in facts.back.steps]
    rows = [
        [step, *(next((str(one.worker) for one in run.steps if one.name == step), "–") for run in runs)]
        for step in steps
    ]
    story.table("The worker of each step", ["step", *(run.workflow_id for run in runs)], rows)
