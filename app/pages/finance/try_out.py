"""Trying a rule set on a typed-in sample. The judgement itself is rules.review.review_content; nothing is saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from flask import request
from flask_babel import gettext as _

from app import database
from app.access import current_person
from rules.errors import Invalid
from rules.money import Money, parse_amount, parse_currency
from rules.policy import CATEGORIES, LARGEST_COUNT
from rules.review import Check, History, Result, ReviewInput, ReviewResult, review_content
from rules.text import clean_text
from storage import department, policy, policy_list
from storage.policy import RuleSetRow

LONGEST_VENDOR = 253
#: The columns of the grid that a check looks at.
_COLUMNS: Mapping[str, Sequence[str]] = {
    "max_amount": ("max_amount",),
    "trusted_categories": ("trusted_categories",),
    "department_limit": ("department_limits",),
    "vendor_whitelist": ("vendor_whitelist",),
}


@dataclass(frozen=True)
class Sample:
    """The box as it was typed; `version` is empty for whatever is in force for the department."""

    version: str = ""
    amount: str = "120.00"
    currency: str = "EUR"
    category: str = "electronics"
    vendor: str = "amazon.es"
    department_id: str = ""
    completed: str = "5"
    rejected: str = "0"
    unreadable: bool = False


@dataclass(frozen=True)
class Tried:
    """A sample and what the review says about it.

    Attributes:
        versions: what can be tried, by department.
        rule_set: the version that was tried, None where nothing is in force or the sample is not complete.
        result: None where the sample is not complete.
        columns: the columns of the grid that decided.
        problems: field -> what is wrong with it.
    """

    sample: Sample
    versions: Sequence[RuleSetRow]
    rule_set: RuleSetRow | None = None
    result: ReviewResult | None = None
    columns: Sequence[str] = ()
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def deciding(self) -> Check | None:
        """The first check that failed."""
        checks = self.result.checks if self.result else ()
        return next((check for check in checks if check.result is Result.FAILED), None)


def try_out() -> Tried:
    """What the address of this page asks to try; untouched, only the empty box."""
    session = database.session()
    versions = policy_list.all_versions(session)
    given = request.args
    if "amount" not in given:
        return Tried(Sample(department_id=current_person().department_id), versions)
    sample = Sample(
        given.get("version", ""),
        given.get("amount", ""),
        given.get("currency", ""),
        given.get("category", ""),
        given.get("vendor", ""),
        given.get("department", ""),
        given.get("completed", ""),
        given.get("rejected", ""),
        bool(given.get("unreadable")),
    )
    problems: dict[str, str] = {}
    subject = _subject(sample, problems)
    rule_set = _judge(problems, lambda: _rule_set(sample))
    if subject is None or problems:
        return Tried(sample, versions, problems=problems)
    result = review_content(subject, rule_set.content if rule_set else None)
    return Tried(sample, versions, rule_set, result, _deciding_columns(result, subject, rule_set))


T = TypeVar("T")


def _judge(problems: dict[str, str], judge: Callable[[], T]) -> T | None:
    try:
        return judge()
    except Invalid as refusal:
        problems[refusal.field or "version"] = refusal.message
        return None


def _subject(sample: Sample, problems: dict[str, str]) -> ReviewInput | None:
    currency = _judge(problems, lambda: parse_currency(sample.currency)) or "EUR"
    amount = _judge(problems, lambda: parse_amount(sample.amount.strip(), currency))
    vendor = _judge(problems, lambda: clean_text(sample.vendor, "vendor", LONGEST_VENDOR)) or ""
    history = None if sample.unreadable else _history(sample, problems)
    if sample.category not in CATEGORIES:
        problems["category"] = str(_("Please choose a category."))
    if sample.department_id not in department.names(database.session()):
        problems["department"] = str(_("Please choose a department."))
    if amount is None:
        return None
    return ReviewInput(Money(amount, currency), sample.category, vendor, sample.department_id, history)


def _history(sample: Sample, problems: dict[str, str]) -> History | None:
    completed = _judge(problems, lambda: _count(sample.completed, "completed"))
    rejected = _judge(problems, lambda: _count(sample.rejected, "rejected"))
    return None if completed is None or rejected is None else History(completed, rejected)


def _count(text: str, name: str) -> int:
    cleaned = text.strip()
    if not (cleaned.isascii() and cleaned.isdigit() and len(cleaned) < 7 and int(cleaned) <= LARGEST_COUNT):
        raise Invalid(_("Please give a whole number from 0 to %(most)s.", most=LARGEST_COUNT), name)
    return int(cleaned)


def _rule_set(sample: Sample) -> RuleSetRow | None:
    session = database.session()
    if not sample.version:
        return policy.in_force(session, sample.department_id)
    try:
        return policy.by_id(session, UUID(sample.version))
    except ValueError:
        raise Invalid(_("Please choose a version."), "version") from None


def _deciding_columns(
    result: ReviewResult, subject: ReviewInput, rule_set: RuleSetRow | None
) -> Sequence[str]:
    failed = next((check for check in result.checks if check.result is Result.FAILED), None)
    if failed is None:
        stopped_before_the_checks = not result.auto_approved and rule_set is not None
        return ("currency",) if stopped_before_the_checks else ()
    if failed.name != "history" or rule_set is None:
        return _COLUMNS.get(failed.name, ())
    both = ("min_previous_purchases", "max_rejected_last_30_days")
    history, content = subject.history, rule_set.content
    if history is None:
        return both
    too_few = history.completed_purchases < content["min_previous_purchases"]
    too_many = history.rejected_last_30_days > content["max_rejected_last_30_days"]
    return [column for column, hit in zip(both, (too_few, too_many), strict=True) if hit]
