"""Sub-process: another process runs and is waited for. It ends satisfied or not as its own end says."""

from __future__ import annotations

from typing import Final

from rules.process import Outcome, ValueKind
from rules.process_language import both, say_value
from rules.process_node import Field, FieldKind, NodeType

TYPE: Final = NodeType(
    key="sub_process",
    title=both("Sub-process", "Subproceso"),
    say=lambda config, language: both("Run the process {}", "Ejecutar el proceso {}")[language].format(
        say_value(config.get("process", ""), language)
    ),
    fields=(
        Field("process", FieldKind.TEXT, "Process", required=True, most=60),
        Field("input", FieldKind.VALUES, "Input", usual={}),
    ),
    outcomes=(Outcome.COMPLETED, Outcome.SATISFIED, Outcome.NOT_SATISFIED),
    outputs={"run": ValueKind.TEXT},
    is_open=True,
    waits=True,
    history_events=6,
)
