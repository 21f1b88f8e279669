"""Templates of processes: types are kept, what is unknown is an error, what is large stays where it is."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import Invalid
from rules.process import Outcome
from rules.process_template import (
    PathUnknown,
    TemplateUnreadable,
    Use,
    ValueIsElsewhere,
    has_template,
    render,
    uses,
)
from rules.process_value import (
    LARGEST_CARRIED_BYTES,
    as_reference,
    carried,
    check_payload,
    make_context,
    reference_to,
    result_entry,
)

CONTEXT = make_context(
    {"amount": "499.90", "items": [{"name": "desk"}], "note": None, "count": 3, "urgent": True},
    {"seen": ["ana"]},
    {"check": result_entry(Outcome.SATISFIED, {"confidence": Decimal("0.9"), "limit": {"it": "500"}})},
)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{input.amount}}", "499.90"),
        ("{{ input.count }}", 3),
        ("{{input.urgent}}", True),
        ("{{input.note}}", None),
        ("{{input.items}}", [{"name": "desk"}]),
        ("{{input.items.0.name}}", "desk"),
        ("{{check.confidence}}", Decimal("0.9")),
        ("{{check.outcome}}", "satisfied"),
        ("{{check.error}}", None),
        ("{{vars.seen}}", ["ana"]),
        ('{{ vars.other | default("none") }}', "none"),
        ("{{check.score|default(0)}}", 0),
        ("{{input.note | default(false)}}", False),
        ("{{input.amount | default(null)}}", "499.90"),
        ('{{input.gone | default("a \\"b\\" }} c")}}', 'a "b" }} c'),
    ],
)
def test_a_template_alone_keeps_its_type(template: str, value: Any) -> None:
    assert render(template, CONTEXT) == value
    assert type(render(template, CONTEXT)) is type(value)


def test_in_a_longer_text_a_value_is_written_out() -> None:
    text = (
        "{{input.count}} of {{input.items}} for {{input.amount}} EUR, {{input.urgent}}, {{check.confidence}}"
    )
    assert render(text, CONTEXT) == '3 of [{"name":"desk"}] for 499.90 EUR, true, 0.9'


def test_templates_are_filled_in_wherever_they_stand() -> None:
    config = {"to": ["{{vars.seen.0}}"], "body": {"sum": "{{input.amount}}", "tries": 2}}
    assert render(config, CONTEXT) == {"to": ["ana"], "body": {"sum": "499.90", "tries": 2}}
    assert [use.path for use in uses(config)] == [("vars", "seen", "0"), ("input", "amount")]


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("{{input.amuont}}", ["amuont", "amount"]),
        ("{{review.score}}", ["review", "check"]),
        ("{{check.limit.sales}}", ["sales", "check.limit", "it"]),
        ("{{input.items.7}}", ["7"]),
        ("{{input.amount.value}}", ["value"]),
        ("{{input.items.-1}}", []),
        ("for {{input.note}}", ["input.note", "default"]),
    ],
)
def test_an_unknown_path_is_an_error_that_names_what_is_there(template: str, names: list[str]) -> None:
    with pytest.raises((PathUnknown, TemplateUnreadable)) as caught:
        render(template, CONTEXT)
    assert [name for name in names if name not in caught.value.message] == []


@pytest.mark.parametrize(
    "broken", ["{{", "{{input.}}", "{{input amount}}", "{{a | upper}}", "x {{ }} y", "{{1a}}"]
)
def test_what_is_no_path_is_refused(broken: str) -> None:
    with pytest.raises(TemplateUnreadable):
        render(broken, CONTEXT)
    with pytest.raises(TemplateUnreadable):
        list(uses(["fine", {"deep": broken}]))


def test_a_use_says_whether_it_may_be_missing_and_stands_alone() -> None:
    assert list(uses("{{a.b}} {{ c.d | default(1) }}")) == [
        Use(("a", "b"), False, False),
        Use(("c", "d"), True, False),
    ]
    assert list(uses("{{a.b}}")) == [Use(("a", "b"), False, True)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_holds_no_template_stays_as_it_is(value: Any) -> None:
    if not has_template(value):
        assert render(value, {}) == value
        assert list(uses(value)) == []


@given(JSON)
def test_a_value_comes_out_of_the_context_as_it_went_in(value: Any) -> None:
    assert render("{{n.x}}", {"n": {"x": value}}) == value or as_reference(value)


def large(more: int) -> str:
    return "x" * (LARGEST_CARRIED_BYTES - 2 + more)  # two quotation marks


def test_a_value_is_carried_up_to_the_limit_and_kept_elsewhere_above_it() -> None:
    assert carried({"text": large(0)}) == ({"text": large(0)}, {})
    along, stored = carried({"text": large(1), "size": 7})
    reference = as_reference(along["text"])
    assert reference == reference_to(large(1))
    assert reference
    assert reference.size == LARGEST_CARRIED_BYTES + 1
    assert stored == {reference.sha256: large(1)}
    assert along["size"] == 7
    check_payload(along)


def test_a_reference_goes_through_alone_and_must_be_loaded_for_more() -> None:
    along, _ = carried({"rows": [{"name": large(1)}]})
    context = make_context({}, {}, {"got": result_entry(Outcome.COMPLETED, along)})
    assert as_reference(render("{{got.rows}}", context)) == reference_to([{"name": large(1)}])
    with pytest.raises(ValueIsElsewhere) as caught:
        render("{{got.rows.0.name}}", context)
    assert (caught.value.reference, caught.value.rest) == (as_reference(along["rows"]), ("0", "name"))
    with pytest.raises(ValueIsElsewhere):
        render("all: {{got.rows}}", context)


def test_equal_values_have_one_reference_however_they_were_written() -> None:
    assert reference_to({"b": 1, "a": 0.1}) == reference_to(json.loads('{"a": 0.1, "b": 1}'))
    assert reference_to({"a": 0.1}) == reference_to({"a": Decimal("0.1")})


@pytest.mark.parametrize(
    "output",
    [
        {"outcome": 1},
        {"error": "x"},
        {"x": {"$reference": "y"}},
        {"x": [{"y": {"$reference": 1, "bytes": 2}}]},
    ],
)
def test_an_output_cannot_take_the_names_of_the_system(output: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        carried(output)


def test_many_small_values_are_not_handed_on_where_they_are_too_large_together() -> None:
    with pytest.raises(Invalid, match="at most"):
        carried({f"part{number}": large(0) for number in range(6)})
