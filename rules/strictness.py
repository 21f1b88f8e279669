"""How strict the automated review is: its thresholds as data beside the rule set. Knows no flag and no request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from rules.money import MINOR_DIGITS
from rules.policy import RuleSet


@dataclass(frozen=True)
class Strictness:
    """What of a rule set counts, and what is asked for beyond it. Amounts never go above the rule set's own.

    Attributes:
        amount_percent: of the highest amount and of each department limit, at most 100.
        purchases_percent: of the completed purchases that the rule set asks for, rounded up.
        more_rejections: how many more rejections are forgiven; negative for fewer, never below none.
        lowest_confidence: below it a person decides; 0 asks for none.
    """

    name: str
    amount_percent: int
    purchases_percent: int
    more_rejections: int
    lowest_confidence: Decimal

    def __post_init__(self) -> None:
        if not 0 < self.amount_percent <= 100 or self.purchases_percent < 0:
            raise ValueError("a strictness may ask for less than the rules allow, never for more")

    def apply(self, rule_set: RuleSet) -> RuleSet:
        """The rule set as this strictness reads it."""
        asked = -(-rule_set.min_previous_purchases * self.purchases_percent // 100)
        return replace(
            rule_set,
            max_amount=self._share(rule_set.max_amount, rule_set.currency),
            min_previous_purchases=asked,
            max_rejected_last_30_days=max(0, rule_set.max_rejected_last_30_days + self.more_rejections),
            department_limits=tuple(
                (department_id, self._share(limit, rule_set.currency))
                for department_id, limit in rule_set.department_limits
            ),
        )

    def _share(self, amount: Decimal, currency: str) -> Decimal:
        if self.amount_percent == 100:
            return amount
        cent = Decimal(1).scaleb(-MINOR_DIGITS[currency])
        return (amount * self.amount_percent / 100).quantize(cent, ROUND_DOWN)

    def to_content(self) -> dict[str, Any]:
        """The JSON form, stored with each review, so that it can be run again when the figures are others."""
        return {
            "name": self.name,
            "amount_percent": self.amount_percent,
            "purchases_percent": self.purchases_percent,
            "more_rejections": self.more_rejections,
            "lowest_confidence": str(self.lowest_confidence),
        }

    @classmethod
    def from_content(cls, content: Mapping[str, Any] | None) -> Strictness:
        """What `to_content` wrote; reviews from before there was a choice were standard."""
        if content is None:
            return STANDARD
        return cls(**{**content, "lowest_confidence": Decimal(content["lowest_confidence"])})


STANDARD: Final = Strictness("standard", 100, 100, 0, Decimal("0.0"))
STRICT: Final = Strictness("strict", 50, 200, -1, Decimal("0.8"))
LENIENT: Final = Strictness("lenient", 100, 50, 1, Decimal("0.0"))

#: By name, from the tightest to the loosest.
STRICTNESS: Final[Mapping[str, Strictness]] = {each.name: each for each in (STRICT, STANDARD, LENIENT)}
