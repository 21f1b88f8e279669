"""The verdicts of the drills on the lifecycle: they hold on good facts, and each fact that is missing makes one false."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.drills import coexistence, replay, retries, scale, strict_versions
from local.drills.history import Recorded, Who
from local.drills.lifecycle import PATCH, QUICK_STEPS, STEPS, Receipt, with_photograph
from local.drills.story import Verdict
from local.drills.warehouse import Attempt, Journal, journal_of
from tests.drills.runs import at, run, step, straight, turn, worker

# Replay: worker-1 did two steps and died at the third; worker-2 went on.
ONE, TWO = worker("worker-1"), worker("worker-2")
TAKEN_OVER = run(
    "order-1",
    [
        *(step(name, ONE, 2 * n + 1) for n, name in enumerate(STEPS[:2])),
        step("pack", TWO, 5, attempt=2, trouble="activity Heartbeat timeout"),
        *(step(name, TWO, 20 + 2 * n) for n, name in enumerate(STEPS[3:])),
    ],
    [turn(ONE, 0, from_memory=False), turn(ONE, 2), turn(TWO, 19, from_memory=False), turn(TWO, 21)],
)
REMEMBERED = tuple(Receipt(name, f"{name}-1", "worker-1", "", ONE.pid, 1) for name in STEPS[:2])
REPLAY = replay.Facts(
    ONE,
    Attempt("pack", 1, ONE, True),
    REMEMBERED,
    (*REMEMBERED, Receipt("pack", "pack-1", "worker-2", "", TWO.pid, 2)),
    TAKEN_OVER,
)

# Coexistence: from A to B, and one that began on B back to A.
OLD, NEW = worker("old-1", "A"), worker("new-1", "B")
ACROSS = straight(
    "order-1",
    [OLD, OLD, OLD, NEW],
    result={
        "worker_versions_used": ["A", "B"],
        "version_changes_detected": ["pack → weigh: A → B"],
        "rollout_detected": True,
    },
)
BACK = straight(
    "order-2",
    [*[NEW] * 5, OLD],
    names=with_photograph(STEPS),
    patches=(PATCH,),
    result={
        "worker_versions_used": ["B", "A"],
        "version_changes_detected": ["weigh → ship: B → A"],
        "rollout_detected": True,
    },
)
COEXISTENCE = coexistence.Facts((ACROSS,), BACK)

# Strict versions: two by name, two by route, one that waited and one that did not.
A, B = worker("a-1", "A"), worker("b-1", "B")


def on(number: int, by: Who, *, began: float = 0, **more: Any) -> Recorded:
    names = with_photograph(STEPS) if by is B else STEPS
    return straight(f"order-{number}", [by], began=began, names=names, pinned=True, **more)


WAITED = replace(on(5, A, held_on="A", signalled_at=(at(99),)))
VERSIONS = strict_versions.Facts(
    {f"order-{number}": "AB"[(number - 1) % 2] for number in range(1, 7)},
    (
        on(1, A, held_on="A"),
        on(2, B, held_on="B"),
        on(3, A),
        on(4, B),
        replace(WAITED, steps=(*WAITED.steps[:4], step("ship", A, 200), step("bill", A, 202))),
        on(6, B, began=100, held_on="B"),
    ),
    frozenset({"order-1", "order-2", "order-5", "order-6"}),
    "order-5",
    "order-6",
)

# Retries: three attempts on west, the fourth on east; another order is refused.
WEST, EAST = worker("west"), worker("east")
THROUGH = run(
    "order-1",
    [
        *(step(name, WEST, 2 * n + 1) for n, name in enumerate(STEPS[:4])),
        step("ship", EAST, 9, attempt=4, trouble="the line to the courier is dead (west)"),
        step("bill", EAST, 30),
    ],
    [turn(WEST, 0)],
)
REFUSED = run(
    "order-2",
    [
        step("reserve", EAST, 40),
        replace(step("ship", EAST, 42), receipt={}, refused="there is no such address"),
    ],
    [turn(EAST, 40)],
    completed=False,
    failed=True,
)
RETRIES = retries.Facts(
    3,
    tuple(
        Attempt("ship", n + 1, WEST, False, "dead (west)", timedelta(seconds=2 ** (n - 1))) for n in (1, 2, 3)
    ),
    THROUGH,
    REFUSED,
)

# Scale: worker-1 alone, then three, then without it.
FIRST, SECOND, THIRD = (worker(f"worker-{number}") for number in (1, 2, 3))


def short(number: int, by: Who, began: float) -> Recorded:
    return straight(f"order-{number}", [by], began=began, names=QUICK_STEPS)


SCALE = scale.Facts(
    (
        scale.Period("one", ("worker-1",), at(0), at(10)),
        scale.Period("three", (), at(10), at(20)),
        scale.Period("one leaves", (), at(20), at(22)),
        scale.Period("two", (), at(22), at(30)),
    ),
    asked_to_end_at=at(20),
    gone_at=at(22),
    journal=Journal(
        frozenset((f"order-{n}", step) for n in (1, 2) for step in QUICK_STEPS),
        frozenset((f"order-{n}", step) for n in (1, 2) for step in QUICK_STEPS),
    ),
    runs=(
        short(1, FIRST, 1),
        short(2, FIRST, 16),
        short(3, SECOND, 11),
        short(4, THIRD, 11),
        short(5, SECOND, 22),
        short(6, THIRD, 22),
    ),
)

GOOD: dict[str, tuple[Callable[[Any], Verdict], Any]] = {
    "replay": (replay.judge, REPLAY),
    "coexistence": (coexistence.judge, COEXISTENCE),
    "versions": (strict_versions.judge, VERSIONS),
    "retries": (retries.judge, RETRIES),
    "scale": (scale.judge, SCALE),
}


def with_step(known: Recorded, name: str, **changes: Any) -> Recorded:
    """The same run with one step changed."""
    steps = tuple(replace(each, **changes) if each.name == name else each for each in known.steps)
    return replace(known, steps=steps)


def without_step(known: Recorded, name: str) -> Recorded:
    return replace(known, steps=tuple(each for each in known.steps if each.name != name))


def with_turn(known: Recorded, number: int, **changes: Any) -> Recorded:
    turns = list(known.turns)
    turns[number] = replace(turns[number], **changes)
    return replace(known, turns=tuple(turns))


def with_run(facts: Any, number: int, changed: Callable[[Recorded], Recorded]) -> dict[str, Any]:
    runs = list(facts.runs)
    runs[number] = changed(runs[number])
    return {"runs": tuple(runs)}


def result(known: Recorded, **changes: Any) -> Recorded:
    return replace(known, result={**known.result, **changes})


DOCTORED: list[tuple[str, dict[str, Any]]] = [
    ("replay", {"lost": replace(REPLAY.lost, runs=False)}),
    ("replay", {"lost": replace(REPLAY.lost, worker=TWO)}),
    ("replay", {"killed": replace(ONE, pid=1)}),
    ("replay", {"run": with_step(TAKEN_OVER, "pack", worker=ONE)}),
    ("replay", {"run": with_step(TAKEN_OVER, "pack", attempt=1)}),
    ("replay", {"run": with_step(TAKEN_OVER, "reserve", attempt=2)}),
    ("replay", {"run": with_turn(TAKEN_OVER, 2, offered_to=TWO)}),
    ("replay", {"run": with_turn(TAKEN_OVER, 2, event=3)}),
    ("replay", {"run": replace(TAKEN_OVER, turns=TAKEN_OVER.turns[:2])}),
    ("replay", {"remembered_after": REMEMBERED[:1]}),
    ("replay", {"remembered_before": ()}),
    ("replay", {"remembered_after": (replace(REMEMBERED[0], number="other"), *REMEMBERED[1:])}),
    ("replay", {"run": replace(TAKEN_OVER, completed=False)}),
    ("replay", {"run": without_step(TAKEN_OVER, "bill")}),
    ("coexistence", {"across": ()}),
    ("coexistence", {"across": (straight("order-1", [OLD]),)}),
    ("coexistence", {"across": (replace(ACROSS, completed=False),)}),
    ("coexistence", {"across": (result(ACROSS, worker_versions_used=["A"]),)}),
    ("coexistence", {"across": (result(ACROSS, version_changes_detected=[]),)}),
    ("coexistence", {"across": (result(ACROSS, rollout_detected=False),)}),
    ("coexistence", {"across": (with_step(ACROSS, "weigh", attempt=2),)}),
    ("coexistence", {"across": (without_step(ACROSS, "pick"),)}),
    ("coexistence", {"across": (replace(ACROSS, patches=(PATCH,)),)}),
    ("coexistence", {"back": replace(BACK, patches=())}),
    ("coexistence", {"back": without_step(BACK, "photograph")}),
    ("coexistence", {"back": straight("order-2", [NEW], names=with_photograph(STEPS), patches=(PATCH,))}),
    ("coexistence", {"back": with_turn(BACK, 3, trouble="Nondeterminism error")}),
    ("versions", with_run(VERSIONS, 0, lambda one: replace(one, held_on=""))),
    ("versions", with_run(VERSIONS, 0, lambda one: replace(one, held_on="B"))),
    ("versions", with_run(VERSIONS, 0, lambda one: with_step(one, "pack", worker=B))),
    ("versions", with_run(VERSIONS, 0, lambda one: with_turn(one, 2, build="B"))),
    ("versions", with_run(VERSIONS, 1, lambda one: with_turn(one, 2, pinned=False))),
    ("versions", with_run(VERSIONS, 1, lambda one: without_step(one, "photograph"))),
    ("versions", {"wanted": {**VERSIONS.wanted, "order-3": "B"}}),
    ("versions", {"named": VERSIONS.named | {"order-3"}}),
    ("versions", with_run(VERSIONS, 4, lambda one: with_step(one, "ship", started_at=at(101)))),
    ("versions", with_run(VERSIONS, 4, lambda one: replace(one, signalled_at=()))),
    ("versions", with_run(VERSIONS, 4, lambda one: replace(one, signalled_at=(at(150),)))),
    ("versions", with_run(VERSIONS, 5, lambda one: replace(one, completed=False))),
    ("retries", {"wanted": 4}),
    ("retries", {"run": with_step(THROUGH, "ship", attempt=3)}),
    ("retries", {"between": (*RETRIES.between[:2], replace(RETRIES.between[2], worker=EAST))}),
    ("retries", {"between": (*RETRIES.between[:2], replace(RETRIES.between[2], trouble="timeout"))}),
    ("retries", {"run": with_step(THROUGH, "ship", worker=WEST)}),
    ("retries", {"run": with_step(THROUGH, "ship", receipt={})}),
    ("retries", {"run": with_step(THROUGH, "pack", attempt=2)}),
    ("retries", {"run": replace(THROUGH, completed=False)}),
    ("retries", {"between": RETRIES.between[:1]}),
    ("retries", {"between": (*RETRIES.between[:2], replace(RETRIES.between[2], wait=timedelta(seconds=2)))}),
    ("retries", {"refused": with_step(REFUSED, "ship", attempt=2)}),
    ("retries", {"refused": with_step(REFUSED, "ship", refused="")}),
    ("retries", {"refused": replace(REFUSED, failed=False)}),
    ("scale", {"runs": ()}),
    ("scale", with_run(SCALE, 0, lambda one: with_step(one, "bill", worker=SECOND))),
    ("scale", {"runs": SCALE.runs[:2] + SCALE.runs[3:]}),
    ("scale", {"journal": replace(SCALE.journal, done=frozenset([("order-1", "bill")]))}),
    ("scale", {"journal": Journal(frozenset(), frozenset())}),
    ("scale", with_run(SCALE, 1, lambda one: with_step(one, "bill", worker=SECOND))),
    ("scale", with_run(SCALE, 1, lambda one: with_step(one, "bill", receipt={}))),
    ("scale", {"asked_to_end_at": at(18.9)}),
    ("scale", {"gone_at": at(19)}),
    ("scale", {"runs": SCALE.runs[:5]}),
    ("scale", with_run(SCALE, 5, lambda one: replace(one, completed=False))),
    ("scale", with_run(SCALE, 5, lambda one: without_step(one, "bill"))),
]


def test_a_step_that_was_given_to_a_worker_as_it_hung_up_is_nobody_s_fault() -> None:
    assert scale.judge(
        replace(SCALE, **with_run(SCALE, 5, lambda one: with_step(one, "bill", attempt=2)))
    ).holds


def test_a_worker_s_log_tells_what_it_began_and_what_it_did() -> None:
    words = (
        "2026-03-02 09:00:00,000 INFO order-1: reserve begins, attempt 1\n"
        "2026-03-02 09:00:01,000 INFO order-1: reserve is done\n"
        "2026-03-02 09:00:01,000 INFO order-2: bill begins, attempt 2\n"
    )
    journal = journal_of(words)
    assert journal.begun == {("order-1", "reserve"), ("order-2", "bill")}
    assert journal.done == {("order-1", "reserve")}


@pytest.mark.parametrize("key", GOOD)
def test_a_verdict_holds_on_the_facts_of_a_good_end(key: str) -> None:
    judge, facts = GOOD[key]
    verdict = judge(facts)
    assert [check.sentence for check in verdict.checks if not check.holds] == []
    assert verdict.holds


@pytest.mark.parametrize(("key", "changes"), DOCTORED)
def test_a_fact_that_is_missing_makes_the_verdict_false(key: str, changes: dict[str, Any]) -> None:
    judge, facts = GOOD[key]
    assert not judge(replace(facts, **changes)).holds


@pytest.mark.parametrize("key", GOOD)
def test_every_claim_of_a_drill_can_be_false(key: str) -> None:
    judge, facts = GOOD[key]
    doctored = [judge(replace(facts, **changes)) for each, changes in DOCTORED if each == key]
    claims = {check.sentence for check in judge(facts).checks}
    seen_false = {check.sentence for verdict in doctored for check in verdict.checks if not check.holds}
    assert claims - seen_false == set()
