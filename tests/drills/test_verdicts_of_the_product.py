"""The verdicts of the drills on the product: they hold on good facts, and each fact that is missing makes one false."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from local.drills import bad_build, power_cut, seven_days, upgrade
from local.drills.seven_days import ALL_ALARMS, Waited
from local.drills.story import Verdict
from local.drills.upgrade import Carried, Replayed

OLD = Carried(
    "PR-1", True, "completed", None, 1, False, 1,
    {"validate_product": ("one",), "ask_approver": ("one",), "place_order": ("two",)},
)  # fmt: skip
NEW = Carried(
    "PR-2", False, "completed", True, 0, True, 1, {"review_request": ("two",), "place_order": ("two",)}
)
UPGRADE = upgrade.Facts(
    requests=(OLD, NEW),
    waiting=1,
    careless=Replayed(1, ("purchase-1",)),
    rehearsed=Replayed(1, ()),
    replayed=Replayed(2, ()),
)
BAD_BUILD = bad_build.Facts(
    passed_gate=True,
    drawn=3,
    submitted=30,
    ran_on_bad=3,
    strays=0,
    moves=(("person", "gate"), ("system", "step"), ("system", "returning"), ("system", "returned")),
    bad=3,
    seen=3,
    evidence=777.0,
    current="one",
    ramping="",
    rejected=True,
    after=5,
    after_on_bad=0,
    held=0,
    completed=30,
    bought_once=30,
    finished_on_good=3,
)
MAILED = (
    ("asked", "lucia"), ("reminded", "lucia"), ("escalated", "isabel"), ("reminded", "lucia"),
    ("reminded", "isabel"), ("expired", "ana"),
)  # fmt: skip
SEVEN_DAYS = seven_days.Facts(
    nobody=Waited("ana", ALL_ALARMS, 7.0, "expired", 9.0, 0, MAILED),
    late=Waited("kwame", ALL_ALARMS[:1], 4.0, "completed", 8.0, 1, ()),
    next_in_line=Waited("sofia", ALL_ALARMS[:2], 5.0, "completed", 8.0, 1, ()),
    workers=2,
    mails=len(MAILED),
)
POWER_CUT = power_cut.Facts(
    parts={name: (number, 100 + number) for number, name in enumerate(power_cut.PARTS)},
    cuts=(power_cut.Cut({"ordering": 3}, 3),),
    forms={"a": 1, "b": 4},
    told=("PR-1", "PR-2"),
    lost=(),
    requests=2,
    completed=2,
    runs=2,
    bought={1: 2},
    orders=2,
    paid=Decimal("12.30"),
    charged=Decimal("12.300"),
)


@pytest.mark.parametrize(
    "verdict",
    [
        upgrade.judge(UPGRADE),
        bad_build.judge(BAD_BUILD),
        seven_days.judge(SEVEN_DAYS),
        power_cut.judge(POWER_CUT),
    ],
    ids=["upgrade", "bad_build", "seven_days", "power_cut"],
)
def test_a_verdict_holds_on_the_facts_of_a_good_end(verdict: Verdict) -> None:
    assert [check.sentence for check in verdict.checks if not check.holds] == []
    assert verdict.holds


def failed(verdict: Verdict) -> int:
    assert verdict.holds is all(check.holds for check in verdict.checks)
    return sum(not check.holds for check in verdict.checks)


def of_old(**changes: Any) -> dict[str, Any]:
    return {"requests": (replace(OLD, **changes), NEW)}


def of_new(**changes: Any) -> dict[str, Any]:
    return {"requests": (OLD, replace(NEW, **changes))}


def of_nobody(**changes: Any) -> dict[str, Any]:
    return {"nobody": replace(SEVEN_DAYS.nobody, **changes)}


def of_late(**changes: Any) -> dict[str, Any]:
    return {"late": replace(SEVEN_DAYS.late, **changes)}


DOCTORED: list[tuple[Callable[[Any], Verdict], Any, dict[str, Any]]] = [
    (upgrade.judge, UPGRADE, {"requests": ()}),
    (upgrade.judge, UPGRADE, {"waiting": 0}),
    (upgrade.judge, UPGRADE, {"careless": Replayed(1, ())}),
    (upgrade.judge, UPGRADE, {"rehearsed": Replayed(1, ("purchase-1",))}),
    (upgrade.judge, UPGRADE, {"rehearsed": Replayed(0, ())}),
    (upgrade.judge, UPGRADE, {"replayed": Replayed(1, ())}),
    (upgrade.judge, UPGRADE, {"replayed": Replayed(2, ("purchase-2",))}),
    (upgrade.judge, UPGRADE, of_old(patched=True)),
    (upgrade.judge, UPGRADE, of_old(status="ordering")),
    (upgrade.judge, UPGRADE, of_old(bought=2)),
    (upgrade.judge, UPGRADE, of_old(done_by={"ask_approver": ("one",), "place_order": ("one",)})),
    (upgrade.judge, UPGRADE, of_new(patched=False)),
    (upgrade.judge, UPGRADE, of_new(asked=1)),
    (bad_build.judge, BAD_BUILD, {"passed_gate": False}),
    (bad_build.judge, BAD_BUILD, {"strays": 1}),
    (bad_build.judge, BAD_BUILD, {"drawn": 0}),
    (bad_build.judge, BAD_BUILD, {"drawn": 29}),
    (bad_build.judge, BAD_BUILD, {"bad": 0, "evidence": 1.0}),
    (bad_build.judge, BAD_BUILD, {"moves": (*BAD_BUILD.moves[:2], ("person", "returned"))}),
    (bad_build.judge, BAD_BUILD, {"moves": BAD_BUILD.moves[:3]}),
    (bad_build.judge, BAD_BUILD, {"moves": ()}),
    (bad_build.judge, BAD_BUILD, {"current": "two"}),
    (bad_build.judge, BAD_BUILD, {"ramping": "two"}),
    (bad_build.judge, BAD_BUILD, {"rejected": False}),
    (bad_build.judge, BAD_BUILD, {"after_on_bad": 1}),
    (bad_build.judge, BAD_BUILD, {"held": 1}),
    (bad_build.judge, BAD_BUILD, {"finished_on_good": 2}),
    (bad_build.judge, BAD_BUILD, {"completed": 29}),
    (bad_build.judge, BAD_BUILD, {"bought_once": 29}),
    (seven_days.judge, SEVEN_DAYS, of_nobody(alarms=ALL_ALARMS[:3])),
    (seven_days.judge, SEVEN_DAYS, of_nobody(days=6.9)),
    (seven_days.judge, SEVEN_DAYS, of_nobody(seconds=7 * 86_400.0)),
    (seven_days.judge, SEVEN_DAYS, of_nobody(status="completed")),
    (seven_days.judge, SEVEN_DAYS, of_nobody(bought=1)),
    (seven_days.judge, SEVEN_DAYS, of_nobody(mailed=(*MAILED, ("reminded", "lucia")))),
    (seven_days.judge, SEVEN_DAYS, of_late(alarms=ALL_ALARMS[:2])),
    (seven_days.judge, SEVEN_DAYS, of_late(bought=2)),
    (seven_days.judge, SEVEN_DAYS, {"next_in_line": replace(SEVEN_DAYS.next_in_line, status="expired")}),
    (seven_days.judge, SEVEN_DAYS, {"workers": 1}),
    (seven_days.judge, SEVEN_DAYS, {"mails": 0}),
    (power_cut.judge, POWER_CUT, {"parts": {}}),
    (power_cut.judge, POWER_CUT, {"parts": {**POWER_CUT.parts, "postgres": (7, 7)}}),
    (power_cut.judge, POWER_CUT, {"cuts": ()}),
    (power_cut.judge, POWER_CUT, {"cuts": (power_cut.Cut({}, 3),)}),
    (power_cut.judge, POWER_CUT, {"cuts": (power_cut.Cut({"ordering": 3}, 0),)}),
    (power_cut.judge, POWER_CUT, {"lost": ("PR-2",)}),
    (power_cut.judge, POWER_CUT, {"told": ("PR-1", "PR-1")}),
    (power_cut.judge, POWER_CUT, {"forms": {"a": 5}}),
    (power_cut.judge, POWER_CUT, {"completed": 1}),
    (power_cut.judge, POWER_CUT, {"runs": 1}),
    (power_cut.judge, POWER_CUT, {"bought": {1: 1, 2: 1}, "orders": 3}),
    (power_cut.judge, POWER_CUT, {"bought": {1: 1, 0: 1}, "orders": 1}),
    (power_cut.judge, POWER_CUT, {"orders": 3}),
    (power_cut.judge, POWER_CUT, {"paid": Decimal("24.60")}),
]


@pytest.mark.parametrize(("judge", "facts", "changes"), DOCTORED)
def test_a_fact_that_is_missing_makes_the_verdict_false(
    judge: Callable[[Any], Verdict], facts: Any, changes: dict[str, Any]
) -> None:
    verdict = judge(replace(facts, **changes))
    assert failed(verdict) >= 1
    assert not verdict.holds


def test_every_claim_of_a_drill_can_be_false() -> None:
    for drill in (upgrade.judge, bad_build.judge, seven_days.judge, power_cut.judge):
        doctored = [judge(replace(facts, **changes)) for judge, facts, changes in DOCTORED if judge is drill]
        never = set.intersection(*({c.sentence for c in each.checks if c.holds} for each in doctored))
        assert never == set()
