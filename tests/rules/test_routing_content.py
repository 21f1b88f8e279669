"""Routing rules as JSON: what is written is read back, and what means nothing or two things is refused by name."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import InvalidFields
from rules.money import Money
from rules.routing_content import read_rule, to_content
from rules.routing_rule import Kind, Rule, Unit, Variant
from rules.routing_window import Window

ANA = str(UUID(int=1))


def content(**changes: Any) -> dict[str, Any]:
    return {"name": "IT first", "build": "b2", **changes}


def test_a_rule_is_read_back_as_it_was_written() -> None:
    rule = Rule(
        id="r1",
        name="Half of IT, by night",
        share_percent=Decimal("12.5"),
        salt="rollout-1",
        unit=Unit.PERSON,
        departments=("it",),
        roles=("manager",),
        people=(ANA,),
        window=Window(
            datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC), "Europe/Madrid", (0, 4),
            time(22), time(6, 30),
        ),
        priority=3,
        variants=(Variant("control", 1), Variant("new", 3, "b2")),
        enabled=False,
        rollout_id="rollout-1",
    )  # fmt: skip
    assert read_rule("r1", to_content(rule)) == rule
    never = Rule("x1", "Never", Kind.EXCLUDE, salt="x1", amount_above=Money(Decimal("99.90"), "EUR"))
    assert read_rule("x1", to_content(never)) == never


def test_what_is_left_out_has_its_usual_value() -> None:
    assert read_rule("r1", content()) == Rule("r1", "IT first", build="b2", salt="r1")


WINDOW = {"zone": "Europe/Madrid"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": 5}, "name"),
        ({"label": "a slip"}, "label"),
        ({"kind": "teleport"}, "kind"),
        ({"build": ""}, "build"),
        ({"build": "b 2"}, "build"),
        ({"build": "a:b"}, "build"),
        ({"build": None}, "build"),
        ({"build": 2}, "build"),
        ({"share_percent": "-0.1"}, "share_percent"),
        ({"share_percent": "100.1"}, "share_percent"),
        ({"share_percent": "10.05"}, "share_percent"),
        ({"share_percent": "NaN"}, "share_percent"),
        ({"share_percent": float("nan")}, "share_percent"),
        ({"share_percent": "Infinity"}, "share_percent"),
        ({"share_percent": "ten"}, "share_percent"),
        ({"share_percent": True}, "share_percent"),
        ({"share_percent": None}, "share_percent"),
        ({"share_percent": [10]}, "share_percent"),
        ({"unit": "department"}, "unit"),
        ({"departments": "it"}, "departments"),
        ({"departments": [1]}, "departments"),
        ({"departments": [f"d{n}" for n in range(201)]}, "departments"),
        ({"roles": ["emperor"]}, "roles"),
        ({"people": ["ana"]}, "people"),
        ({"priority": 0}, "priority"),
        ({"priority": 1001}, "priority"),
        ({"priority": True}, "priority"),
        ({"priority": "1"}, "priority"),
        ({"enabled": "false"}, "enabled"),
        ({"rollout_id": "a b"}, "rollout_id"),
        ({"window": {"zone": "Europe/Nowhere"}}, "zone"),
        ({"window": {"zone": "../etc/passwd"}}, "zone"),
        ({"window": {"zone": 1}}, "zone"),
        ({"window": {"starts_at": "tomorrow"}}, "starts_at"),
        ({"window": {"starts_at": "2026-03-29T02:30", **WINDOW}}, "starts_at"),
        ({"window": {"starts_at": "2026-06-01T12:00", "ends_at": "2026-06-01T12:00"}}, "ends_at"),
        ({"window": {"weekdays": [7]}}, "weekdays"),
        ({"window": {"weekdays": [True]}}, "weekdays"),
        ({"window": {"from_hour": "09:00"}}, "to_hour"),
        ({"window": {"to_hour": "09:00"}}, "from_hour"),
        ({"window": {"from_hour": "09:00", "to_hour": "09:00"}}, "to_hour"),
        ({"window": {"from_hour": "25:00", "to_hour": "09:00"}}, "from_hour"),
        ({"window": {"from_hour": "09:00:30", "to_hour": "10:00"}}, "from_hour"),
        ({"window": {"hours": []}}, "window"),
        ({"window": None}, "window"),
        ({"build": None, "variants": [{"name": "only", "weight": 1}]}, "variants"),
        ({"build": None, "variants": [{"name": "a", "weight": 1}] * 2}, "variants"),
        ({"build": None, "variants": [{"name": "a", "weight": 0}, {"name": "b", "weight": 1}]}, "variants"),
        ({"build": None, "variants": [{"name": "", "weight": 1}, {"name": "b", "weight": 1}]}, "variants"),
        ({"build": None, "variants": [{"weight": 1}, {"name": "b", "weight": 1}]}, "variants"),
        ({"variants": [{"name": "a"}, {"name": "b"}]}, "build"),
        ({"amount_above": {"amount": "10.00", "currency": "EUR"}}, "amount_above"),
        ({"kind": "exclude", "share_percent": "50"}, "share_percent"),
        ({"kind": "exclude", "variants": [{"name": "a"}, {"name": "b"}]}, "variants"),
        ({"kind": "exclude", "amount_above": {"amount": "ten", "currency": "EUR"}}, "amount_above"),
        ({"kind": "exclude", "amount_above": {"amount": "10.00", "currency": "XXX"}}, "amount_above"),
        ({"kind": "exclude", "amount_above": {"amount": "10.00"}}, "amount_above"),
    ],
    ids=repr,
)
def test_what_means_nothing_is_refused_by_its_name(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidFields) as refusal:
        read_rule("r1", content(**changes))
    assert refusal.value.problems.keys() == {field}


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InvalidFields) as refusal:
        read_rule("r1", {"share_percent": "200", "departments": "it", "colour": "red"})
    assert refusal.value.problems.keys() == {"name", "build", "share_percent", "departments", "colour"}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = st.sampled_from(sorted(to_content(Rule("r1", "r1", build="b2"))))


@given(st.dictionaries(_FIELDS, _JSON, max_size=5))
def test_whatever_json_is_sent_is_read_or_refused(sent: dict[str, Any]) -> None:
    with suppress(InvalidFields):
        rule = read_rule("r1", content(**sent))
        assert read_rule("r1", to_content(rule)) == rule


@pytest.mark.parametrize("sent", [None, [], "rule", 5])
def test_what_is_no_object_is_no_rule(sent: object) -> None:
    with pytest.raises(InvalidFields):
        read_rule("r1", sent)
