"""Numbers survive JSON digit for digit, or not at all."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.exact_json import parse_exact, write_exact

DOCUMENTS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False, places=3),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@given(DOCUMENTS)
def test_what_is_written_is_read_back_equal(document: Any) -> None:
    assert parse_exact(write_exact(document).encode()) == document


def test_amount_keeps_its_digits_where_a_float_would_lose_them() -> None:
    amount = Decimal("9007199254740993.01")
    assert write_exact({"amount": amount}) == '{"amount":9007199254740993.01}'
    assert parse_exact(b'{"amount": 0.1}')["amount"] == Decimal("0.1")
    assert json.loads('{"amount": 0.1}')["amount"] != Decimal("0.1")


@pytest.mark.parametrize(
    "body",
    [
        b"NaN",
        b"[Infinity]",
        b'{"a":-Infinity}',
        b'{"a":1,"a":2}',
        b"{",
        b"1 2",
        b"\xff",
        b"[" * 100_000,
        b"9" * 5000,
    ],
)
def test_document_that_could_be_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        parse_exact(body)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("-Infinity")])
def test_amount_that_is_not_finite_is_not_written(value: Decimal) -> None:
    with pytest.raises(ValueError, match="no place"):
        write_exact([value])


@pytest.mark.parametrize("value", [0.1, {1, 2}, object()])
def test_float_and_foreign_types_are_not_written(value: object) -> None:
    with pytest.raises(TypeError):
        write_exact({"value": value})
