"""Who goes where: the build and the variant that a request is given at submit, and why. Asks no clock, draws no lot."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from rules.fingerprint import fingerprint32
from rules.money import Money
from rules.routing_rule import Kind, Mode, Rule, RuleSet, Unit, Variant, check_mode, in_order

__all__ = [
    "BUCKETS", "Arm", "Kind", "Mode", "Reason", "Route", "Rule", "RuleSet", "Subject", "Trial", "Unit",
    "Variant", "Verdict", "bucket_of", "check_mode", "decide", "in_order", "is_enrolled", "predict_native",
    "say_drawn", "trials",
]  # fmt: skip

#: A unit's bucket is one of so many, so that a share may have three digits behind the point.
BUCKETS: Final = 100_000
_BUCKETS_PER_PERCENT: Final = BUCKETS // 100


class Reason(StrEnum):
    """Why a request goes where it goes."""

    FROZEN = "frozen"
    EXCLUDED = "excluded"
    MATCHED = "matched"
    NO_POLLERS = "no_pollers"
    DEFAULT = "default"


class Verdict(StrEnum):
    """What one rule said to one subject."""

    TAKES = "takes"
    OFF = "off"
    NATIVE = "native"
    CLOSED = "closed"  # outside of its time window
    OTHERS = "others"  # it is for other people
    EXCLUDED = "excluded"
    NOT_DRAWN = "not_drawn"


@dataclass(frozen=True)
class Subject:
    """A request as the rules see it.

    Attributes:
        request_id: None for a request that does not exist yet.
    """

    person_id: str
    department_id: str
    roles: frozenset[str]
    request_id: str | None = None
    amount: Money | None = None


@dataclass(frozen=True)
class Route:
    """Where one request goes; stored with it and never computed again.

    Attributes:
        build: None for the current one.
        rule_id: the rule that spoke, also where its build had no live poller; for who is excluded the exclusion.
        bucket: what was drawn, from 0 to 99,999; None where nothing was.
        why: the reason as people read it.
        revision: of the rules that were read.
    """

    build: str | None
    variant: str | None
    rule_id: str | None
    bucket: int | None
    reason: Reason
    why: str
    revision: int


@dataclass(frozen=True)
class Arm:
    """Where a rule would send, and the part of the subject's requests that go there.

    Attributes:
        build: None for the current one.
        chance: 1 for a request that exists; less where several are drawn for.
        is_live: whether the build may be sent to; where not, the current one takes the request.
    """

    build: str | None
    variant: str | None
    chance: Fraction
    is_live: bool = True


@dataclass(frozen=True)
class Trial:
    """What one rule said.

    Attributes:
        arms: where those go that it takes; empty where it takes none.
        exclusion: what keeps the subject out, where it would have been matched.
    """

    rule: Rule
    verdict: Verdict
    why: str
    bucket: int | None = None
    arms: tuple[Arm, ...] = ()
    exclusion: Rule | None = None


def bucket_of(salt: str, unit: Unit | str, unit_id: str) -> int:
    """The bucket of a unit, from 0 to 99,999: the same today and tomorrow, and another for another salt."""
    digest = hashlib.sha256(f"{salt}:{unit}:{unit_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") * BUCKETS >> 64


def is_enrolled(bucket: int, share_percent: Decimal) -> bool:
    """Whether a bucket lies in a share; whoever lies in a share lies in every greater one."""
    return bucket < share_percent * _BUCKETS_PER_PERCENT


def say_drawn(unit: Unit | str, bucket: int, share_percent: Decimal, enrolled: bool) -> str:
    """What a unit drew and whether that lies in the share, as people read it."""
    where = "within" if enrolled else "outside of"
    drawn = Decimal(bucket) / _BUCKETS_PER_PERCENT
    return f"The {unit} drew {drawn:.3f} of 100, {where} the share of {_say_share(share_percent)}."


def _say_share(share_percent: Decimal) -> str:
    return f"{share_percent.normalize():f} %"


def predict_native(workflow_id: str, percent: Decimal) -> bool:
    """Whether the server's own ramp at `percent` places a workflow on the ramping build."""
    return fingerprint32(workflow_id.encode()) * 100 <= percent * 2**32


def decide(subject: Subject, rule_set: RuleSet, live_builds: Collection[str], now: datetime) -> Route:
    """Where a request goes: the first rule that takes it, else the current build.

    Args:
        live_builds: those that have live pollers on every queue and are not rejected.
        now: a moment with a zone.

    Raises:
        ValueError: the subject is no request yet; `trials` tells where it may go.
    """
    if subject.request_id is None:
        raise ValueError("a request without an id has no route")
    excluded: Trial | None = None
    for trial in trials(subject, rule_set, live_builds, now):
        if trial.arms:
            return _route(trial, trial.arms[0], rule_set.revision)
        excluded = excluded or (trial if trial.exclusion else None)
    if excluded is not None and excluded.exclusion is not None:
        rule_id = excluded.exclusion.id
        return Route(None, None, rule_id, None, Reason.EXCLUDED, excluded.why, rule_set.revision)
    reason, why = Reason.DEFAULT, "No routing rule takes this request."
    if rule_set.frozen:
        reason, why = Reason.FROZEN, "Routing is frozen: every request goes to the current build."
    return Route(None, None, None, None, reason, why, rule_set.revision)


def _route(trial: Trial, arm: Arm, revision: int) -> Route:
    if arm.is_live:
        return Route(arm.build, arm.variant, trial.rule.id, trial.bucket, Reason.MATCHED, trial.why, revision)
    why = f"{trial.why} Build {arm.build} has no live worker, so the current build takes it."
    return Route(None, None, trial.rule.id, trial.bucket, Reason.NO_POLLERS, why, revision)


