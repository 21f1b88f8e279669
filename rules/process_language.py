"""The two languages in which a process is told, and the words for times, people and conditions in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from rules.process_condition import Operator, problems_of


class Language(StrEnum):
    """A language that processes are told in."""

    ENGLISH = "en"
    SPANISH = "es"


def both(english: str, spanish: str) -> Mapping[Language, str]:
    """One text in both languages."""
    return {Language.ENGLISH: english, Language.SPANISH: spanish}


_OPERATORS: Final[Mapping[Operator, Mapping[Language, str]]] = {
    Operator.EQ: both("is", "es"),
    Operator.NEQ: both("is not", "no es"),
    Operator.GT: both("is over", "supera"),
    Operator.GTE: both("is at least", "es como mínimo"),
    Operator.LT: both("is under", "es inferior a"),
    Operator.LTE: both("is at most", "es como máximo"),
    Operator.CONTAINS: both("contains", "contiene"),
    Operator.IN: both("is one of", "es uno de"),
}
_AND: Final = both("and", "y")
_OR: Final = both("or", "o")
_UNITS: Final[Mapping[str, Mapping[Language, tuple[str, str]]]] = {
    "s": {Language.ENGLISH: ("second", "seconds"), Language.SPANISH: ("segundo", "segundos")},
    "min": {Language.ENGLISH: ("minute", "minutes"), Language.SPANISH: ("minuto", "minutos")},
    "h": {Language.ENGLISH: ("hour", "hours"), Language.SPANISH: ("hora", "horas")},
    "d": {Language.ENGLISH: ("day", "days"), Language.SPANISH: ("día", "días")},
}
_ROLES: Final[Mapping[str, Mapping[Language, str]]] = {
    "employee": both("employees", "empleados"),
    "manager": both("the managers", "los responsables"),
    "finance": both("finance", "finanzas"),
    "platform": both("the platform team", "el equipo de plataforma"),
    "auditor": both("the auditors", "los auditores"),
    "admin": both("the administrators", "los administradores"),
}
_MANAGER_OF: Final = both("the manager of {}", "el responsable de {}")
_ALONE: Final = re.compile(r"\{\{\s*([A-Za-z0-9_.]+)[^{}]*\}\}")


def say_value(value: Any, language: Language) -> str:
    """A value as people read it; a template by its path."""
    if isinstance(value, bool):
        return {
            (True, Language.ENGLISH): "yes",
            (False, Language.ENGLISH): "no",
            (True, Language.SPANISH): "sí",
            (False, Language.SPANISH): "no",
        }[value, language]
    if value is None:
        return both("nothing", "nada")[language]
    if isinstance(value, list | tuple):
        return say_list([say_value(each, language) for each in value], language, either=True)
    if isinstance(value, Mapping):
        if value.keys() == {"amount", "currency"}:
            return f"{say_value(value['amount'], language)} {say_value(value['currency'], language)}"
        return ", ".join(f"{name}: {say_value(each, language)}" for name, each in value.items())
    return _ALONE.sub(r"\1", str(value))


def say_list(words: Sequence[str], language: Language, *, either: bool = False) -> str:
    """`a, b and c`, or with `either`: `a, b or c`."""
    if len(words) < 2:
        return "".join(words)
    link = (_OR if either else _AND)[language]
    last = words[-1]
    if language is Language.SPANISH and link == "y" and re.match(r"h?i(?!e)", last, re.IGNORECASE):
        link = "e"
    if language is Language.SPANISH and link == "o" and re.match(r"h?o", last, re.IGNORECASE):
        link = "u"
    return f"{', '.join(words[:-1])} {link} {last}"


def say_duration(text: Any, language: Language) -> str:
    """`3 days`; a template by its path."""
    found = re.fullmatch(r"([0-9]+) ?(s|min|h|d)", str(text))
    if found is None:
        return say_value(text, language)
    one, many = _UNITS[found[2]][language]
    return f"{found[1]} {one if found[1] == '1' else many}"


def contracted(text: str, language: Language) -> str:
    """A sentence that was put together, as its language contracts it: `a el equipo` is `al equipo`."""
    if language is not Language.SPANISH:
        return text
    return text.replace(" a el ", " al ").replace(" de el ", " del ")


def say_people(people: Any, language: Language, *, either: bool = False) -> str:
    """A list of roles, people and managers; what is no such list yet, as a value."""
    if not isinstance(people, list | tuple):
        return "…" if people is None else say_value(people, language)
    return say_list([_say_person(each, language) for each in people], language, either=either)


def _say_person(entry: Any, language: Language) -> str:
    if not isinstance(entry, Mapping):
        return say_value(entry, language)
    if "role" in entry:
        known = _ROLES.get(str(entry["role"]))
        return known[language] if known else say_value(entry["role"], language)
    if "manager_of" in entry:
        return _MANAGER_OF[language].format(say_value(entry["manager_of"], language))
    return say_value(entry.get("person", ""), language)


def say_condition(condition: Any, language: Language) -> str:
    """A condition as the end of a sentence that begins with if; dots for what is none yet."""
    return "…" if next(problems_of(condition), "") else _say_condition(condition, language, within=False)


def _say_condition(condition: Mapping[str, Any], language: Language, *, within: bool) -> str:
    for word, either in (("all", False), ("any", True)):
        if word in condition:
            parts = [_say_condition(each, language, within=True) for each in condition[word]]
            said = say_list(parts, language, either=either)
            return f"({said})" if within and len(parts) > 1 else said
    if "not" in condition:
        inner = _say_condition(condition["not"], language, within=False)
        return both(f"it is not so that ({inner})", f"no se cumple que ({inner})")[language]
    operator = _OPERATORS[Operator(condition["op"])][language]
    return f"{say_value(condition['left'], language)} {operator} {say_value(condition['right'], language)}"
