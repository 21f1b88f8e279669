"""One entry of a node's config as the inputs of a form, and back, exactly. Judges nothing: the checks of the draft do.

A new kind of field goes here (`_WRITE` and `_READ`) and into templates/designer/_field.html, and nowhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from flask_babel import gettext as _

from rules.errors import Invalid
from rules.process_node import Field, FieldKind, parse_duration

#: How many rows of people, tests or values a form is read for.
MOST_ROWS: Final = 60
#: The input that holds the whole value as JSON, where it fits into no rows.
RAW: Final = "json"
_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,15})", re.ASCII)
_WORDS: Final[Mapping[str, Any]] = {"true": True, "false": False, "null": None}

#: Name of an input, behind the name of its field -> what is typed into it.
Inputs = Mapping[str, str]


@dataclass(frozen=True)
class FormField:
    """A field with what its inputs show.

    Attributes:
        inputs: see Inputs; "" stands for a field of one input.
        rows: how many rows are filled.
        is_raw: the value fits into no rows and is shown as JSON.
    """

    field: Field
    inputs: Inputs
    rows: int = 0
    is_raw: bool = False


def form_field(field: Field, config: Mapping[str, Any]) -> FormField:
    """A field as a form shows it."""
    value = config.get(field.name)
    if value is None:
        return FormField(field, {})
    inputs = _WRITE.get(field.kind, _write_text)(value)
    if inputs is None or _READ.get(field.kind, _read_text)(inputs, field) != value:
        return FormField(field, {RAW: json.dumps(value, ensure_ascii=False)}, is_raw=True)
    return FormField(field, inputs, rows=len({name.partition(".")[0] for name in inputs if "." in name}))


def read_field(field: Field, inputs: Inputs) -> Any:
    """The value that was typed; None where the entry is to be missing."""
    raw = inputs.get(RAW, "").strip()
    if raw:
        return read_value(raw)
    return _READ.get(field.kind, _read_text)(inputs, field)


def read_seconds(text: str, field: str) -> int:
    """The seconds of a duration such as 90 s, 15 min, 12 h or 3 d, and 0; raises Invalid."""
    text = text.strip()
    found = timedelta() if text == "0" else parse_duration(text)
    if found is None:
        raise Invalid(_("Please write a time such as 90 s, 15 min, 12 h or 3 d."), field)
    return int(found.total_seconds())


def write_seconds(seconds: int) -> str:
    """Seconds as the shortest duration that `read_seconds` reads as them."""
    for unit, many in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds and seconds % many == 0:
            return f"{seconds // many} {unit}"
    return f"{seconds} s" if seconds else "0"


def read_value(text: str) -> Any:
    """What somebody means: whole numbers, true, false, null and JSON in brackets or quotes; else the text itself."""
    text = text.strip()
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if text[:1] in ('"', "[", "{") and not text.startswith("{{"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def write_value(value: Any) -> str:
    """The shortest text that `read_value` reads as this value."""
    if isinstance(value, str) and value and type(read_value(value)) is str and read_value(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _rows(inputs: Inputs) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for number in range(MOST_ROWS):
        lead = f"{number}."
        row = {name.removeprefix(lead): text for name, text in inputs.items() if name.startswith(lead)}
        if row:
            found.append(row)
    return found


def _as_inputs(rows: list[dict[str, str]]) -> dict[str, str]:
    return {f"{number}.{name}": text for number, row in enumerate(rows) for name, text in row.items()}


def _write_text(value: Any) -> Inputs | None:
    return {"": value} if isinstance(value, str) else None


def _read_text(inputs: Inputs, field: Field) -> Any:
    text = inputs.get("", "").replace("\r\n", "\n")
    return (text if field.kind is FieldKind.LONG_TEXT else text.strip()) or None


def _write_whole(value: Any) -> Inputs | None:
    return {"": str(value)} if type(value) in (int, str) else None


def _read_whole(inputs: Inputs, field: Field) -> Any:
    text = inputs.get("", "").strip()
    return (int(text) if _WHOLE.fullmatch(text) else text) if text else None


def _write_flag(value: Any) -> Inputs | None:
    return {"": "true" if value else "false"} if isinstance(value, bool) else None


def _read_flag(inputs: Inputs, field: Field) -> Any:
    return _WORDS.get(inputs.get("", ""))


def _write_list(value: Any) -> Inputs | None:
    fine = isinstance(value, list) and value and all(isinstance(each, str) for each in value)
    return {"": ", ".join(value)} if fine else None


def _read_list(inputs: Inputs, field: Field) -> Any:
    return [each.strip() for each in inputs.get("", "").split(",") if each.strip()] or None


def _write_people(value: Any) -> Inputs | None:
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        return None
    rows = []
    for each in value:
        kind = next((name for name in ("role", "person", "manager_of") if name in each), "")
        row = {"kind": kind, "who": str(each.get(kind, ""))}
        rows.append({**row, "group": str(each["group"])} if "group" in each else row)
    return _as_inputs(rows)


def _read_people(inputs: Inputs, field: Field) -> Any:
    read = []
    for row in _rows(inputs):
        who, group = row.get("who", "").strip(), row.get("group", "").strip()
        if who:
            read.append({row.get("kind", "role"): who, **({"group": group} if group else {})})
    return read or None


def _write_condition(value: Any) -> Inputs | None:
    if not isinstance(value, Mapping):
        return None
    mode = next((word for word in ("all", "any") if word in value), "all")
    tests = value.get(mode, [value])
    if not isinstance(tests, list) or not all(
        isinstance(test, Mapping) and {"left", "op", "right"} <= test.keys() for test in tests
    ):
        return None
    rows = []
    for test in tests:
        row = {"left": write_value(test["left"]), "op": str(test["op"]), "right": write_value(test["right"])}
        rows.append({**row, "as": str(test["as"])} if "as" in test else row)
    return {"mode": mode, **_as_inputs(rows)}


def _read_condition(inputs: Inputs, field: Field) -> Any:
    tests = []
    for row in _rows(inputs):
        left, right = row.get("left", ""), row.get("right", "")
        if left.strip() or right.strip():
            test = {"left": read_value(left), "op": row.get("op", "eq"), "right": read_value(right)}
            tests.append({**test, "as": row["as"]} if row.get("as") else test)
    if len(tests) < 2:
        return tests[0] if tests else None
    return {inputs.get("mode", "all"): tests}


def _write_values(value: Any) -> Inputs | None:
    if not isinstance(value, Mapping):
        return None
    return _as_inputs([{"name": str(name), "value": write_value(each)} for name, each in value.items()])


def _read_values(inputs: Inputs, field: Field) -> Any:
    named = {
        row["name"].strip(): read_value(row.get("value", ""))
        for row in _rows(inputs)
        if row.get("name", "").strip()
    }
    return named or None


_WRITE: Final[Mapping[FieldKind, Callable[[Any], Inputs | None]]] = {
    FieldKind.WHOLE: _write_whole,
    FieldKind.FLAG: _write_flag,
    FieldKind.CHOICES: _write_list,
    FieldKind.DURATIONS: _write_list,
    FieldKind.PEOPLE: _write_people,
    FieldKind.CONDITION: _write_condition,
    FieldKind.VALUES: _write_values,
}
_READ: Final[Mapping[FieldKind, Callable[[Inputs, Field], Any]]] = {
    FieldKind.WHOLE: _read_whole,
    FieldKind.FLAG: _read_flag,
    FieldKind.CHOICES: _read_list,
    FieldKind.DURATIONS: _read_list,
    FieldKind.PEOPLE: _read_people,
    FieldKind.CONDITION: _read_condition,
    FieldKind.VALUES: _read_values,
}
