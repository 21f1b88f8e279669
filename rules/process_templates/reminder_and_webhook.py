"""Reminder and webhook: asked, reminded, escalated; what is done is reported to another system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rules.process_gallery import Shape, Template, address_fields, ends, tell
from rules.process_language import Language, both
from rules.process_node import Field, FieldKind


def _shape(values: Mapping[str, Any], language: Language) -> Shape:
    wait = {"signal": "done", "deadline": values["patience"]}
    nodes = {
        "ask": (
            "notify",
            both("Ask", "Pedir")[language],
            tell([{"person": "{{input.who}}"}], "{{input.what}}"),
        ),
        "done": ("wait_for_signal", both("Is it done?", "¿Está hecho?")[language], wait),
        "remind": (
            "notify",
            both("Remind", "Recordar")[language],
            tell(
                [{"person": "{{input.who}}"}],
                both("Reminder: {{input.what}}", "Recordatorio: {{input.what}}")[language],
            ),
        ),
        "done_late": ("wait_for_signal", both("And now?", "¿Y ahora?")[language], wait),
        "report": (
            "webhook",
            both("Report it", "Comunicarlo")[language],
            {
                "url": values["address"],
                "secret_name": values["secret_name"],
                "body": {"what": "{{input.what}}", "who": "{{input.who}}"},
            },
        ),
        "escalate": (
            "notify",
            both("Tell the manager", "Avisar al responsable")[language],
            tell(
                [{"manager_of": "{{input.who}}"}],
                both("Not done: {{input.what}}", "Sin hacer: {{input.what}}")[language],
            ),
        ),
        **ends(language),
    }
    ways = [
        ("", "", "ask"), ("ask", "", "done"), ("done", "yes", "report"), ("done", "no", "remind"),
        ("remind", "", "done_late"), ("done_late", "yes", "report"), ("done_late", "no", "escalate"),
        ("report", "", "approved"), ("escalate", "", "refused"),
    ]  # fmt: skip
    return Shape(nodes, ways, {"who": "text", "what": "text"})


TEMPLATE: Final = Template(
    "reminder-and-webhook",
    both("Reminder and webhook", "Recordatorio y webhook"),
    both(
        "Somebody is asked, reminded, and the manager told; what is done is reported to another system.",
        "Se pide algo, se recuerda y se avisa al responsable; lo hecho se comunica a otro sistema.",
    ),
    (
        Field("patience", FieldKind.DURATION, "How long before the reminder, and after it", True, "3 d"),
        *address_fields("https://example.com/done"),
    ),
    _shape,
)
