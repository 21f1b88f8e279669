"""Wait: for a while, or until a moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rules.process_language import Language, both, say_duration, say_value
from rules.process_node import Complaint, Field, FieldKind, NodeType


def _check(config: Mapping[str, Any]) -> Iterator[Complaint]:
    if bool(config.get("duration")) is bool(config.get("until")):
        yield Complaint("config_missing", "duration", "Either how long or until when, and not both.")


def _say(config: Mapping[str, Any], language: Language) -> str:
    if config.get("until"):
        moment = say_value(config["until"], language)
        return both(f"Wait until {moment}", f"Esperar hasta {moment}")[language]
    time = say_duration(config.get("duration", ""), language)
    return both(f"Wait {time}", f"Esperar {time}")[language]


TYPE: Final = NodeType(
    key="wait",
    title=both("Wait", "Espera"),
    say=_say,
    fields=(
        Field("duration", FieldKind.DURATION, "How long", hint="For example 3 d."),
        Field("until", FieldKind.MOMENT, "Until when"),
    ),
    waits=True,
    history_events=7,
    check=_check,
)
