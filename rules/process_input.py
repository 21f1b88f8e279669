"""What a run is started with: is everything there that the process asks for, and of the right kind? Starts nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from math import isfinite
from typing import Any, Final

from rules.errors import BusinessError, Invalid, InvalidFields
from rules.process import Process, ValueKind
from rules.process_value import MARK

#: A process that is a part of one that is a part of … ends here.
DEEPEST_RUN: Final = 8
DEEPEST_VALUE: Final = 30
#: An input of this name that is not given is whoever starts the run.
REQUESTER: Final = "requester"
_AMOUNT: Final = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,3})?", re.ASCII)


class TooDeep(BusinessError):
    """Processes that start processes have to end somewhere."""

    status = 409


def judge_input(process: Process, given: Mapping[str, Any], starter: str) -> dict[str, Any]:
    """The input of a run.

    Args:
        starter: who starts it, for the input `requester` where that is not given.

    Raises:
        InvalidFields: a sentence for each entry that is unknown, missing or of another kind, as `input.name`.
    """
    known = {each.name: each for each in process.inputs}
    judged = dict(given)
    if REQUESTER in known and judged.get(REQUESTER) in (None, ""):
        judged[REQUESTER] = starter
    problems = {
        f"input.{name}": f"This process has no such input; known are: {', '.join(known) or 'none'}."
        for name in judged
        if name not in known
    }
    for name, each in known.items():
        value = judged.get(name)
        if value is None:
            if each.required:
                problems[f"input.{name}"] = "This input is missing."
            else:
                judged[name] = None
        elif not _FITS[each.kind](value):
            problems[f"input.{name}"] = f"This must be {_SAID[each.kind]}."
        elif isinstance(value, Mapping) and MARK in value:
            problems[f"input.{name}"] = f"{MARK!r} is a name that only the system gives."
    if problems:
        raise InvalidFields(problems)
    return judged


def check_depth(depth: int) -> None:
    """Raises TooDeep for a run that would be one process too many below the first."""
    if depth > DEEPEST_RUN:
        raise TooDeep(f"At most {DEEPEST_RUN} processes may start each other in a row.")


def _is_moment(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


_FITS: Final[Mapping[ValueKind, Callable[[Any], bool]]] = {
    ValueKind.TEXT: lambda value: isinstance(value, str),
    ValueKind.NUMBER: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    ValueKind.AMOUNT: lambda value: isinstance(value, str) and bool(_AMOUNT.fullmatch(value)),
    ValueKind.FLAG: lambda value: isinstance(value, bool),
    ValueKind.MOMENT: _is_moment,
    ValueKind.LIST: lambda value: isinstance(value, list),
    ValueKind.OBJECT: lambda value: isinstance(value, Mapping),
    ValueKind.ANY: lambda value: True,
}
_SAID: Final[Mapping[ValueKind, str]] = {
    ValueKind.TEXT: "text",
    ValueKind.NUMBER: "a number",
    ValueKind.AMOUNT: 'an amount, written as text: "499.90"',
    ValueKind.FLAG: "true or false",
    ValueKind.MOMENT: "a moment with its zone, such as 2026-12-01T09:00:00+01:00",
    ValueKind.LIST: "a list",
    ValueKind.OBJECT: "an object",
    ValueKind.ANY: "anything",
}


def check_plain(value: Any, field: str, depth: int = 0) -> None:
    """Raises Invalid for JSON that no store takes: not finite, nested without end, or with letters that are none."""
    if depth > DEEPEST_VALUE:
        raise Invalid(f"This is nested more than {DEEPEST_VALUE} deep.", field)
    if isinstance(value, float) and not isfinite(value):
        raise Invalid("NaN and Infinity are no numbers here.", field)
    if isinstance(value, str) and any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in value):
        raise Invalid("This holds letters that are none.", field)
    if isinstance(value, Mapping):
        for name, each in value.items():
            check_plain(str(name), field, depth + 1)
            check_plain(each, field, depth + 1)
    elif isinstance(value, list | tuple):
        for each in value:
            check_plain(each, field, depth + 1)
