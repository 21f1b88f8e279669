"""Two-step purchase: manager and somebody else agree before anything is ordered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rules.person import Role
from rules.process_gallery import (
    BOSS,
    DEADLINE,
    REMINDER,
    REQUESTER,
    Shape,
    Template,
    ask,
    ends,
    role_field,
    tell,
)
from rules.process_language import Language, both


def _shape(values: Mapping[str, Any], language: Language) -> Shape:
    question = both(
        "May {{input.requester}} buy {{check.title}} for {{check.unit_price}} {{check.currency}}?",
        "¿Puede {{input.requester}} comprar {{check.title}} por {{check.unit_price}} {{check.currency}}?",
    )[language]
    order = {
        "product": "{{input.url}}", "unit_price": "{{check.unit_price}}", "currency": "{{check.currency}}",
    }  # fmt: skip
    nodes = {
        "check": ("validate_product", both("Product", "Producto")[language], {"url": "{{input.url}}"}),
        "first": ("approval", both("Manager", "Responsable")[language], ask(BOSS, question, values)),
        "second": (
            "approval",
            both("Second approval", "Segunda aprobación")[language],
            ask([{"role": values["second"]}], question, values),
        ),
        "order": ("place_order", both("Order", "Pedido")[language], order),
        "tell_yes": (
            "notify",
            both("Tell: ordered", "Avisar: pedido")[language],
            tell(REQUESTER, both("It is ordered", "Ya está pedido")[language]),
        ),
        "tell_no": (
            "notify",
            both("Tell: not bought", "Avisar: no se compra")[language],
            tell(REQUESTER, both("It will not be bought", "No se comprará")[language]),
        ),
        **ends(language),
    }
    ways = [
        ("", "", "check"), ("check", "yes", "first"), ("check", "no", "tell_no"), ("first", "yes", "second"),
        ("first", "no", "tell_no"), ("second", "yes", "order"), ("second", "no", "tell_no"), ("order", "", "tell_yes"),
        ("tell_yes", "", "approved"), ("tell_no", "", "refused"),
    ]  # fmt: skip
    return Shape(nodes, ways, {"requester": "text", "url": "text"})


TEMPLATE: Final = Template(
    "two-step-purchase",
    both("Two-step purchase", "Compra en dos pasos"),
    both(
        "The product is checked, the manager agrees, then somebody else; only then it is ordered.",
        "Se comprueba el producto, aprueba el responsable y después otra persona; solo entonces se pide.",
    ),
    (role_field("second", "Who agrees second", Role.FINANCE), DEADLINE, REMINDER),
    _shape,
)
