"""Place order: the one type that spends money. No way may lead to it that nobody, and no released review, agreed to."""

from __future__ import annotations

from typing import Final

from rules.process import ValueKind
from rules.process_language import both, say_value
from rules.process_node import Field, FieldKind, NodeType

TYPE: Final = NodeType(
    key="place_order",
    title=both("Order", "Pedido"),
    say=lambda config, language: both("Order {}", "Pedir {}")[language].format(
        say_value(config.get("product", ""), language)
    ),
    fields=(
        Field("product", FieldKind.TEXT, "Product", required=True, hint="For example {{input.url}}."),
        Field("quantity", FieldKind.WHOLE, "How many", usual=1, most=1000),
        Field("unit_price", FieldKind.AMOUNT, "Approved price of one", required=True),
        Field("currency", FieldKind.TEXT, "Currency", required=True, most=60),
    ),
    outputs={"order": ValueKind.TEXT, "unit_price": ValueKind.AMOUNT, "total": ValueKind.AMOUNT},
    spends=True,
    edits=("request", "order"),
)
