"""Software licence: security and budget at the same time; one refusal ends both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rules.person import Role
from rules.process_gallery import (
    DEADLINE,
    REMINDER,
    REQUESTER,
    Nodes,
    Shape,
    Template,
    ask,
    ends,
    limit_field,
    role_field,
    tell,
    test,
)
from rules.process_language import Language, both


def _nodes(values: Mapping[str, Any], language: Language) -> Nodes:
    return {
        "received": (
            "notify",
            both("Tell: received", "Avisar: recibida")[language],
            tell(
                REQUESTER,
                both("We look at {{input.software}}", "Estamos revisando {{input.software}}")[language],
            ),
        ),
        "security": (
            "approval",
            both("Security review", "Revisión de seguridad")[language],
            ask(
                [{"role": values["security"]}],
                both("Is {{input.software}} safe to use?", "¿Es seguro usar {{input.software}}?")[language],
                values,
            ),
        ),
        "within": (
            "condition",
            both("Within the budget?", "¿Dentro del presupuesto?")[language],
            test("{{input.amount}}", "lte", values["limit"], **{"as": "amount"}),
        ),
        "finance": (
            "approval",
            both("More budget", "Más presupuesto")[language],
            ask(
                [{"role": values["budget"]}],
                both(
                    "Is there budget for {{input.software}}: {{input.amount}} EUR?",
                    "¿Hay presupuesto para {{input.software}}: {{input.amount}} EUR?",
                )[language],
                values,
            ),
        ),
        "paid_for": (
            "set",
            both("Budget is there", "Hay presupuesto")[language],
            {"values": {"budget": "{{input.amount}}"}},
        ),
        "grant": (
            "notify",
            both("Tell: licence granted", "Avisar: licencia concedida")[language],
            tell(REQUESTER, both("You get {{input.software}}", "Recibirás {{input.software}}")[language]),
        ),
        "deny": (
            "notify",
            both("Tell: refused", "Avisar: rechazada")[language],
            tell(
                REQUESTER,
                both("No {{input.software}}, sorry", "Sin {{input.software}}, por ahora")[language],
            ),
        ),
        **ends(language),
    }


def _shape(values: Mapping[str, Any], language: Language) -> Shape:
    nodes = dict(_nodes(values, language))
    ways = [
        ("", "", "received"), ("received", "also", "security"), ("received", "also", "within"),
        ("within", "yes", "paid_for"), ("within", "no", "finance"), ("finance", "yes", "paid_for"),
        ("security", "yes", "grant"), ("paid_for", "", "grant"), ("security", "no", "deny"), ("finance", "no", "deny"),
        ("grant", "", "approved"), ("deny", "", "refused"),
    ]  # fmt: skip
    # Granted when both agree; refused as soon as one does not, and then nobody else is asked any more.
    more = {"grant": {"join": "strict"}, "deny": {"join": "any"}}
    nodes["refused"] = (*nodes["refused"][:2], {"result": "not_satisfied", "terminate": True})
    return Shape(nodes, ways, {"requester": "text", "software": "text", "amount": "amount"}, more)


TEMPLATE: Final = Template(
    "software-licence",
    both("Software licence", "Licencia de software"),
    both(
        "Security looks at it while the budget is checked; one refusal ends both.",
        "Seguridad la revisa mientras se comprueba el presupuesto; un rechazo termina ambas.",
    ),
    (
        limit_field("Budget that needs nobody's word, in EUR", "1000.00"),
        role_field("security", "Who looks at security", Role.PLATFORM),
        role_field("budget", "Who decides over more budget", Role.FINANCE),
        DEADLINE,
        REMINDER,
    ),
    _shape,
)
