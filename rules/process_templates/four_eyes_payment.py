"""Four-eyes payment: who enters it never releases it, and nobody is two people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rules.person import Role
from rules.process_gallery import (
    DEADLINE,
    REMINDER,
    REQUESTER,
    Shape,
    Template,
    address_fields,
    ask,
    ends,
    limit_field,
    role_field,
    tell,
    test,
)
from rules.process_language import Language, both


def _shape(values: Mapping[str, Any], language: Language) -> Shape:
    question = both(
        "Pay {{input.amount}} EUR to {{input.payee}} for {{input.reference}}?",
        "¿Pagar {{input.amount}} EUR a {{input.payee}} por {{input.reference}}?",
    )[language]
    nodes = {
        "first": (
            "approval",
            both("Second pair of eyes", "Segundo par de ojos")[language],
            ask([{"role": values["first"]}], question, values),
        ),
        "large": (
            "condition",
            both("Over the limit?", "¿Supera el límite?")[language],
            test("{{input.amount}}", "gt", values["limit"], **{"as": "amount"}),
        ),
        "second": (
            "approval",
            both("Third pair of eyes", "Tercer par de ojos")[language],
            ask([{"role": values["second"]}], question, values),
        ),
        "same": (
            "condition",
            both("The same person twice?", "¿Dos veces la misma persona?")[language],
            test("{{first.decided_by}}", "eq", "{{second.decided_by}}"),
        ),
        "pay": (
            "webhook",
            both("Pay", "Pagar")[language],
            {
                "url": values["address"],
                "secret_name": values["secret_name"],
                "body": {
                    "payee": "{{input.payee}}",
                    "amount": "{{input.amount}}",
                    "reference": "{{input.reference}}",
                },
            },
        ),
        "tell_yes": (
            "notify",
            both("Tell: paid", "Avisar: pagado")[language],
            tell(REQUESTER, both("{{input.payee}} is paid", "{{input.payee}} está pagado")[language]),
        ),
        "tell_no": (
            "notify",
            both("Tell: not paid", "Avisar: no se paga")[language],
            tell(REQUESTER, both("{{input.payee}} is not paid", "{{input.payee}} no se paga")[language]),
        ),
        **ends(language),
    }
    ways = [
        ("", "", "first"), ("first", "yes", "large"), ("first", "no", "tell_no"), ("large", "yes", "second"),
        ("large", "no", "pay"), ("second", "yes", "same"), ("second", "no", "tell_no"), ("same", "yes", "tell_no"),
        ("same", "no", "pay"), ("pay", "", "tell_yes"), ("tell_yes", "", "approved"), ("tell_no", "", "refused"),
    ]  # fmt: skip
    inputs = {"requester": "text", "payee": "text", "amount": "amount", "reference": "text"}
    return Shape(nodes, ways, inputs)


TEMPLATE: Final = Template(
    "four-eyes-payment",
    both("Four-eyes payment", "Pago con cuatro ojos"),
    both(
        "Whoever enters a payment never releases it; above the limit a third person has to agree, too.",
        "Quien introduce un pago nunca lo libera; por encima del límite debe aprobarlo además una tercera persona.",
    ),
    (
        limit_field("Above this a third person agrees, in EUR", "5000.00"),
        role_field("first", "Who agrees", Role.FINANCE),
        role_field("second", "Who agrees above the limit", Role.MANAGER),
        *address_fields("https://example.com/payments"),
        DEADLINE,
        REMINDER,
    ),
    _shape,
)
