"""Call external: another system gets a callback token and completes or fails the node with it, until a deadline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rules.process_language import both, say_duration, say_value
from rules.process_node import Complaint, Field, FieldKind, NodeType


def _check(config: Mapping[str, Any]) -> Iterator[Complaint]:
    needed = "url" if config.get("through", "webhook") == "webhook" else "topic"
    if not config.get(needed):
        yield Complaint("config_missing", needed, f"{needed} is missing.", "It says where the token is sent.")


TYPE: Final = NodeType(
    key="call_external",
    title=both("Work of another system", "Trabajo de otro sistema"),
    say=lambda config, language: both(
        "Let {} work, and wait up to {}", "Encargar el trabajo a {} y esperar hasta {}"
    )[language].format(
        say_value(config.get("url") or config.get("topic", ""), language),
        say_duration(config.get("deadline", ""), language),
    ),
    fields=(
        Field("through", FieldKind.CHOICE, "By", usual="webhook", choices=("webhook", "broker")),
        Field("url", FieldKind.ADDRESS, "Address"),
        Field("secret_name", FieldKind.WORD, "Signed with", hint="The name of a secret, not the secret."),
        Field("topic", FieldKind.TEXT, "Topic", most=120),
        Field("body", FieldKind.VALUES, "Content", usual={}),
        Field("deadline", FieldKind.DURATION, "Until when", hint="For example 2 d."),
    ),
    is_open=True,
    waits=True,
    history_events=13,
    check=_check,
)
