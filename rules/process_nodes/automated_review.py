"""Automated review: the rule set of a department judges the purchase. Only a released one lets money go by itself."""

from __future__ import annotations

from typing import Final

from rules.process import Outcome, ValueKind
from rules.process_language import both
from rules.process_node import Field, FieldKind, NodeType

TYPE: Final = NodeType(
    key="automated_review",
    title=both("Automated review", "Revisión automática"),
    say=lambda config, language: (
        both("Let the automated review decide", "Dejar que decida la revisión automática")
        if config.get("released")
        else both("Ask the automated review for advice", "Pedir su parecer a la revisión automática")
    )[language],
    fields=(
        Field("department", FieldKind.TEXT, "Whose rules", usual="", hint="Empty: those of the requester."),
        Field(
            "released",
            FieldKind.FLAG,
            "Its yes is enough to order",
            usual=False,
            hint="The flag automated-review has to be on, too.",
        ),
    ),
    outcomes=(Outcome.SATISFIED, Outcome.NOT_SATISFIED),
    outputs={
        "approved": ValueKind.FLAG,
        "risk": ValueKind.AMOUNT,
        "confidence": ValueKind.AMOUNT,
        "why": ValueKind.TEXT,
    },
    lets_go=lambda node: node.config.get("released") is True,
    edits=("request",),
)
