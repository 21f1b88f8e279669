"""Travel expense: by amount the manager or the director, once earlier trips are settled."""

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
    limit_field,
    role_field,
    tell,
    test,
)
from rules.process_language import Language, both
from rules.process_node import Field, FieldKind


def _shape(values: Mapping[str, Any], language: Language) -> Shape:
    question = both(
        "May {{input.requester}} spend {{input.amount}} EUR on a trip to {{input.destination}}?",
        "¿Puede {{input.requester}} gastar {{input.amount}} EUR en un viaje a {{input.destination}}?",
    )[language]
    nodes = {
        "pending": (
            "condition",
            both("Earlier trips not settled?", "¿Viajes sin liquidar?")[language],
            test("{{input.pending_trips}}", "gt", values["most_pending"]),
        ),
        "settle": (
            "notify",
            both("Tell: settle first", "Avisar: liquidar antes")[language],
            tell(
                REQUESTER,
                both(
                    "Please settle your earlier trips first", "Liquida antes tus viajes anteriores, por favor"
                )[language],
            ),
        ),
        "small": (
            "condition",
            both("Under the limit?", "¿Por debajo del límite?")[language],
            test("{{input.amount}}", "lt", values["limit"], **{"as": "amount"}),
        ),
        "manager": ("approval", both("Manager", "Responsable")[language], ask(BOSS, question, values)),
        "director": (
            "approval",
            both("Director", "Dirección")[language],
            ask([{"role": values["director"]}], question, values),
        ),
        "tell_yes": (
            "notify",
            both("Tell: go", "Avisar: adelante")[language],
            tell(REQUESTER, both("Your trip is approved", "Tu viaje está aprobado")[language]),
        ),
        "tell_no": (
            "notify",
            both("Tell: refused", "Avisar: rechazado")[language],
            tell(REQUESTER, both("Your trip is not approved", "Tu viaje no está aprobado")[language]),
        ),
        **ends(language),
    }
    ways = [
        ("", "", "pending"), ("pending", "yes", "settle"), ("pending", "no", "small"), ("settle", "", "refused"),
        ("small", "yes", "manager"), ("small", "no", "director"), ("manager", "yes", "tell_yes"),
        ("manager", "no", "tell_no"), ("director", "yes", "tell_yes"), ("director", "no", "tell_no"),
        ("tell_yes", "", "approved"), ("tell_no", "", "refused"),
    ]  # fmt: skip
    inputs = {"requester": "text", "amount": "amount", "destination": "text", "pending_trips": "number"}
    return Shape(nodes, ways, inputs)


TEMPLATE: Final = Template(
    "travel-expense",
    both("Travel expense", "Gasto de viaje"),
    both(
        "Earlier trips have to be settled; below the limit the manager decides, else the director.",
        "Los viajes anteriores deben estar liquidados; bajo el límite decide el responsable, si no la dirección.",
    ),
    (
        limit_field("Below this the manager decides, in EUR", "500.00"),
        role_field("director", "Who the director is", Role.FINANCE),
        Field("most_pending", FieldKind.WHOLE, "How many trips may be unsettled", True, 2, least=0, most=50),
        DEADLINE,
        REMINDER,
    ),
    _shape,
)
