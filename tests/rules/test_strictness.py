"""How strict the review is: strict asks for more, lenient forgives a thin history, and neither exceeds an amount."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.money import Money
from rules.policy import RuleSet
from rules.review import Check, History, Result, ReviewInput, review
from rules.strictness import LENIENT, STANDARD, STRICT, STRICTNESS, Strictness
from tests.rules.samples import DEFAULT_RULES, careless_reviews, euros, reviews, rule_sets

HARMLESS = ReviewInput(euros("100.00"), "electronics", "amazon.es", "people", History(6, 0))


def _judge(strictness: Strictness, amount: str = "100.00", history: History | None = None) -> str:
    """The name of the check that decides, empty where it is approved."""
    subject = replace(HARMLESS, amount=euros(amount), strictness=strictness)
    if history is not None:
        subject = replace(subject, history=history)
    result = review(subject, DEFAULT_RULES)
    return "" if result.auto_approved else _deciding(result.checks).name


def _deciding(checks: tuple[Check, ...]) -> Check:
    return next(check for check in checks if check.result is Result.FAILED)


@pytest.mark.parametrize(
    ("strictness", "amount", "history", "decides"),
    [
        (STANDARD, "500.00", History(3, 1), ""),
        (STANDARD, "500.01", History(3, 1), "max_amount"),
        (STANDARD, "100.00", History(2, 1), "history"),
        (STANDARD, "100.00", History(3, 2), "history"),
        (STRICT, "249.99", History(6, 0), ""),
        (STRICT, "250.00", History(6, 0), "confidence"),
        (STRICT, "250.01", History(6, 0), "max_amount"),
        (STRICT, "100.00", History(5, 0), "history"),
        (STRICT, "100.00", History(6, 1), "history"),
        (LENIENT, "500.00", History(2, 2), ""),
        (LENIENT, "500.01", History(2, 2), "max_amount"),
        (LENIENT, "100.00", History(1, 2), "history"),
        (LENIENT, "100.00", History(2, 3), "history"),
    ],
)
def test_each_strictness_has_its_own_limits(
    strictness: Strictness, amount: str, history: History, decides: str
) -> None:
    assert _judge(strictness, amount, history) == decides


def test_a_strict_review_halves_department_limits_too() -> None:
    subject = replace(HARMLESS, department_id="finance", strictness=STRICT)
    assert review(subject, DEFAULT_RULES).auto_approved
    dearer = replace(subject, amount=euros("100.01"))
    assert _deciding(review(dearer, DEFAULT_RULES).checks).name == "department_limit"


def test_a_refusal_says_how_strict_the_review_is_unless_it_is_as_usual() -> None:
    for strictness in STRICTNESS.values():
        reason = review(
            replace(HARMLESS, amount=euros("900.00"), strictness=strictness), DEFAULT_RULES
        ).reason
        assert (f"The review is {strictness.name} at the moment." in reason) is (strictness != STANDARD)


@given(reviews() | careless_reviews())
def test_whatever_a_stricter_review_approves_a_more_lenient_one_approves(
    given_: tuple[ReviewInput, RuleSet],
) -> None:
    subject, rules = given_
    approved = [
        review(replace(subject, strictness=each), rules).auto_approved for each in (STRICT, STANDARD, LENIENT)
    ]
    assert approved == sorted(approved)


@given(reviews() | careless_reviews(), st.sampled_from(list(STRICTNESS.values())))
def test_no_strictness_approves_more_money_than_the_rules_allow(
    given_: tuple[ReviewInput, RuleSet], strictness: Strictness
) -> None:
    subject, rules = given_
    if not review(replace(subject, strictness=strictness), rules).auto_approved:
        return
    assert subject.amount.amount <= rules.max_amount
    limit = rules.department_limit(subject.department_id)
    assert limit is None or subject.amount.amount <= limit.amount
    assert subject.category in rules.trusted_categories


@given(rule_sets())
def test_standard_is_the_rules_as_they_stand(rules: RuleSet) -> None:
    assert STANDARD.apply(rules) == rules


@given(rule_sets(), st.sampled_from(list(STRICTNESS.values())))
def test_limits_stay_amounts_of_their_currency(rules: RuleSet, strictness: Strictness) -> None:
    read = strictness.apply(rules)
    shown = Money(read.max_amount, read.currency)
    assert str(shown) == f"{Decimal(str(shown).split()[0].replace(',', '')):,} {read.currency}"
    assert read.max_rejected_last_30_days >= 0
    assert read.min_previous_purchases >= 0


@pytest.mark.parametrize("strictness", STRICTNESS.values(), ids=STRICTNESS)
def test_a_stored_review_keeps_its_figures_whatever_they_are_later(strictness: Strictness) -> None:
    stored = json.loads(json.dumps(replace(HARMLESS, strictness=strictness).to_content()))
    assert ReviewInput.from_content(stored).strictness == strictness
    stored["strictness"]["amount_percent"] = 10
    assert ReviewInput.from_content(stored).strictness.amount_percent == 10


def test_a_review_from_before_there_was_a_choice_was_standard() -> None:
    content = HARMLESS.to_content()
    del content["strictness"]
    assert ReviewInput.from_content(content) == HARMLESS


@pytest.mark.parametrize("percent", [0, -1, 101])
def test_a_strictness_that_would_exceed_the_rules_cannot_be_made(percent: int) -> None:
    with pytest.raises(ValueError, match="never for more"):
        Strictness("loose", percent, 100, 0, Decimal(0))
