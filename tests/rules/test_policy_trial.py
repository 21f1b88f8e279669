"""A candidate tried on past reviews: how many would be decided otherwise, and in which direction."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from rules.money import Money
from rules.policy_trial import HistoryTrial, try_on_history
from rules.review import History, ReviewInput

RULES = {
    "currency": "EUR",
    "max_amount": "200.00",
    "trusted_categories": ["books", "electronics"],
    "min_previous_purchases": 0,
    "max_rejected_last_30_days": 1,
    "department_limits": {},
    "vendor_whitelist": [],
}
BOOK = ReviewInput(Money(Decimal("100.00"), "EUR"), "books", "amazon.es", "it", History(5, 0))
DEAR = replace(BOOK, amount=Money(Decimal("300.00"), "EUR"))
LAMP = replace(BOOK, category="electronics")


def test_what_is_decided_otherwise_is_counted_in_both_directions() -> None:
    candidate = RULES | {"max_amount": "500.00", "trusted_categories": ["books"]}
    tried = try_on_history([BOOK, DEAR, DEAR, LAMP], RULES, candidate)
    assert tried == HistoryTrial(total=4, approved_anew=2, left_anew=1)
    assert "Of 4 reviews of the last 90 days 3 would be decided otherwise" in tried.say(90)


def test_the_same_rules_decide_nothing_otherwise() -> None:
    assert try_on_history([BOOK, DEAR, LAMP], RULES, RULES).otherwise == 0


def test_without_rules_in_force_a_person_decides_everything() -> None:
    assert try_on_history([BOOK, DEAR], None, RULES) == HistoryTrial(2, 1, 0)


def test_without_a_past_the_trial_says_so() -> None:
    assert "No review" in try_on_history([], RULES, RULES).say(90)
