"""Conditions: tests of two values, nested by all, any and not. Text is never taken for a number, nor a gap for zero."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from rules.errors import BusinessError
from rules.process import ValueKind
from rules.process_template import render

#: How many tests one condition may have; a person is to understand it.
MOST_TESTS: Final = 50
DEEPEST: Final = 8


class Operator(StrEnum):
    """What a test asks of its two values."""

    EQ = "eq"
    NEQ = "neq"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    CONTAINS = "contains"  # a part of a text, a member of a list, a name in an object
    IN = "in"  # the same, the other way round


_ORDERS: Final[Mapping[Operator, Callable[[Any, Any], bool]]] = {
    Operator.GT: lambda left, right: left > right,
    Operator.GTE: lambda left, right: left >= right,
    Operator.LT: lambda left, right: left < right,
    Operator.LTE: lambda left, right: left <= right,
}
ORDERING: Final = tuple(_ORDERS)
#: What `as` may say: both values are read as this, where they are text.
READ_AS: Final = (ValueKind.TEXT, ValueKind.NUMBER, ValueKind.AMOUNT, ValueKind.MOMENT)
_AMOUNT: Final = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII)


class ConditionUnclear(BusinessError):
    """The two values of a test cannot be compared; the process waits for a person instead of guessing."""


@dataclass(frozen=True)
class Test:
    """One test as it went, for whoever asks why.

    Attributes:
        left, right: the values that were compared.
        note: why it could not hold, where a value was missing.
    """

    __test__ = False  # no test of pytest's

    left: Any
    operator: Operator
    right: Any
    holds: bool
    note: str = ""


@dataclass(frozen=True)
class Verdict:
    """Whether a condition holds, and the tests that were made until that was clear."""

    holds: bool
    tests: tuple[Test, ...]


def evaluate(condition: Mapping[str, Any], context: Mapping[str, Any]) -> Verdict:
    """Whether a condition holds.

    Args:
        condition: `{"left": …, "op": "gt", "right": …}` with perhaps `"as": "amount"`, or `{"all": […]}`, `{"any": […]}`,
            `{"not": {…}}`; one that `problems_of` has nothing to say about.

    Raises:
        ConditionUnclear: values of different kinds, of two currencies, or without an order.
        BusinessError: a template that leads nowhere, see `rules.process_template.render`.
    """
    tests: list[Test] = []
    return Verdict(_holds(condition, context, tests), tuple(tests))


def _holds(condition: Mapping[str, Any], context: Mapping[str, Any], tests: list[Test]) -> bool:
    if "all" in condition:
        return all(_holds(each, context, tests) for each in condition["all"])
    if "any" in condition:
        return any(_holds(each, context, tests) for each in condition["any"])
    if "not" in condition:
        return not _holds(condition["not"], context, tests)
    test = compare(
        render(condition["left"], context),
        Operator(condition["op"]),
        render(condition["right"], context),
        ValueKind(condition["as"]) if "as" in condition else None,
    )
    tests.append(test)
    return test.holds


def compare(left: Any, operator: Operator, right: Any, read_as: ValueKind | None = None) -> Test:
    """One test; raises ConditionUnclear.

    Amounts are text such as "499.90", or objects of an amount and a currency; they are compared as decimals. Two texts
    have an order only if both are amounts, or both are moments.
    """
    if operator is Operator.IN:
        return Test(left, operator, right, *_contains(right, left))
    if operator is Operator.CONTAINS:
        return Test(left, operator, right, *_contains(left, right))
    if left is None or right is None:
        if operator in ORDERING:
            return Test(left, operator, right, False, "a missing value is neither more nor less")
        return Test(left, operator, right, (left is right) is (operator is Operator.EQ))
    if operator in ORDERING:
        ours, theirs = _ordered(left, right, read_as)
        return Test(left, operator, right, _ORDERS[operator](ours, theirs))
    same = _same(_read(left, read_as), _read(right, read_as))
    if same is None:
        raise ConditionUnclear(_at_odds(left, right))
    return Test(left, operator, right, same is (operator is Operator.EQ))


def kind_of(value: Any) -> ValueKind | None:
    """What a value is; None for one that is missing. A text that may be an amount or a moment is text."""
    if value is None:
        return None
    if isinstance(value, bool):
        return ValueKind.FLAG
    if isinstance(value, int | float | Decimal):
        return ValueKind.NUMBER
    if isinstance(value, str):
        return ValueKind.TEXT
    return ValueKind.OBJECT if isinstance(value, Mapping) else ValueKind.LIST


def _same(left: Any, right: Any) -> bool | None:
    """Whether two values are equal; None where they are of different kinds."""
    if isinstance(left, datetime) or isinstance(right, datetime):
        return bool(left == right)
    if kind_of(left) is not kind_of(right):
        return None
    if isinstance(left, Mapping):
        if _is_money(left) and _is_money(right):
            return bool(_money(left) == _money(right))
        return left.keys() == right.keys() and all(_same(left[name], right[name]) for name in left)
    if kind_of(left) is ValueKind.LIST:
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(_number(left) == _number(right))


def _ordered(left: Any, right: Any, read_as: ValueKind | None) -> tuple[Any, Any]:
    if _is_money(left) and _is_money(right):
        if left["currency"] != right["currency"]:
            raise ConditionUnclear(f"{left['currency']} and {right['currency']} cannot be compared.")
        return _money(left)[0], _money(right)[0]
    kinds = (kind_of(left), kind_of(right))
    if read_as not in (None, ValueKind.TEXT):
        return _comparable(_read(left, read_as), _read(right, read_as))
    if kinds == (ValueKind.NUMBER, ValueKind.NUMBER):
        return _number(left), _number(right)
    if kinds == (ValueKind.TEXT, ValueKind.TEXT):
        if _AMOUNT.fullmatch(left) and _AMOUNT.fullmatch(right):
            return Decimal(left), Decimal(right)
        return _comparable(_moment(left), _moment(right))
    raise ConditionUnclear(_at_odds(left, right))


def _comparable(left: Any, right: Any) -> tuple[Any, Any]:
    if (
        isinstance(left, datetime)
        and isinstance(right, datetime)
        and (left.tzinfo is None) != (right.tzinfo is None)
    ):
        raise ConditionUnclear("One of the moments has a time zone and the other has none.")
    return left, right


def _read(value: Any, read_as: ValueKind | None) -> Any:
    """A value as the test wants it to be read."""
    if read_as is ValueKind.MOMENT and isinstance(value, str):
        return _moment(value)
    if read_as in (ValueKind.AMOUNT, ValueKind.NUMBER) and not isinstance(value, Mapping):
        if isinstance(value, str) and _AMOUNT.fullmatch(value):
            return Decimal(value)
        if kind_of(value) is not ValueKind.NUMBER:
            raise ConditionUnclear(f"{value!r} is no amount such as 499.90.")
        return _number(value)
    return value


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ConditionUnclear(f"{text!r} has no order: it is neither an amount nor a moment.") from None


def _number(value: Any) -> Any:
    return Decimal(repr(value)) if isinstance(value, float) else value


def _is_money(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == {"amount", "currency"}


def _money(value: Mapping[str, Any]) -> tuple[Decimal, str]:
    amount = value["amount"]
    if not isinstance(amount, str) or not _AMOUNT.fullmatch(amount):
        raise ConditionUnclear(f"{amount!r} is no amount such as 499.90.")
    return Decimal(amount), value["currency"]


def _contains(whole: Any, part: Any) -> tuple[bool, str]:
    if whole is None or part is None:
        return False, "a missing value holds nothing and is held by nothing"
    if isinstance(whole, str | Mapping):
        if not isinstance(part, str):
            raise ConditionUnclear(_at_odds(whole, part))
        return part in whole, ""
    if isinstance(whole, list | tuple):
        return any(_same(each, part) for each in whole), ""
    raise ConditionUnclear(f"{whole!r} holds nothing: it is no text, no list and no object.")


def _at_odds(left: Any, right: Any) -> str:
    return f"{left!r} ({kind_of(left) or 'nothing'}) and {right!r} ({kind_of(right) or 'nothing'}) cannot be compared."


def single_tests(condition: Any) -> Iterator[Mapping[str, Any]]:
    """The single tests of a condition, in order, whatever is wrong with the rest of it."""
    if not isinstance(condition, Mapping):
        return
    for word in ("all", "any"):
        nested = condition.get(word)
        for each in nested if isinstance(nested, list | tuple) else ():
            yield from single_tests(each)
    if "not" in condition:
        yield from single_tests(condition["not"])
    if "op" in condition:
        yield condition


def problems_of(condition: Any, depth: int = 0) -> Iterator[str]:
    """What is wrong with the form of a condition, in sentences."""
    if not isinstance(condition, Mapping):
        yield "A condition must be an object: a test with left, op and right, or all, any or not."
        return
    if depth > DEEPEST:
        yield f"The condition is nested more than {DEEPEST} deep."
        return
    for word in ("all", "any"):
        if word in condition:
            nested = condition[word]
            if len(condition) > 1 or not isinstance(nested, list | tuple) or not nested:
                yield f"{word!r} must stand alone and hold a list of at least one condition."
                return
            for each in nested:
                yield from problems_of(each, depth + 1)
            if not depth and sum(1 for _ in single_tests(condition)) > MOST_TESTS:
                yield f"The condition has more than {MOST_TESTS} tests."
            return
    if "not" in condition:
        if len(condition) > 1:
            yield "'not' must stand alone."
        yield from problems_of(condition["not"], depth + 1)
        return
    yield from _problems_of_test(condition)


def _problems_of_test(test: Mapping[str, Any]) -> Iterator[str]:
    if test.keys() - {"as"} != {"left", "op", "right"}:
        yield "A test has left, op and right, and perhaps as."
    elif test["op"] not in list(Operator):
        yield f"{test['op']!r} is no operator; known are {', '.join(Operator)}."
    elif test.get("as", READ_AS[0]) not in READ_AS:
        yield f"{test['as']!r} is not known here; known are {', '.join(READ_AS)}."
