"""The automated review: what is harmless enough to be bought without asking. Pure; unknown means a person decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from rules.errors import BusinessError
from rules.money import Money
from rules.policy import RuleSet, read_rule_set
from rules.strictness import STANDARD, Strictness

#: Names the figures and the order of the criteria below; a change of either is a new name.
ALGORITHM: Final = "first-failure-v1"
REVIEWED_BY: Final = "automated-review"
#: How far back `max_rejected_last_30_days` looks. Only what a person rejected counts, not what expired.
REJECTION_WINDOW: Final = timedelta(days=30)


class Result(StrEnum):
    """How one check ended. A check that had nothing to look at is skipped, not passed."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class History:
    """What the requester bought and was refused before."""

    completed_purchases: int
    rejected_last_30_days: int


@dataclass(frozen=True)
class ReviewInput:
    """Everything that the review looks at; stored with the result, so that it can be run again.

    Attributes:
        history: None where it could not be read.
        strictness: how much of the rule set counts.
    """

    amount: Money
    category: str
    vendor: str
    department_id: str
    history: History | None
    strictness: Strictness = STANDARD

    def to_content(self) -> dict[str, Any]:
        """The JSON form in which the input is stored."""
        history = self.history
        return {
            "amount": str(self.amount.amount),
            "currency": self.amount.currency,
            "category": self.category,
            "vendor": self.vendor,
            "department_id": self.department_id,
            "history": None
            if history is None
            else {
                "completed_purchases": history.completed_purchases,
                "rejected_last_30_days": history.rejected_last_30_days,
            },
            "strictness": self.strictness.to_content(),
        }

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> ReviewInput:
        """The input that `to_content` wrote."""
        history = content["history"]
        return cls(
            amount=Money(Decimal(content["amount"]), content["currency"]),
            category=content["category"],
            vendor=content["vendor"],
            department_id=content["department_id"],
            history=None if history is None else History(**history),
            strictness=Strictness.from_content(content.get("strictness")),
        )


@dataclass(frozen=True)
class Check:
    """One criterion with what was seen and what was allowed, as people read it.

    Attributes:
        advice: the smallest change that would pass, empty where the check passed or none exists.
    """

    name: str
    title: str
    result: Result
    observed: str
    limit: str
    advice: str = ""

    def to_content(self) -> dict[str, str]:
        """The JSON form in which a check is stored."""
        return {
            "name": self.name,
            "title": self.title,
            "result": self.result.value,
            "observed": self.observed,
            "limit": self.limit,
            "advice": self.advice,
        }


@dataclass(frozen=True)
class ReviewResult:
    """What the review says. `auto_approved` False always means: a person decides."""

    auto_approved: bool
    confidence: Decimal
    risk_score: Decimal
    reason: str
    checks: tuple[Check, ...]
    algorithm: str = ALGORITHM


_RISK_WHEN_FINE: Final = Decimal("0.1")
#: Without a usable rule set nothing is known, so the risk is the highest.
_RISK_WHEN_UNKNOWN: Final = Decimal("1.0")
_NO_CONFIDENCE: Final = Decimal("0.0")


def review(subject: ReviewInput, rule_set: RuleSet) -> ReviewResult:
    """Run every criterion; the first failure decides, all are reported.

    Args:
        subject: what is asked for and by whom.
        rule_set: the policy in force for the requester's department.
    """
    if subject.amount.currency != rule_set.currency:
        return leave_to_person(
            f"The rules are in {rule_set.currency}, the request is in {subject.amount.currency}; "
            "amounts are never compared across currencies.",
        )
    confidence = _confidence(subject, rule_set)
    counting = subject.strictness.apply(rule_set)
    outcomes = [criterion(subject, counting) for criterion in _CRITERIA]
    if subject.strictness.lowest_confidence:
        outcomes.append(_confidence_is_high_enough(confidence, subject.strictness))
    checks = tuple(check for check, _ in outcomes)
    for check, risk in outcomes:
        if check.result is Result.FAILED:
            reason = f"{check.title}: {check.observed}, allowed is {check.limit}."
            if subject.strictness != STANDARD:
                reason += f" The review is {subject.strictness.name} at the moment."
            return ReviewResult(False, confidence, risk, reason, checks)
    return ReviewResult(True, confidence, _RISK_WHEN_FINE, "All checks passed.", checks)


def review_content(subject: ReviewInput, content: Mapping[str, Any] | None) -> ReviewResult:
    """Review against a rule set in its stored form; a missing or broken one leaves it to a person."""
    if content is None:
        return leave_to_person("No rule set is in force for this department.")
    try:
        rule_set = read_rule_set(content)
    except BusinessError as refusal:
        return leave_to_person(f"The rule set in force cannot be used ({refusal.message}).")
    return review(subject, rule_set)


def leave_to_person(reason: str) -> ReviewResult:
    """The result where the review itself could not judge."""
    return ReviewResult(False, _NO_CONFIDENCE, _RISK_WHEN_UNKNOWN, reason, ())


