"""What a version changed is said to people, not in the notation of a program."""

from __future__ import annotations

from typing import Any

import pytest

from rules.process_edit import Kind, Operation
from rules.process_edit_words import describe
from rules.process_language import Language

DEAR = {"left": "{{input.amount}}", "op": "gt", "right": "500.00", "as": "amount"}
FAR = {"left": "{{input.place}}", "op": "in", "right": ["Oslo", "Lima"]}


@pytest.mark.parametrize(
    ("field", "value", "english", "spanish"),
    [
        (
            "test",
            DEAR,
            "“if input.amount is over 500.00”, read as an amount",
            "«si input.amount supera 500.00», leído como importe",
        ),
        (
            "test",
            {"any": [FAR, {"not": FAR}]},
            "“if input.place is one of Oslo or Lima or it is not so that (input.place is one of Oslo or Lima)”",
            "«si input.place es uno de Oslo o Lima o no se cumple que (input.place es uno de Oslo o Lima)»",
        ),
        (
            "who",
            [{"role": "finance", "group": "a"}, {"manager_of": "{{input.requester}}"}],
            "finance (a) and the manager of input.requester",
            "finanzas (a) y el responsable de input.requester",
        ),
        ("reminders", ["2 d", "4 d"], "2 d and 4 d", "2 d y 4 d"),
        (
            "values",
            {"total": "{{a.price}}", "tags": ["x", True]},
            "total: {{a.price}}, tags: (x and yes)",
            None,
        ),
        ("values", {"bag": {"amount": 5, "note": None}}, "bag: (amount: 5, note: nothing)", None),
        ("who", [], "()", "()"),
        ("question", "Go {{input.place | default('home')}}?", "Go {{input.place | default('home')}}?", None),
        ("question", "", "“”", "“”"),
    ],
)
def test_a_changed_value_is_said_in_plain_words(
    field: str, value: Any, english: str, spanish: str | None
) -> None:
    change = Operation(Kind.SET_CONFIG, "ask", field, value)
    assert describe(change, Language.ENGLISH) == f"Node ask: {field} is set to {english}."
    if spanish is not None:
        assert describe(change, Language.SPANISH) == f"Nodo ask: {field} pasa a {spanish}."


def test_the_inputs_of_a_process_are_said_one_after_the_other() -> None:
    inputs = [{"name": "amount", "kind": "amount"}, {"name": "why", "required": False}]
    assert describe(Operation(Kind.SET_PROCESS, "", "inputs", inputs), Language.ENGLISH) == (
        "Process: inputs is set to (name: amount, kind: amount) and (name: why, required: no)."
    )
