"""What an operation changes, in one plain sentence, English or Spanish: for what versions differ in, and the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rules.process import ValueKind
from rules.process_condition import problems_of, single_tests
from rules.process_edit import Kind, Operation
from rules.process_language import Language, both, say_condition, say_list, say_people, say_value

_SET_NODE: Final = both("Node {target}: {field} is set to {value}", "Nodo {target}: {field} pasa a {value}")
_SENTENCES: Final = {
    Kind.ADD_NODE: both("Node {target} is added", "Se añade el nodo {target}"),
    Kind.REMOVE_NODE: both(
        "Node {target} is removed with its edges", "Se quita el nodo {target} con sus conexiones"
    ),
    Kind.SET_NODE: _SET_NODE,
    Kind.SET_CONFIG: _SET_NODE,
    Kind.UNSET_CONFIG: both("Node {target}: {field} is taken out", "Nodo {target}: se quita {field}"),
    Kind.CONNECT: both("Edge {target} is drawn", "Se traza la conexión {target}"),
    Kind.DISCONNECT: both("Edge {target} is removed", "Se quita la conexión {target}"),
    Kind.SET_EDGE: both(
        "Edge {target}: {field} is set to {value}", "Conexión {target}: {field} pasa a {value}"
    ),
    Kind.MOVE: both("Node {target} is moved", "Se mueve el nodo {target}"),
    Kind.SET_PROCESS: both("Process: {field} is set to {value}", "Proceso: {field} pasa a {value}"),
    Kind.SET_SCENARIO: both("Scenario “{target}” is written", "Se escribe el escenario «{target}»"),
}
_SCENARIO_GONE: Final = both("Scenario “{target}” is removed", "Se quita el escenario «{target}»")
_USUAL: Final = both("its usual value", "su valor habitual")
_IF: Final = both("“if {}”", "«si {}»")
_READ_AS: Final = both(", read as {}", ", leído como {}")
_KINDS: Final = {
    ValueKind.TEXT: both("text", "texto"),
    ValueKind.NUMBER: both("a number", "número"),
    ValueKind.AMOUNT: both("an amount", "importe"),
    ValueKind.MOMENT: both("a moment", "fecha y hora"),
}
_PERSON: Final = frozenset({"role", "person", "manager_of"})


def describe(operation: Operation, language: Language) -> str:
    """One line for a list of differences, or for an audit trail."""
    gone = operation.kind is Kind.SET_SCENARIO and operation.value is None
    sentence = (_SCENARIO_GONE if gone else _SENTENCES[operation.kind])[language]
    value = _USUAL[language] if operation.value is None else _say(operation.value, language)
    return sentence.format(target=operation.target, field=operation.field, value=value) + "."


def _say(value: Any, language: Language, *, within: bool = False) -> str:
    """A value by its shape: a text as it is written, since a change of its templates is a change, too."""
    if isinstance(value, str):
        return value or "“”"
    if isinstance(value, list | tuple):
        said = say_list([_say(each, language, within=True) for each in value], language)
        return f"({said})" if within or not said else said
    if not isinstance(value, Mapping):
        return say_value(value, language)
    if not any(problems_of(value)):
        return _IF[language].format(say_condition(value, language)) + _read_as(value, language)
    if len(_PERSON & value.keys()) == 1 and value.keys() <= _PERSON | {"group"}:
        return say_people([value], language) + (f" ({value['group']})" if value.get("group") else "")
    said = ", ".join(f"{name}: {_say(each, language, within=True)}" for name, each in value.items())
    return f"({said})" if within or not said else said


def _read_as(condition: Mapping[str, Any], language: Language) -> str:
    """How the values are to be read where a test says so: a different way may be all that changed."""
    kinds = dict.fromkeys(ValueKind(each["as"]) for each in single_tests(condition) if "as" in each)
    said = say_list([_KINDS[each][language] for each in kinds], language)
    return _READ_AS[language].format(said) if said else ""
