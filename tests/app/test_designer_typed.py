"""What is typed into the form of a node: every config that fits into inputs comes back exactly as it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pages.designer.operations import free_id
from app.pages.designer.typed import form_field, read_field, read_value, write_value
from rules.process import Node, Process
from rules.process_node import Field, FieldKind

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(values)
def test_a_value_that_is_written_is_read_as_itself(value: Any) -> None:
    assert read_value(write_value(value)) == value
    assert type(read_value(write_value(value))) is type(value)


@given(st.sampled_from(FieldKind), values.filter(lambda value: value is not None))
def test_a_field_shows_whatever_stands_in_it_and_reads_it_back(kind: FieldKind, value: Any) -> None:
    field = Field("entry", kind, "Entry")
    shown = form_field(field, {"entry": value})
    assert read_field(field, shown.inputs) == value


@pytest.mark.parametrize(
    ("kind", "value", "rows"),
    [
        (FieldKind.PEOPLE, [{"role": "finance", "group": "money"}, {"manager_of": "{{input.requester}}"}], 2),
        (FieldKind.CONDITION, {"left": "{{input.amount}}", "op": "gt", "right": "500.00", "as": "amount"}, 1),
        (
            FieldKind.CONDITION,
            {"any": [{"left": "a", "op": "eq", "right": True}, {"left": 1, "op": "in", "right": [1, 2]}]},
            2,
        ),
        (FieldKind.VALUES, {"amount": "{{input.amount}}", "parts": [1, "2"], "number": "5"}, 3),
        (FieldKind.DURATIONS, ["3 d", "6 d"], 0),
    ],
)
def test_usual_configs_are_shown_in_rows_and_not_as_json(kind: FieldKind, value: Any, rows: int) -> None:
    field = Field("entry", kind, "Entry")
    shown = form_field(field, {"entry": value})
    assert (shown.is_raw, shown.rows) == (False, rows)
    assert read_field(field, shown.inputs) == value


def test_a_nested_condition_is_shown_as_json() -> None:
    test = {"left": 1, "op": "eq", "right": 1}
    field = Field("test", FieldKind.CONDITION, "Condition")
    assert form_field(field, {"test": {"not": test}}).is_raw


@pytest.mark.parametrize(
    ("wish", "made"),
    [
        ("Jefa de área", "jefa_de_area"),
        ("2nd look", "node_2nd_look"),
        ("input", "input_2"),
        ("–", "node"),
        ("end", "end_2"),
    ],
)
def test_a_new_node_gets_an_id_near_to_its_name(wish: str, made: str) -> None:
    assert free_id(Process("p", nodes=(Node("end", "end"),)), wish) == made
