"""Set: variables get values. Two branches that may write one variable at once must say how their values meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rules.process_language import Language, both, say_list, say_value
from rules.process_node import Complaint, Field, FieldKind, NodeType

REDUCERS: Final = ("append", "sum", "last")


def _writes(config: Mapping[str, Any]) -> Mapping[str, str]:
    values, reducers = config.get("values"), config.get("reducers")
    if not isinstance(values, Mapping):
        return {}
    return {name: str(reducers.get(name, "")) if isinstance(reducers, Mapping) else "" for name in values}


def _check(config: Mapping[str, Any]) -> Iterator[Complaint]:
    written = _writes(config)
    if not written or not isinstance(config.get("reducers", {}), Mapping):
        yield Complaint("config_invalid", "values", "The names are fixed; only the values may be filled in.")
        return
    for name, reducer in config.get("reducers", {}).items():
        if reducer not in REDUCERS or name not in written:
            yield Complaint(
                "config_invalid",
                "reducers",
                f"{name} must be a value of this node, by {', '.join(REDUCERS)}.",
            )


def _say(config: Mapping[str, Any], language: Language) -> str:
    values = config.get("values")
    values = values if isinstance(values, Mapping) else {}
    pairs = [f"{name} = {say_value(value, language)}" for name, value in values.items()]
    return f"{both('Remember', 'Recordar')[language]} {say_list(pairs, language)}"


TYPE: Final = NodeType(
    key="set",
    title=both("Variables", "Variables"),
    say=_say,
    fields=(
        Field("values", FieldKind.VALUES, "Values", required=True),
        Field("reducers", FieldKind.VALUES, "How values meet", usual={}, hint="append, sum or last."),
    ),
    is_inline=True,
    history_events=0,
    check=_check,
    writes=_writes,
)
