"""Templates in a node's config: `{{node.field}}`. Strict: a path that is not there is an error, never a blank."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from rules.errors import BusinessError
from rules.exact_json import write_exact
from rules.process_value import Reference, as_reference

_PATH: Final = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*"
_LITERAL: Final = r'"(?:[^"\\]|\\.)*"|-?[0-9]+|true|false|null'
_TEMPLATE: Final = re.compile(
    rf"\{{\{{\s*(?P<path>{_PATH})\s*(?:\|\s*default\(\s*(?P<default>{_LITERAL})\s*\)\s*)?\}}\}}", re.ASCII
)
_OPENS: Final = "{{"
_MISSING: Final = object()


class TemplateUnreadable(BusinessError):
    """Between `{{` and `}}` stands something that is no path with perhaps a default."""


class PathUnknown(BusinessError):
    """A path leads nowhere, or to a value that has no text. The message names where it broke off and what is there."""


class ValueIsElsewhere(BusinessError):
    """A path leads into a value that is too large to be carried along; whoever can load it has to read on.

    Attributes:
        reference: the value's.
        rest: the part of the path that lies in it.
    """

    def __init__(self, reference: Reference, rest: tuple[str, ...]) -> None:
        super().__init__(f"The value of {reference.size:,} bytes must be loaded first.")
        self.reference = reference
        self.rest = rest


@dataclass(frozen=True)
class Use:
    """One template.

    Attributes:
        path: its words; the first is `input`, `vars` or a node's id.
        has_default: whether it may be missing.
        is_alone: whether it is the whole text, so that the value keeps its type.
    """

    path: tuple[str, ...]
    has_default: bool
    is_alone: bool


def render(value: Any, context: Mapping[str, Any]) -> Any:
    """A config, or part of one, with its templates filled in.

    A text that is one template becomes the value itself, of whatever type; in a longer text the value is written out.

    Args:
        context: `input`, `vars` and the result of each node under its id.

    Raises:
        TemplateUnreadable, PathUnknown, ValueIsElsewhere.
    """
    if isinstance(value, Mapping):
        return {name: render(each, context) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [render(each, context) for each in value]
    if not isinstance(value, str) or _OPENS not in value:
        return value
    matches = _matches(value)
    if len(matches) == 1 and matches[0].span() == (0, len(value)):
        return _look_up(matches[0], context)
    parts, end = [], 0
    for match in matches:
        parts.append(value[end : match.start()])
        parts.append(_as_text(_look_up(match, context, in_text=True), match["path"]))
        end = match.end()
    return "".join([*parts, value[end:]])


def uses(value: Any) -> Iterator[Use]:
    """Every template in a config, in order; raises TemplateUnreadable."""
    if isinstance(value, Mapping):
        for each in value.values():
            yield from uses(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from uses(each)
    elif isinstance(value, str) and _OPENS in value:
        for match in _matches(value):
            is_alone = match.span() == (0, len(value))
            yield Use(tuple(match["path"].split(".")), match["default"] is not None, is_alone)


def has_template(value: Any) -> bool:
    """Whether anything in it is filled in at run time."""
    if isinstance(value, Mapping):
        return any(map(has_template, value.values()))
    if isinstance(value, list | tuple):
        return any(map(has_template, value))
    return isinstance(value, str) and _OPENS in value


def _matches(text: str) -> list[re.Match[str]]:
    matches = list(_TEMPLATE.finditer(text))
    rest = _TEMPLATE.sub("", text)
    if _OPENS in rest:
        broken = rest[rest.index(_OPENS) :][:60]
        raise TemplateUnreadable(
            f"Please write {{{{node.field}}}}, perhaps with | default(…); this is {broken!r}."
        )
    return matches


def _look_up(match: re.Match[str], context: Mapping[str, Any], *, in_text: bool = False) -> Any:
    words = match["path"].split(".")
    value: Any = context
    for place, word in enumerate(words):
        reference = as_reference(value)
        if reference is not None:
            raise ValueIsElsewhere(reference, tuple(words[place:]))
        value = _member(value, word)
        if value is _MISSING:
            break
    if match["default"] is not None and (value is _MISSING or value is None):
        return json.loads(match["default"])
    if value is _MISSING:
        raise PathUnknown(_where_it_breaks(words, context))
    reference = as_reference(value)
    if in_text and reference is not None:
        raise ValueIsElsewhere(reference, ())
    return value


def _member(value: Any, word: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(word, _MISSING)
    if isinstance(value, list | tuple) and word.isdecimal() and int(word) < len(value):
        return value[int(word)]
    return _MISSING


def _where_it_breaks(words: list[str], context: Mapping[str, Any]) -> str:
    value: Any = context
    for place, word in enumerate(words):
        inner = _member(value, word)
        if inner is _MISSING:
            known = ", ".join(map(str, value)) if isinstance(value, Mapping) else ""
            at = ".".join(words[:place])
            there = f"known {'there' if at else 'here'} are: {known}" if known else "nothing is known there"
            return f"{'.'.join(words)} is unknown: there is no {word!r}{f' in {at}' if at else ''}; {there}."
        value = inner
    return f"{'.'.join(words)} is unknown."


def _as_text(value: Any, path: str) -> str:
    if value is None:
        raise PathUnknown(f"{path} is empty; please give | default(…) for that case.")
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        value = Decimal(str(value))
    return write_exact(value)
