"""Wait for signal: until somebody outside says a named word, or a deadline passes."""

from __future__ import annotations

from typing import Final

from rules.process import Outcome
from rules.process_language import both, say_duration, say_value
from rules.process_node import Field, FieldKind, NodeType

TYPE: Final = NodeType(
    key="wait_for_signal",
    title=both("Wait for a signal", "Esperar una señal"),
    say=lambda config, language: both("Wait up to {1} for {0}", "Esperar {0} hasta {1}")[language].format(
        say_value(config.get("signal", ""), language), say_duration(config.get("deadline", ""), language)
    ),
    fields=(
        Field("signal", FieldKind.WORD, "Name of the signal", required=True),
        Field("deadline", FieldKind.DURATION, "Until when", hint="For example 7 d."),
    ),
    outcomes=(Outcome.SATISFIED, Outcome.NOT_SATISFIED, Outcome.TIMEOUT),
    is_open=True,
    waits=True,
    history_events=8,
)
