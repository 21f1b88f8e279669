"""Rule sets: what is read, what is refused and by which entry, and the hash that names one for ever."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import InvalidFields
from rules.money import Money
from rules.policy import CATEGORIES, LARGEST_COUNT, RuleSet, content_hash, read_rule_set
from tests.rules.samples import DEFAULT_RULES, rule_sets

CONTENT = DEFAULT_RULES.to_content()
PLAIN_NUMBER = "The amount must be a plain number such as 49.90."
OTHER_STYLE = "Please write the amount with a point and without separators: 1299.90."
NOT_TEXT = 'This must be written as text, such as "500.00" or "EUR".'
NOT_A_COUNT = f"This must be a whole number from 0 to {LARGEST_COUNT}."


def problems_of(content: object) -> dict[str, str]:
    with pytest.raises(InvalidFields) as refused:
        read_rule_set(content)
    return refused.value.problems


def test_the_stored_form_is_read_as_the_rule_set_it_means() -> None:
    assert read_rule_set(CONTENT) == DEFAULT_RULES


@given(rule_sets(("EUR", "USD", "JPY", "KWD")))
def test_every_rule_set_survives_being_stored(rules: RuleSet) -> None:
    kept = json.loads(json.dumps(rules.to_content()))
    assert read_rule_set(kept) == rules
    assert content_hash(kept) == content_hash(rules.to_content())


def test_reading_writes_amounts_in_one_form() -> None:
    content = read_rule_set(CONTENT | {"max_amount": "500", "department_limits": {"it": "7.5"}}).to_content()
    assert (content["max_amount"], content["department_limits"]) == ("500.00", {"it": "7.50"})


@pytest.mark.parametrize(
    ("entry", "value", "why"),
    [
        ("currency", "usd", None),
        ("currency", "", None),
        ("currency", "BTC", None),
        ("currency", ["EUR"], NOT_TEXT),
        ("currency", None, NOT_TEXT),
        ("max_amount", 500, NOT_TEXT),
        ("max_amount", 500.0, NOT_TEXT),
        ("max_amount", True, NOT_TEXT),
        ("max_amount", None, NOT_TEXT),
        ("max_amount", "", "Please give an amount, for example 49.90."),
        ("max_amount", "0", "The amount must be more than zero."),
        ("max_amount", "-1", PLAIN_NUMBER),
        ("max_amount", "NaN", PLAIN_NUMBER),
        ("max_amount", "Infinity", PLAIN_NUMBER),
        ("max_amount", "1E+3", PLAIN_NUMBER),
        ("max_amount", "1,000.00", OTHER_STYLE),
        ("max_amount", "500.005", "EUR has 2 digits after the point; please do not give more."),
        ("max_amount", "99999999", "The amount must be at most 9,999,999.99."),
        ("trusted_categories", "books", "This must be a list of words."),
        ("trusted_categories", {"books": True}, "This must be a list of words."),
        ("trusted_categories", ["books", 1], "This must be a list of words."),
        ("trusted_categories", ["books", "books"], "An entry stands here twice."),
        (
            "trusted_categories",
            ["books", "Books"],
            f"'Books' is not a category; known are {', '.join(CATEGORIES)}.",
        ),
        ("min_previous_purchases", -1, NOT_A_COUNT),
        ("min_previous_purchases", LARGEST_COUNT + 1, NOT_A_COUNT),
        ("min_previous_purchases", True, NOT_A_COUNT),
        ("min_previous_purchases", 1.0, NOT_A_COUNT),
        ("min_previous_purchases", "3", NOT_A_COUNT),
        ("min_previous_purchases", None, NOT_A_COUNT),
        ("max_rejected_last_30_days", -1, NOT_A_COUNT),
        ("max_rejected_last_30_days", False, NOT_A_COUNT),
        ("max_rejected_last_30_days", float("nan"), NOT_A_COUNT),
        ("department_limits", [["it", "1"]], "This must map departments to amounts."),
        ("department_limits", None, "This must map departments to amounts."),
        ("department_limits", {"it": 1000}, f"it: {NOT_TEXT}"),
        ("department_limits", {"finance": "10.00", "it": "0"}, "it: The amount must be more than zero."),
        ("department_limits", {"IT": "1000.00"}, "'IT' is not a department's id such as it or marketing."),
        ("department_limits", {"": "1000.00"}, "'' is not a department's id such as it or marketing."),
        (
            "department_limits",
            {"it\n": "1000.00"},
            "'it\\n' is not a department's id such as it or marketing.",
        ),
        ("vendor_whitelist", "amazon.es", "This must be a list of words."),
        ("vendor_whitelist", [None], "This must be a list of words."),
        ("vendor_whitelist", ["amazon.es", "amazon.es"], "An entry stands here twice."),
        (
            "vendor_whitelist",
            ["www.amazon.es"],
            "Please write 'www.amazon.es' without www., as products name their vendor.",
        ),
    ],
)
def test_nonsense_in_an_entry_is_refused_by_its_name(entry: str, value: Any, why: str | None) -> None:
    problems = problems_of(CONTENT | {entry: value})
    assert set(problems) == {entry}
    assert why is None or problems[entry] == why


@pytest.mark.parametrize(
    "host",
    ["", "amazon", "Amazon.es", "amazon.es.", ".es", "amazon..es", "https://amazon.es", "amazon.es/dp", "amazon.es:443",
     "*.amazon.es", "amazon es", "аmazon.es", "amazon。es", "amazon.es\n", "user@amazon.es", "a" * 251 + ".es", "-.es"],
)  # fmt: skip
def test_what_is_no_shops_host_is_refused(host: str) -> None:
    assert problems_of(CONTENT | {"vendor_whitelist": ["amazon.es", host]}) == {
        "vendor_whitelist": f"{host!r} is not a vendor host such as amazon.es."
    }


@pytest.mark.parametrize("entry", sorted(CONTENT))
def test_a_missing_entry_is_named(entry: str) -> None:
    content = {name: value for name, value in CONTENT.items() if name != entry}
    assert problems_of(content) == {entry: "This entry is missing."}


@pytest.mark.parametrize("entry", ["auto_approve", "__proto__", "Max_amount", ""])
def test_an_unknown_entry_is_named(entry: str) -> None:
    assert problems_of(CONTENT | {entry: True}) == {entry: "This entry is unknown."}


def test_every_wrong_entry_is_told_at_once() -> None:
    assert set(problems_of({name: object() for name in CONTENT})) == set(CONTENT)
    assert set(problems_of({"more": 1})) == {*CONTENT, "more"}


@pytest.mark.parametrize("content", [None, [], "rules", 5, True, [CONTENT]])
def test_a_rule_set_is_an_object(content: object) -> None:
    assert problems_of(content) == {"rule_set": "This must be an object with one entry for each rule."}


@given(
    st.dictionaries(
        st.sampled_from(sorted(CONTENT)),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=5,
        ),
    )
)
def test_any_content_is_a_rule_set_or_refused_by_entry(changed: dict[str, Any]) -> None:
    content, problems = CONTENT | changed, {}
    try:
        rules = read_rule_set(content)
    except InvalidFields as refused:
        problems = refused.problems
    assert problems.keys() <= content.keys()
    assert problems or read_rule_set(rules.to_content()) == rules


def test_counts_reach_from_nought_to_the_largest() -> None:
    content = CONTENT | {"min_previous_purchases": LARGEST_COUNT, "max_rejected_last_30_days": 0}
    rules = read_rule_set(content)
    assert (rules.min_previous_purchases, rules.max_rejected_last_30_days) == (LARGEST_COUNT, 0)


def test_the_longest_host_there_can_be_is_read() -> None:
    host = "a" * 250 + ".es"
    assert read_rule_set(CONTENT | {"vendor_whitelist": [host]}).vendor_whitelist == (host,)


def test_every_list_may_be_empty() -> None:
    content = CONTENT | {"trusted_categories": [], "department_limits": {}, "vendor_whitelist": []}
    rules = read_rule_set(content)
    assert (rules.trusted_categories, rules.department_limits, rules.vendor_whitelist) == ((), (), ())


def test_a_department_limit_is_money_of_the_rule_set_or_none() -> None:
    assert DEFAULT_RULES.department_limit("it") == Money(Decimal(1000), "EUR")
    assert DEFAULT_RULES.department_limit("people") is None
    assert DEFAULT_RULES.department_limit("IT") is None
    in_dollars = replace(DEFAULT_RULES, currency="USD")
    assert in_dollars.department_limit("it") == Money(Decimal(1000), "USD")


def test_the_hash_does_not_depend_on_the_order_of_entries() -> None:
    backwards = dict(reversed(CONTENT.items()))
    backwards["department_limits"] = dict(reversed(CONTENT["department_limits"].items()))
    assert list(backwards) != list(CONTENT)
    assert content_hash(backwards) == content_hash(CONTENT)


@pytest.mark.parametrize(
    "change",
    [
        {"max_amount": "500.01"},
        {"currency": "USD"},
        {"trusted_categories": ["electronics", "books"]},
        {"min_previous_purchases": 2},
        {"max_rejected_last_30_days": 2},
        {"department_limits": {}},
        {"vendor_whitelist": []},
    ],
)
def test_the_hash_changes_with_every_entry(change: dict[str, Any]) -> None:
    assert content_hash(CONTENT | change) != content_hash(CONTENT)
