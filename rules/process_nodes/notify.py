"""Notify: people are told, by mail, chat or on their page."""

from __future__ import annotations

from typing import Final

from rules.process_language import both, say_people
from rules.process_node import Field, FieldKind, NodeType

TYPE: Final = NodeType(
    key="notify",
    title=both("Notice", "Aviso"),
    say=lambda config, language: both("Tell {}", "Avisar a {}")[language].format(
        say_people(config.get("to"), language)
    ),
    fields=(
        Field(
            "to",
            FieldKind.PEOPLE,
            "Whom",
            required=True,
            hint="For example [{person: '{{input.requester}}'}].",
        ),
        Field(
            "channels", FieldKind.CHOICES, "Where", usual=["page", "mail"], choices=("page", "mail", "chat")
        ),
        Field("subject", FieldKind.TEXT, "Subject", required=True, most=200),
        Field("text", FieldKind.LONG_TEXT, "Text", usual=""),
    ),
)
