"""Validate product: the vendor is asked whether the product exists and what it costs now."""

from __future__ import annotations

from typing import Final

from rules.process import Outcome, ValueKind
from rules.process_language import both
from rules.process_node import Field, FieldKind, NodeType

TYPE: Final = NodeType(
    key="validate_product",
    title=both("Check of the product", "Comprobación del producto"),
    say=lambda config, language: both(
        "Check with the vendor that the product exists and what it costs",
        "Comprobar con el proveedor que el producto existe y cuánto cuesta",
    )[language],
    fields=(Field("url", FieldKind.TEXT, "Product page", required=True, hint="For example {{input.url}}."),),
    outcomes=(Outcome.SATISFIED, Outcome.NOT_SATISFIED),
    outputs={
        "title": ValueKind.TEXT,
        "vendor": ValueKind.TEXT,
        "category": ValueKind.TEXT,
        "unit_price": ValueKind.AMOUNT,
        "currency": ValueKind.TEXT,
    },
)
