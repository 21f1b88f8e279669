"""What a type of node is: its config as fields that a form can be made from, its outcomes, its words. Knows no single type.

A type is one file in `rules/process_nodes`; docs/recipes.md says what else it needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from rules.process import Node, Outcome, ValueKind
from rules.process_condition import problems_of
from rules.process_language import Language
from rules.process_template import has_template

#: How long a duration may be: a year.
LONGEST_WAIT: Final = timedelta(days=366)
_DURATION: Final = re.compile(r"(?P<count>[1-9][0-9]{0,6}) ?(?P<unit>s|min|h|d)", re.ASCII)
_SECONDS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_AMOUNT: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,3})?", re.ASCII)
_WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,59}", re.ASCII)


class FieldKind(StrEnum):
    """What a field of a config holds; a form shows each kind in one way."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    WORD = "word"  # a name in lower case, for programs
    WHOLE = "whole"
    AMOUNT = "amount"
    FLAG = "flag"
    CHOICE = "choice"
    CHOICES = "choices"  # several of them
    DURATION = "duration"  # 30 s, 15 min, 12 h, 3 d
    DURATIONS = "durations"
    MOMENT = "moment"
    ADDRESS = "address"  # https://…
    PEOPLE = "people"  # a list of {role}, {person} or {manager_of}, each perhaps with a group
    CONDITION = "condition"
    VALUES = "values"  # name -> any JSON


