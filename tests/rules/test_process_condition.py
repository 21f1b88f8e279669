"""Conditions of processes: typed comparisons, what is missing, what nests, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.process import ValueKind
from rules.process_condition import (
    ConditionUnclear,
    Operator,
    compare,
    evaluate,
    kind_of,
    problems_of,
    single_tests,
)
from rules.process_template import PathUnknown

EUR_500 = {"amount": "500.00", "currency": "EUR"}
EUR_70 = {"amount": "70", "currency": "EUR"}


@pytest.mark.parametrize(
    ("left", "op", "right", "holds"),
    [
        ("it", "eq", "it", True),
        ("it", "neq", "people", True),
        ("007", "eq", "7", False),  # ids are no numbers
        (3, "gt", 2, True),
        (2, "gt", 2, False),
        (2, "gte", 2, True),
        (0.1, "lt", Decimal("0.11"), True),
        (0.1, "eq", Decimal("0.1"), True),
        ("1000.00", "gt", "999.99", True),  # amounts are decimals, not text
        ("70", "lt", "500.00", True),
        (EUR_500, "gt", EUR_70, True),
        (EUR_500, "eq", {"amount": "500", "currency": "EUR"}, True),
        (EUR_500, "eq", {"amount": "500", "currency": "USD"}, False),
        ("2026-11-20", "lt", "2026-12-01", True),
        ("2026-11-20T10:00:00+01:00", "lt", "2026-11-20T09:30:00+00:00", True),
        ("laptop stand", "contains", "stand", True),
        ([1, "a"], "contains", "a", True),
        ([1, "a"], "contains", "1", False),
        ({"vat": 1}, "contains", "vat", True),
        ("it", "in", ["it", "people"], True),
        ("sales", "in", ["it", "people"], False),
        ([1, 2], "eq", [1, 2], True),
        ({"a": [1]}, "eq", {"a": [2]}, False),
        (True, "eq", True, True),
        (True, "neq", False, True),
    ],
)
def test_values_of_one_kind_are_compared(left: Any, op: str, right: Any, holds: bool) -> None:
    assert compare(left, Operator(op), right).holds is holds


@pytest.mark.parametrize(
    ("left", "op", "right"),
    [
        ("5", "eq", 5),
        ("5", "gt", 4),
        (True, "eq", 1),
        (True, "gt", 0),
        ("laptop", "gt", "desk"),
        ("500.00", "gt", "2026-11-20"),
        (EUR_500, "gt", {"amount": "1", "currency": "USD"}),
        ({"amount": 500, "currency": "EUR"}, "gt", EUR_70),
        ("2026-11-20T10:00:00", "lt", "2026-11-20T09:30:00+00:00"),
        ("text", "contains", 5),
        ({"a": 1}, "contains", ["a"]),
        (5, "contains", 5),
        ([1], "lt", [2]),
    ],
)
def test_what_cannot_be_compared_is_never_guessed(left: Any, op: str, right: Any) -> None:
    with pytest.raises(ConditionUnclear):
        compare(left, Operator(op), right)


@pytest.mark.parametrize("op", ["gt", "gte", "lt", "lte", "contains", "in"])
def test_a_missing_value_is_neither_more_nor_less_and_it_is_noted(op: str) -> None:
    for left, right in [(None, "5"), ("5", None), (None, None)]:
        test = compare(left, Operator(op), right)
        assert (test.holds, bool(test.note)) == (False, True)


def test_a_missing_value_equals_only_another() -> None:
    assert compare(None, Operator.EQ, None).holds
    assert compare(None, Operator.NEQ, 0).holds
    assert not compare("", Operator.EQ, None).holds


def test_a_test_may_say_how_text_is_read() -> None:
    assert compare("500.0", Operator.EQ, "500.00", ValueKind.AMOUNT).holds
    assert compare("9", Operator.LT, 10, ValueKind.NUMBER).holds
    assert compare("2026-11-20", Operator.EQ, "2026-11-20T00:00:00", ValueKind.MOMENT).holds
    with pytest.raises(ConditionUnclear, match="no amount"):
        compare("many", Operator.GT, "5", ValueKind.AMOUNT)


CONTEXT = {
    "input": {"amount": "700.00", "department": "it", "note": None},
    "vars": {},
    "check": {"trips": 2},
}


def over(limit: str) -> dict[str, Any]:
    return {"left": "{{input.amount}}", "op": "gt", "right": limit}


IT = {"left": "{{input.department}}", "op": "eq", "right": "it"}
BROKEN = {"left": "{{input.nowhere}}", "op": "eq", "right": "it"}


@pytest.mark.parametrize(
    ("condition", "holds", "tests"),
    [
        (over("500.00"), True, 1),
        ({"all": [over("500"), IT]}, True, 2),
        ({"all": [over("900"), BROKEN]}, False, 1),
        ({"any": [over("900"), IT]}, True, 2),
        ({"any": [IT, BROKEN]}, True, 1),
        ({"not": {"any": [over("900"), {"not": IT}]}}, True, 2),
    ],
)
def test_conditions_nest_and_stop_where_it_is_clear(
    condition: dict[str, Any], holds: bool, tests: int
) -> None:
    assert list(problems_of(condition)) == []
    verdict = evaluate(condition, CONTEXT)
    assert (verdict.holds, len(verdict.tests)) == (holds, tests)


def test_a_verdict_keeps_the_values_it_went_by() -> None:
    (test,) = evaluate(over("900.00"), CONTEXT).tests
    assert (test.left, test.operator, test.right, test.holds) == ("700.00", Operator.GT, "900.00", False)


def test_an_unknown_path_is_an_error_and_not_false() -> None:
    with pytest.raises(PathUnknown, match="nowhere"):
        evaluate(BROKEN, CONTEXT)


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {},
        {"all": []},
        {"all": [IT], "any": [IT]},
        {"any": IT},
        {"not": []},
        {"not": IT, "op": "eq"},
        {"left": 1, "op": "eq"},
        {"left": 1, "op": "is", "right": 1},
        {**IT, "as": "flag"},
        {**IT, "else": 1},
        {"all": [IT] * 51},
        {"not": {"not": {"not": {"not": {"not": {"not": {"not": {"not": {"not": IT}}}}}}}}},
    ],
)
def test_a_condition_of_another_form_is_refused_in_a_sentence(broken: Any) -> None:
    assert all(said.endswith(".") for said in problems_of(broken))
    assert len(list(problems_of(broken))) == 1


def test_every_single_test_is_found() -> None:
    assert list(single_tests({"not": {"any": [IT, {"all": [BROKEN]}]}})) == [IT, BROKEN]


VALUES = st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False) | st.text(max_size=5)


@given(VALUES | st.lists(VALUES, max_size=2), VALUES)
def test_equal_and_unequal_never_agree(left: Any, right: Any) -> None:
    if kind_of(left) is not None and kind_of(right) is not None and kind_of(left) is not kind_of(right):
        with pytest.raises(ConditionUnclear):
            compare(left, Operator.EQ, right)
        return
    assert compare(left, Operator.EQ, right).holds is not compare(left, Operator.NEQ, right).holds