def trials(
    subject: Subject, rule_set: RuleSet, live_builds: Collection[str], now: datetime
) -> Iterator[Trial]:
    """What each rule that routes says, in the order in which they are asked.

    The one that takes a request ends the list. Where the request does not exist yet, a rule that draws requests
    takes a part of them, and the rest goes on to the next rule.
    """
    if rule_set.frozen:
        return
    ordered = in_order(rule_set.rules)
    exclusions = [rule for rule in ordered if rule.kind is Kind.EXCLUDE and _excludes(rule, subject, now)]
    going_on = _GoingOn()
    for rule in (rule for rule in ordered if rule.kind is Kind.ROUTE):
        refusal = _refusal(rule, subject, rule_set.mode, exclusions, now)
        trial = refusal or _draw(rule, subject, live_builds, going_on)
        yield trial
        if trial.arms and (trial.bucket is not None or not going_on.part):
            return


class _GoingOn:
    """The part of the requests yet to come that no earlier rule has taken."""

    def __init__(self) -> None:
        self._drawn: dict[str, int] = {}  # salt -> all buckets below are taken

    @property
    def part(self) -> Fraction:
        """From 0 to 1; draws with other salts are independent of each other."""
        return math.prod(
            (Fraction(BUCKETS - low, BUCKETS) for low in self._drawn.values()), start=Fraction(1)
        )

    def take(self, rule: Rule) -> Fraction:
        """Take a rule's share away; the part that it gets, without what a rule of the same salt took before."""
        before = self.part
        threshold = int(rule.share_percent * _BUCKETS_PER_PERCENT)
        self._drawn[rule.salt] = max(self._drawn.get(rule.salt, 0), threshold)
        return before - self.part


def _refusal(
    rule: Rule, subject: Subject, mode: Mode, exclusions: Collection[Rule], now: datetime
) -> Trial | None:
    if not rule.enabled:
        return Trial(rule, Verdict.OFF, "The rule is off.")
    if mode is Mode.NATIVE and rule.builds:
        return Trial(rule, Verdict.NATIVE, "The server's own ramp chooses builds now, so the rule rests.")
    if not rule.window.is_open(now):
        return Trial(rule, Verdict.CLOSED, f"Its time is {rule.window.say()}.")
    if not _is_for(rule, subject):
        return Trial(rule, Verdict.OTHERS, "It is for others.")
    for each in exclusions:
        if each.build is None or each.build in rule.builds:
            return Trial(rule, Verdict.EXCLUDED, f"Kept out by the exclusion “{each.name}”.", exclusion=each)
    return None


def _excludes(rule: Rule, subject: Subject, now: datetime) -> bool:
    if not rule.enabled or not rule.window.is_open(now) or not _is_for(rule, subject):
        return False
    limit, amount = rule.amount_above, subject.amount
    if limit is None or amount is None or amount.currency != limit.currency:
        return True  # an amount that cannot be compared is never taken for a small one
    return amount.is_above(limit)


def _is_for(rule: Rule, subject: Subject) -> bool:
    if subject.person_id in rule.people:
        return True
    if rule.people and not rule.departments and not rule.roles:
        return False
    fits_department = not rule.departments or subject.department_id in rule.departments
    return fits_department and (not rule.roles or not subject.roles.isdisjoint(rule.roles))


def _draw(rule: Rule, subject: Subject, live: Collection[str], going_on: _GoingOn) -> Trial:
    unit_id = subject.person_id if rule.unit is Unit.PERSON else subject.request_id
    if unit_id is None:
        part = going_on.take(rule)
        arms = tuple(_arms(rule, part, live)) if part else ()
        return Trial(
            rule,
            Verdict.TAKES if arms else Verdict.NOT_DRAWN,
            f"It takes {_say_share(rule.share_percent)} of the requests.",
            arms=arms,
        )
    bucket = bucket_of(rule.salt, rule.unit, unit_id)
    if not is_enrolled(bucket, rule.share_percent):
        return Trial(rule, Verdict.NOT_DRAWN, say_drawn(rule.unit, bucket, rule.share_percent, False), bucket)
    variant = _variant_of(rule, unit_id)
    build = variant.build if variant else rule.build
    arm = Arm(build, variant.name if variant else None, going_on.part, build is None or build in live)
    return Trial(rule, Verdict.TAKES, say_drawn(rule.unit, bucket, rule.share_percent, True), bucket, (arm,))


def _arms(rule: Rule, part: Fraction, live: Collection[str]) -> Iterator[Arm]:
    if not rule.variants:
        yield Arm(rule.build, None, part, rule.build is None or rule.build in live)
        return
    total = sum(variant.weight for variant in rule.variants)
    for variant in rule.variants:
        is_live = variant.build is None or variant.build in live
        yield Arm(variant.build, variant.name, part * variant.weight / total, is_live)


def _variant_of(rule: Rule, unit_id: str) -> Variant | None:
    """The arm of a unit, drawn apart from the share, so that raising the share moves nobody between arms."""
    if not rule.variants:
        return None
    total = sum(variant.weight for variant in rule.variants)
    place = bucket_of(f"{rule.salt}:variant", rule.unit, unit_id) * total // BUCKETS
    for variant in rule.variants:
        place -= variant.weight
        if place < 0:
            return variant
    raise AssertionError("a place lies below the sum of all weights")