def _confidence(subject: ReviewInput, rule_set: RuleSet) -> Decimal:
    amount, most = subject.amount.amount, rule_set.max_amount
    confidence = Decimal("0.5")
    if amount < most / 2:
        confidence += Decimal("0.3")
    elif amount < most * Decimal("0.8"):
        confidence += Decimal("0.1")
    if subject.category == "office_supplies":
        confidence += Decimal("0.2")
    if subject.department_id == "it":
        confidence += Decimal("0.1")
    return min(confidence, Decimal("1.0"))


_Outcome = tuple[Check, Decimal]


def _amount_within_maximum(subject: ReviewInput, rule_set: RuleSet) -> _Outcome:
    most = Money(rule_set.max_amount, rule_set.currency)
    return _compare_amount("max_amount", "Amount", subject.amount, most), Decimal("0.8")


def _category_is_trusted(subject: ReviewInput, rule_set: RuleSet) -> _Outcome:
    trusted = subject.category in rule_set.trusted_categories
    listed = _listed(rule_set.trusted_categories)
    check = Check(
        name="trusted_categories",
        title="Product category",
        result=Result.PASSED if trusted else Result.FAILED,
        observed=_words(subject.category),
        limit=f"one of: {listed}" if listed else "no category",
        advice=f"A product from {listed} would pass." if listed and not trusted else "",
    )
    return check, Decimal("0.6")


def _history_is_good(subject: ReviewInput, rule_set: RuleSet) -> _Outcome:
    needed, most_rejected = rule_set.min_previous_purchases, rule_set.max_rejected_last_30_days
    limit = f"at least {needed} completed and at most {most_rejected} rejected in 30 days"
    title = "Purchase history"
    if subject.history is None:
        return Check("history", title, Result.FAILED, "could not be read", limit), Decimal("0.7")
    done, rejected = subject.history.completed_purchases, subject.history.rejected_last_30_days
    missing, too_many = max(0, needed - done), rejected > most_rejected
    steps = []
    if missing:
        steps.append(f"{missing} more completed purchase{'s' if missing > 1 else ''}")
    if too_many:
        steps.append(f"at most {most_rejected} rejected in 30 days")
    check = Check(
        name="history",
        title=title,
        result=Result.FAILED if steps else Result.PASSED,
        observed=f"{done} completed, {rejected} rejected in 30 days",
        limit=limit,
        advice=f"With {' and '.join(steps)} this would pass." if steps else "",
    )
    return check, Decimal("0.5")


def _amount_within_department_limit(subject: ReviewInput, rule_set: RuleSet) -> _Outcome:
    most = rule_set.department_limit(subject.department_id)
    risk = Decimal("0.4")
    if most is None:
        check = Check("department_limit", "Department limit", Result.SKIPPED, str(subject.amount), "none set")
        return check, risk
    return _compare_amount("department_limit", "Department limit", subject.amount, most), risk


def _vendor_is_listed(subject: ReviewInput, rule_set: RuleSet) -> _Outcome:
    risk = Decimal("0.3")
    if not rule_set.vendor_whitelist:
        return Check("vendor_whitelist", "Vendor", Result.SKIPPED, subject.vendor, "any vendor"), risk
    listed = subject.vendor in rule_set.vendor_whitelist
    vendors = ", ".join(rule_set.vendor_whitelist)
    check = Check(
        name="vendor_whitelist",
        title="Vendor",
        result=Result.PASSED if listed else Result.FAILED,
        observed=subject.vendor,
        limit=f"one of: {vendors}",
        advice="" if listed else f"The same product from {vendors} would pass.",
    )
    return check, risk


def _confidence_is_high_enough(confidence: Decimal, strictness: Strictness) -> _Outcome:
    least = strictness.lowest_confidence
    check = Check(
        name="confidence",
        title="Confidence",
        result=Result.PASSED if confidence >= least else Result.FAILED,
        observed=str(confidence),
        limit=f"at least {least}",
    )
    return check, Decimal("0.3")


#: The order is part of the policy: the first failure names the reason and the risk.
_CRITERIA: Final[tuple[Callable[[ReviewInput, RuleSet], _Outcome], ...]] = (
    _amount_within_maximum,
    _category_is_trusted,
    _history_is_good,
    _amount_within_department_limit,
    _vendor_is_listed,
)


def _compare_amount(name: str, title: str, amount: Money, most: Money) -> Check:
    above = amount.is_above(most)
    return Check(
        name=name,
        title=title,
        result=Result.FAILED if above else Result.PASSED,
        observed=str(amount),
        limit=f"at most {most}",
        advice=f"{Money(amount.amount - most.amount, most.currency)} less would pass." if above else "",
    )


def _words(slug: str) -> str:
    return slug.replace("_", " ")


def _listed(slugs: tuple[str, ...]) -> str:
    return ", ".join(_words(slug) for slug in slugs)
