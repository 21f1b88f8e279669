"""JSON whose numbers stay exact: Decimal in, Decimal out. Refuses NaN, Infinity, repeated keys and endless depth."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NoReturn


def parse_exact(body: bytes) -> Any:
    """The document in `body`.

    Args:
        body: UTF-8 JSON. Numbers with a fraction or an exponent come back as Decimal, whole ones as int.

    Raises:
        ValueError: for anything else, cut documents, NaN, Infinity, and keys given twice included.
    """
    try:
        return json.loads(
            body.decode("utf-8"),
            parse_float=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_repeated_keys,
        )
    except RecursionError:
        raise ValueError("the document is nested too deeply") from None


def write_exact(value: Any) -> str:
    """`value` as JSON text; a Decimal is written digit for digit and never passes through a float.

    Raises:
        ValueError: for a Decimal that is not finite.
        TypeError: for a float, and for any type that JSON does not have.
    """
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} has no place in JSON")
        return f"{value:f}"
    if value is None or isinstance(value, str | bool | int):
        return json.dumps(value)
    if isinstance(value, Mapping):
        return (
            "{" + ",".join(f"{json.dumps(str(key))}:{write_exact(item)}" for key, item in value.items()) + "}"
        )
    if isinstance(value, Sequence):
        return "[" + ",".join(map(write_exact, value)) + "]"
    raise TypeError(f"{type(value).__name__} is not written as JSON here")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key is given twice")
    return document