@dataclass(frozen=True)
class Field:
    """One entry of a config. A template may stand in every kind but flag, choice and condition.

    Attributes:
        title: what a form calls it, in English; the app translates it.
        usual: what counts where the entry is missing.
        most: the largest whole number, or the longest text.
    """

    name: str
    kind: FieldKind
    title: str
    required: bool = False
    usual: Any = None
    choices: tuple[str, ...] = ()
    least: int = 1
    most: int = 2000
    hint: str = ""

    def to_content(self) -> dict[str, Any]:
        """The JSON form for a form."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "title": self.title,
            "required": self.required,
            "usual": self.usual,
            "choices": list(self.choices),
            "least": self.least,
            "most": self.most,
            "hint": self.hint,
        }


@dataclass(frozen=True)
class Complaint:
    """What is wrong with one entry of a config."""

    code: str
    field: str
    message: str
    hint: str = ""


def _no_complaints(config: Mapping[str, Any]) -> Iterator[Complaint]:
    yield from ()


@dataclass(frozen=True)
class NodeType:
    """One type of node.

    Attributes:
        key: what `Node.type` says.
        title: the type in each language.
        say: one sentence about a node with this config, without a full stop.
        outcomes: how a node of it may end beside failing.
        outputs: entry -> kind; what `{{node.entry}}` may name beside `outcome` and `error`.
        is_open: whether it may give out other entries, too.
        is_inline: computed at once in the workflow, without an event of its history.
        waits: for people, messages or time: a run may be continued as new in the meantime.
        history_events: what one of it costs, with nothing going wrong.
        check: what is wrong with a config whose entries are each right.
        lets_go: whether being satisfied means that somebody, or the released review, agreed that money is spent.
        spends: whether it spends money.
        writes: the variables that it sets, each with its reducer or "".
        edits: the kinds of things that it changes, as triggers name them.
    """

    key: str
    title: Mapping[Language, str]
    say: Callable[[Mapping[str, Any], Language], str]
    fields: tuple[Field, ...] = ()
    outcomes: tuple[Outcome, ...] = (Outcome.COMPLETED,)
    outputs: Mapping[str, ValueKind] = field(default_factory=dict)
    is_open: bool = False
    is_inline: bool = False
    waits: bool = False
    history_events: int = 6
    check: Callable[[Mapping[str, Any]], Iterator[Complaint]] = _no_complaints
    lets_go: Callable[[Node], bool] = lambda node: False
    spends: bool = False
    writes: Callable[[Mapping[str, Any]], Mapping[str, str]] = lambda config: {}
    edits: tuple[str, ...] = ()

    @property
    def branches(self) -> bool:
        """Whether true and false edges may leave it."""
        return Outcome.SATISFIED in self.outcomes

    def complaints(self, config: Mapping[str, Any]) -> Iterator[Complaint]:
        """Everything that is wrong with a config of this type."""
        known = {each.name: each for each in self.fields}
        for name in config:
            if name not in known:
                hint = f"Known are: {', '.join(known)}." if known else "This type has no settings."
                yield Complaint("config_unknown", name, f"There is no setting {name!r}.", hint)
        fine = True
        for each in self.fields:
            for complaint in field_complaints(each, config):
                fine = False
                yield complaint
        if fine:
            yield from self.check(config)

    def value(self, config: Mapping[str, Any], name: str) -> Any:
        """An entry of a config, or what counts where it is missing."""
        usual = next(each.usual for each in self.fields if each.name == name)
        return config.get(name, usual)


def parse_duration(text: str) -> timedelta | None:
    """`30 s`, `15 min`, `12 h` or `3 d`; None for anything else, and for more than a year."""
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    duration = timedelta(seconds=int(found["count"]) * _SECONDS[found["unit"]])
    return duration if duration <= LONGEST_WAIT else None


def field_complaints(each: Field, config: Mapping[str, Any]) -> Iterator[Complaint]:
    """What is wrong with one entry of a config, or of whatever else is filled in by fields."""
    value = config.get(each.name)
    if value in (None, "", [], {}):
        if each.required:
            yield Complaint("config_missing", each.name, f"{each.title} is missing.", each.hint)
        return
    if each.kind in _UNTEMPLATED or not (isinstance(value, str) and has_template(value)):
        said = _CHECKS[each.kind](value, each)
        if said:
            yield Complaint("config_invalid", each.name, said, each.hint)


def _text(value: Any, each: Field) -> str:
    return (
        ""
        if isinstance(value, str) and len(value) <= each.most
        else f"This must be text of up to {each.most} characters."
    )


def _word(value: Any, each: Field) -> str:
    fine = isinstance(value, str) and _WORD.fullmatch(value)
    return "" if fine else "This must be a word of lower-case letters, digits and _."


def _whole(value: Any, each: Field) -> str:
    fine = type(value) is int and each.least <= value <= each.most
    return "" if fine else f"This must be a whole number from {each.least} to {each.most}."


def _amount(value: Any, each: Field) -> str:
    fine = isinstance(value, str) and _AMOUNT.fullmatch(value)
    return "" if fine else 'This must be an amount, written as text: "499.90".'


def _flag(value: Any, each: Field) -> str:
    return "" if isinstance(value, bool) else "This must be true or false."


def _choice(value: Any, each: Field) -> str:
    return "" if value in each.choices else f"This must be one of {', '.join(each.choices)}."


def _choices(value: Any, each: Field) -> str:
    fine = isinstance(value, list) and all(one in each.choices for one in value)
    return "" if fine else f"This must be a list of {', '.join(each.choices)}."


def _duration(value: Any, each: Field) -> str:
    fine = isinstance(value, str) and parse_duration(value)
    return "" if fine else "This must be a time of up to a year, such as 30 s, 15 min, 12 h or 3 d."


def _durations(value: Any, each: Field) -> str:
    fine = isinstance(value, list) and not any(_duration(one, each) for one in value)
    return "" if fine else "This must be a list of times such as 3 d."


def _moment(value: Any, each: Field) -> str:
    try:
        fine = isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        fine = False
    return "" if fine else "This must be a moment with its zone, such as 2026-12-01T09:00:00+01:00."


def _address(value: Any, each: Field) -> str:
    try:
        parts = urlsplit(value) if isinstance(value, str) else urlsplit("")
    except ValueError:
        parts = urlsplit("")
    fine = parts.scheme == "https" and parts.hostname and parts.username is None
    return "" if fine else "This must be an address that begins with https:// and holds no password."


def _people(value: Any, each: Field) -> str:
    said = "This must be a list; each entry names a role, a person or whose manager: {role: finance}."
    if not isinstance(value, list):
        return said
    for one in value:
        named = isinstance(one, Mapping) and [
            name for name in one if name in ("role", "person", "manager_of")
        ]
        if not named or len(named) != 1 or one.keys() - {*named, "group"}:
            return said
        if not all(isinstance(entry, str) and entry for entry in one.values()):
            return said
    return ""


def _condition(value: Any, each: Field) -> str:
    return next(problems_of(value), "")


def _values(value: Any, each: Field) -> str:
    fine = isinstance(value, Mapping) and all(_WORD.fullmatch(str(name)) for name in value)
    return "" if fine else "This must be an object whose names are words of lower-case letters, digits and _."


_UNTEMPLATED: Final = (FieldKind.FLAG, FieldKind.CHOICE, FieldKind.CONDITION, FieldKind.WORD)
_CHECKS: Final[Mapping[FieldKind, Callable[[Any, Field], str]]] = {
    FieldKind.TEXT: _text,
    FieldKind.LONG_TEXT: _text,
    FieldKind.WORD: _word,
    FieldKind.WHOLE: _whole,
    FieldKind.AMOUNT: _amount,
    FieldKind.FLAG: _flag,
    FieldKind.CHOICE: _choice,
    FieldKind.CHOICES: _choices,
    FieldKind.DURATION: _duration,
    FieldKind.DURATIONS: _durations,
    FieldKind.MOMENT: _moment,
    FieldKind.ADDRESS: _address,
    FieldKind.PEOPLE: _people,
    FieldKind.CONDITION: _condition,
    FieldKind.VALUES: _values,
}
