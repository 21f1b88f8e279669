"""End: where a process comes to its end. A terminating one ends every other branch, too, except detached ones."""

from __future__ import annotations

from typing import Final

from rules.process_language import both
from rules.process_node import Field, FieldKind, NodeType

_RESULTS: Final = {
    "": both("End", "Fin"),
    "satisfied": both("End as approved", "Terminar como aprobado"),
    "not_satisfied": both("End as refused", "Terminar como rechazado"),
}

TYPE: Final = NodeType(
    key="end",
    title=both("End", "Fin"),
    say=lambda config, language: (
        _RESULTS.get(str(config.get("result", "")), _RESULTS[""])[language]
        + (
            both(", and end all other branches", " y cerrar las demás ramas")[language]
            if config.get("terminate")
            else ""
        )
    ),
    fields=(
        Field("result", FieldKind.CHOICE, "How it ended", usual="", choices=("satisfied", "not_satisfied")),
        Field("terminate", FieldKind.FLAG, "End all other branches", usual=False),
    ),
    is_inline=True,
    history_events=0,
)
