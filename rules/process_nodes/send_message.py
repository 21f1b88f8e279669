"""Send message: another system is told through the message broker, and not waited for."""

from __future__ import annotations

from typing import Final

from rules.process_language import both, say_value
from rules.process_node import Field, FieldKind, NodeType

TYPE: Final = NodeType(
    key="send_message",
    title=both("Message to a system", "Mensaje a un sistema"),
    say=lambda config, language: both("Send a message to {}", "Enviar un mensaje a {}")[language].format(
        say_value(config.get("topic", ""), language)
    ),
    fields=(
        Field("topic", FieldKind.TEXT, "Topic", required=True, most=120),
        Field("body", FieldKind.VALUES, "Content", usual={}),
    ),
)
