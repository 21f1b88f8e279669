"""Who goes where: the cases of a table, and what holds for every rule set, share, weight and name."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import InvalidFields
from rules.money import Money
from rules.routing import (
    BUCKETS,
    Kind,
    Mode,
    Reason,
    Route,
    Rule,
    RuleSet,
    Subject,
    Unit,
    Variant,
    Verdict,
    bucket_of,
    check_mode,
    decide,
    is_enrolled,
    predict_native,
    trials,
)
from rules.routing_content import read_rule
from tests.rules.samples import DEPARTMENTS

TABLE = json.loads((Path(__file__).parent / "cases" / "routing.json").read_text(encoding="utf-8"))
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LIVE = frozenset({"b1", "b2", "b3"})
BUILDS = ("b1", "b2", "b3")


def subject_of(case: dict[str, Any]) -> Subject:
    person = TABLE["people"][case["who"]]
    amount = Money(Decimal(case["amount"][0]), case["amount"][1]) if "amount" in case else None
    return Subject(
        person["person_id"],
        person["department_id"],
        frozenset(person["roles"]),
        TABLE["requests"][case["request"]],
        amount,
    )


def rule_set_of(case: dict[str, Any]) -> RuleSet:
    rules = tuple(
        read_rule(rule["id"], {name: value for name, value in rule.items() if name != "id"})
        for rule in case["rules"]
    )
    return RuleSet(7, rules, case.get("frozen", False), Mode(case.get("mode", "selective")))


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["says"])
def test_the_table_says_where_a_request_goes(case: dict[str, Any]) -> None:
    now = datetime.fromisoformat(case.get("now", NOW.isoformat()))
    route = decide(subject_of(case), rule_set_of(case), case.get("live", LIVE), now)
    expected = case["route"]
    assert (route.build, route.variant, route.rule_id, route.reason) == (
        expected["build"],
        expected["variant"],
        expected["rule"],
        Reason(expected["reason"]),
    )
    assert route.revision == 7
    assert route.why.endswith(".")


@pytest.mark.parametrize("case", TABLE["buckets"], ids=lambda case: case["id"])
def test_a_bucket_never_changes(case: dict[str, Any]) -> None:
    assert bucket_of(case["salt"], case["unit"], case["id"]) == case["bucket"]


def shares() -> st.SearchStrategy[Decimal]:
    return st.integers(0, 1000).map(lambda tenths: Decimal(tenths) / 10)


def some_of(names: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(names), unique=True, max_size=2).map(tuple)


PEOPLE = tuple(str(UUID(int=number)) for number in range(1, 9))


@st.composite
def rules_named(draw: st.DrawFn, rule_id: str) -> Rule:
    excludes = draw(st.integers(0, 4)) == 0
    weights = draw(st.just([]) | st.lists(st.integers(1, 50), min_size=2, max_size=4))
    return Rule(
        id=rule_id,
        name=rule_id,
        kind=Kind.EXCLUDE if excludes else Kind.ROUTE,
        build=draw(st.sampled_from(BUILDS) | st.none())
        if excludes
        else (None if weights else draw(st.sampled_from(BUILDS))),
        share_percent=Decimal(100) if excludes else draw(shares()),
        salt=draw(st.sampled_from(["rollout", rule_id])),
        unit=draw(st.sampled_from(Unit)),
        departments=draw(some_of(DEPARTMENTS)),
        roles=draw(some_of(("employee", "manager", "finance"))),
        people=draw(some_of(PEOPLE)),
        priority=draw(st.integers(1, 3)),
        variants=()
        if excludes
        else tuple(
            Variant(f"v{n}", weight, draw(st.sampled_from(BUILDS) | st.none()))
            for n, weight in enumerate(weights)
        ),
    )


def rule_sets() -> st.SearchStrategy[RuleSet]:
    rules = st.integers(0, 4).flatmap(lambda n: st.tuples(*(rules_named(f"r{i}") for i in range(n))))
    return st.builds(RuleSet, st.just(1), rules, st.just(False), st.sampled_from(Mode))


def requesters() -> st.SearchStrategy[Subject]:
    return st.builds(
        Subject,
        st.sampled_from(PEOPLE),
        st.sampled_from(DEPARTMENTS),
        some_of(("employee", "manager", "finance")).map(frozenset),
        st.uuids().map(str),
    )


@given(requesters(), rule_sets(), st.data())
def test_raising_a_share_drops_nobody_and_moves_nobody_between_variants(
    subject: Subject, rule_set: RuleSet, data: st.DataObject
) -> None:
    before = decide(subject, rule_set, LIVE, NOW)
    taken = [rule for rule in rule_set.rules if rule.id == before.rule_id and before.reason is Reason.MATCHED]
    for rule in taken:
        more = data.draw(
            st.integers(int(rule.share_percent * 10), 1000).map(lambda tenths: Decimal(tenths) / 10)
        )
        rules = tuple(replace(each, share_percent=more) if each == rule else each for each in rule_set.rules)
        after = decide(subject, replace(rule_set, rules=rules), LIVE, NOW)
        assert (after.build, after.variant, after.rule_id) == (before.build, before.variant, before.rule_id)


@given(requesters(), rule_sets())
def test_the_same_request_goes_the_same_way_every_time_and_in_any_order_of_rules(
    subject: Subject, rule_set: RuleSet
) -> None:
    turned = replace(rule_set, rules=rule_set.rules[::-1])
    assert decide(subject, rule_set, LIVE, NOW) == decide(subject, turned, LIVE, NOW)


@given(requesters(), rule_sets())
def test_an_excluded_one_never_reaches_the_build_that_is_closed_to_them(
    subject: Subject, rule_set: RuleSet
) -> None:
    never = Rule(
        "never", "never", Kind.EXCLUDE, build="b2", departments=(subject.department_id,), priority=1000
    )
    route = decide(subject, replace(rule_set, rules=(*rule_set.rules, never)), LIVE, NOW)
    assert route.build != "b2"


@given(requesters(), rule_sets(), st.sets(st.sampled_from(BUILDS)))
def test_nobody_is_sent_to_a_build_without_live_workers(
    subject: Subject, rule_set: RuleSet, live: set[str]
) -> None:
    assert decide(subject, rule_set, live, NOW).build in {None, *live}


@given(requesters(), rule_sets())
def test_a_rule_for_one_department_changes_nothing_for_the_others(
    subject: Subject, rule_set: RuleSet
) -> None:
    other = next(name for name in DEPARTMENTS if name != subject.department_id)
    more = Rule("more", "more", build="b3", departments=(other,), priority=1)
    assert decide(subject, rule_set, LIVE, NOW) == decide(
        subject, replace(rule_set, rules=(more, *rule_set.rules)), LIVE, NOW
    )


@given(requesters(), rule_sets())
def test_frozen_routing_sends_everybody_to_the_current_build(subject: Subject, rule_set: RuleSet) -> None:
    route = decide(subject, replace(rule_set, frozen=True), LIVE, NOW)
    assert (route.build, route.variant, route.reason) == (None, None, Reason.FROZEN)


@given(requesters(), rule_sets())
def test_what_may_become_of_the_next_request_adds_up_and_names_what_becomes_of_it(
    subject: Subject, rule_set: RuleSet
) -> None:
    chances: dict[tuple[str | None, str | None], Fraction] = {}
    for trial in trials(replace(subject, request_id=None), rule_set, LIVE, NOW):
        for arm in trial.arms:
            way = (arm.build, arm.variant)
            chances[way] = chances.get(way, Fraction(0)) + arm.chance
    rest = 1 - sum(chances.values())
    assert 0 <= rest <= 1
    route = decide(subject, rule_set, LIVE, NOW)
    assert (route.build, route.variant) in chances if route.reason is Reason.MATCHED else rest > 0


def _odds(rules: tuple[Rule, ...]) -> dict[str, Fraction]:
    nobody = Subject(PEOPLE[0], "it", frozenset({"employee"}))
    found = trials(nobody, RuleSet(1, rules), LIVE, NOW)
    return {trial.rule.id: sum((arm.chance for arm in trial.arms), Fraction(0)) for trial in found}


def test_rules_of_one_rollout_share_the_draw_and_others_draw_anew() -> None:
    ten = Rule("r1", "r1", build="b2", share_percent=Decimal(10), salt="a", priority=1)
    thirty = Rule("r2", "r2", build="b3", share_percent=Decimal(30), salt="a", priority=2)
    assert _odds((ten, thirty)) == {"r1": Fraction(1, 10), "r2": Fraction(2, 10)}
    assert _odds((ten, replace(thirty, salt="b"))) == {"r1": Fraction(1, 10), "r2": Fraction(27, 100)}


def test_what_is_told_of_the_next_request_is_what_happens_to_many() -> None:
    rules = (
        Rule("r1", "r1", build="b2", share_percent=Decimal(20), salt="a", priority=1),
        Rule(
            "r2", "r2", variants=(Variant("x", 1), Variant("y", 3, "b3")), share_percent=Decimal(50), salt="b"
        ),
    )
    subject = Subject(PEOPLE[0], "it", frozenset())
    told = {
        (arm.build, arm.variant): arm.chance
        for trial in trials(subject, RuleSet(1, rules), LIVE, NOW)
        for arm in trial.arms
    }
    assert told == {("b2", None): Fraction(1, 5), (None, "x"): Fraction(1, 10), ("b3", "y"): Fraction(3, 10)}
    routes = [
        decide(replace(subject, request_id=str(UUID(int=n))), RuleSet(1, rules), LIVE, NOW)
        for n in range(4000)
    ]
    for way, chance in told.items():
        seen = sum((route.build, route.variant) == way for route in routes) / 4000
        assert abs(seen - float(chance)) < 0.03  # more than four standard errors


def test_a_person_is_drawn_once_for_all_requests() -> None:
    rule = Rule("r1", "r1", build="b2", share_percent=Decimal(50), salt="a", unit=Unit.PERSON)
    for person in PEOPLE:
        builds = {
            decide(Subject(person, "it", frozenset(), str(UUID(int=n))), RuleSet(1, (rule,)), LIVE, NOW).build
            for n in range(50)
        }
        assert builds == {"b2" if is_enrolled(bucket_of("a", "person", person), Decimal(50)) else None}


def test_a_share_is_met_and_another_salt_draws_others() -> None:
    units = [str(UUID(int=n)) for n in range(20_000)]
    first = {unit for unit in units if is_enrolled(bucket_of("a", "request", unit), Decimal("12.5"))}
    second = {unit for unit in units if is_enrolled(bucket_of("b", "request", unit), Decimal("12.5"))}
    assert abs(len(first) / len(units) - 0.125) < 0.01
    assert abs(len(first & second) / len(units) - 0.125**2) < 0.005


@given(st.text(max_size=20), st.text(max_size=20))
def test_every_unit_has_a_bucket(salt: str, unit_id: str) -> None:
    assert 0 <= bucket_of(salt, Unit.REQUEST, unit_id) < BUCKETS


def test_weights_are_kept() -> None:
    rule = Rule("r1", "r1", salt="a", variants=(Variant("a", 1), Variant("b", 2), Variant("c", 7)))
    seen = [_route(rule, n).variant for n in range(5000)]
    for name, part in (("a", 0.1), ("b", 0.2), ("c", 0.7)):
        assert abs(seen.count(name) / 5000 - part) < 0.03


def _route(rule: Rule, number: int) -> Route:
    subject = Subject(PEOPLE[0], "it", frozenset(), str(UUID(int=number)))
    return decide(subject, RuleSet(1, (rule,)), LIVE, NOW)


def test_a_request_without_an_id_has_no_route() -> None:
    with pytest.raises(ValueError, match="no route"):
        decide(Subject(PEOPLE[0], "it", frozenset()), RuleSet(), LIVE, NOW)


def test_every_rule_says_why_it_does_not_take_somebody() -> None:
    rules = (
        Rule("a", "a", build="b2", enabled=False),
        Rule("b", "b", build="b2", departments=("finance",)),
        Rule("c", "c", build="b2", share_percent=Decimal(0), salt="a"),
        Rule("d", "d", build="b2", priority=200),
        Rule("e", "e", Kind.EXCLUDE, build="b2", roles=("manager",)),
    )
    subject = Subject(PEOPLE[0], "it", frozenset({"manager"}))
    said = [(trial.rule.id, trial.verdict) for trial in trials(subject, RuleSet(1, rules), LIVE, NOW)]
    assert said == [
        ("a", Verdict.OFF),
        ("b", Verdict.OTHERS),
        ("c", Verdict.EXCLUDED),
        ("d", Verdict.EXCLUDED),
    ]


@given(st.uuids(), st.integers(0, 1000))
def test_the_servers_ramp_keeps_those_already_in(request_id: UUID, tenths: int) -> None:
    workflow_id, percent = f"purchase-{request_id}", Decimal(tenths) / 10
    if predict_native(workflow_id, percent):
        assert predict_native(workflow_id, min(Decimal(100), percent + 5))
    assert predict_native(workflow_id, Decimal(100))


@pytest.mark.parametrize(
    ("mode", "percent"), [(Mode.NATIVE, "10"), (Mode.NATIVE, "0"), (Mode.SELECTIVE, "0")]
)
def test_a_mode_is_free_to_choose_while_it_would_hold(mode: Mode, percent: str) -> None:
    check_mode(mode, "b2", Decimal(percent))


def test_rules_cannot_take_over_while_the_server_gives_a_share_away() -> None:
    with pytest.raises(InvalidFields) as refused:
        check_mode(Mode.SELECTIVE, "b2", Decimal("10.500"))
    assert "gives 10.5 % to b2" in refused.value.problems["why"]
