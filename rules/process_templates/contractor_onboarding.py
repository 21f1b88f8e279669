"""Contractor onboarding: the contract may come in several rounds; the process waits for the first day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rules.person import Role
from rules.process_gallery import (
    BOSS,
    DEADLINE,
    REMINDER,
    REQUESTER,
    Nodes,
    Shape,
    Template,
    ask,
    ends,
    role_field,
    tell,
)
from rules.process_language import Language, both
from rules.process_node import Field, FieldKind


def _questions(values: Mapping[str, Any], language: Language) -> Nodes:
    return {
        "manager": (
            "approval",
            both("Manager", "Responsable")[language],
            ask(
                BOSS,
                both("May {{input.contractor}} work with us?", "¿Puede {{input.contractor}} trabajar aquí?")[
                    language
                ],
                values,
            ),
        ),
        "contract": (
            "approval",
            both("Contract in order?", "¿Contrato en regla?")[language],
            ask(
                [{"role": values["contract"]}],
                both("Is the contract of {{input.contractor}} in order?", "¿Está en regla el contrato?")[
                    language
                ],
                values,
            ),
        ),
        "access": (
            "approval",
            both("Account and badge", "Cuenta y acreditación")[language],
            ask(
                [{"role": values["access"]}],
                both(
                    "Are account and badge of {{input.contractor}} ready?",
                    "¿Están listas cuenta y acreditación?",
                )[language],
                values,
            ),
        ),
    }


def _rest(language: Language) -> Nodes:
    return {
        "papers": (
            "notify",
            both("Ask for the contract", "Pedir el contrato")[language],
            tell(
                REQUESTER,
                both(
                    "Please send the contract of {{input.contractor}}",
                    "Envía el contrato de {{input.contractor}}",
                )[language],
            ),
        ),
        "welcome": (
            "notify",
            both("Tell: all is ready", "Avisar: todo listo")[language],
            tell(
                REQUESTER,
                both("{{input.contractor}} can begin", "{{input.contractor}} puede empezar")[language],
            ),
        ),
        "begin": ("wait", both("First day", "Primer día")[language], {"until": "{{input.begins_at}}"}),
        "stop": (
            "notify",
            both("Tell: not possible", "Avisar: no empieza")[language],
            tell(
                REQUESTER,
                both("{{input.contractor}} cannot begin", "{{input.contractor}} no puede empezar")[language],
            ),
        ),
        **ends(language),
    }


def _shape(values: Mapping[str, Any], language: Language) -> Shape:
    nodes = {**_questions(values, language), **_rest(language)}
    again = ("contract", "no", "papers")
    ways = [
        ("", "", "manager"), ("manager", "yes", "papers"), ("manager", "no", "stop"), ("papers", "", "contract"),
        again, ("contract", "no", "stop"), ("contract", "yes", "access"), ("access", "yes", "welcome"),
        ("access", "no", "stop"), ("welcome", "", "begin"), ("begin", "", "approved"), ("stop", "", "refused"),
    ]  # fmt: skip
    inputs = {"requester": "text", "contractor": "text", "begins_at": "moment"}
    return Shape(nodes, ways, inputs, rounds={again: values["rounds"]})


TEMPLATE: Final = Template(
    "contractor-onboarding",
    both("Contractor onboarding", "Alta de un colaborador externo"),
    both(
        "Manager, contract with rounds of correction, account and badge, and the first day.",
        "Responsable, contrato con vueltas de corrección, cuenta y acreditación, y el primer día.",
    ),
    (
        role_field("contract", "Who reads the contract", Role.FINANCE),
        role_field("access", "Who prepares account and badge", Role.PLATFORM),
        Field("rounds", FieldKind.WHOLE, "How often the contract may come in all", True, 3, least=2, most=10),
        DEADLINE,
        REMINDER,
    ),
    _shape,
)
