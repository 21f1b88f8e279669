"""What a node leaves behind: its outcome and its output, small ones themselves, large ones as a reference to where they lie.

Knows no store: whoever keeps a large value writes what `reference_to` says in its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from rules.errors import Invalid
from rules.exact_json import write_exact
from rules.process import Outcome

#: A value that is written longer than this is kept in Postgres; a run carries a reference to it.
LARGEST_CARRIED_BYTES: Final = 50 * 1024
#: What Temporal warns at; nothing that is handed to a step or a run may be larger.
LARGEST_PAYLOAD_BYTES: Final = 256 * 1024
#: Marks a reference; no node may give out an object with such an entry.
MARK: Final = "$reference"
#: What every node's result has beside its output.
OUTCOME: Final = "outcome"
ERROR: Final = "error"


@dataclass(frozen=True)
class Reference:
    """Where a large value lies.

    Attributes:
        sha256: of the value as `rules.exact_json` writes it, in hex.
        size: in bytes.
    """

    sha256: str
    size: int

    def to_content(self) -> dict[str, Any]:
        """The JSON object that stands in the value's place."""
        return {MARK: self.sha256, "bytes": self.size}


def written(value: Any) -> bytes:
    """The one form in which a value is measured, hashed and stored."""
    return write_exact(_exact(value)).encode()


def reference_to(value: Any) -> Reference:
    """The reference to a value, however large it is."""
    content = written(value)
    return Reference(hashlib.sha256(content).hexdigest(), len(content))


def as_reference(value: Any) -> Reference | None:
    """The reference that an object is; None for any other value."""
    if isinstance(value, Mapping) and value.keys() == {MARK, "bytes"}:
        return Reference(value[MARK], value["bytes"])
    return None


def carried(output: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A node's output as it is carried along, and what is to be stored: sha256 -> value.

    Raises:
        Invalid: an entry has a name that is taken, or is made to look like a reference, or all of them together are
            too large although none of them is.
    """
    carried_along, stored = {}, {}
    for name, value in output.items():
        if name in (OUTCOME, ERROR):
            raise Invalid(f"An output cannot be called {name!r}: each node has that one already.", name)
        if _is_marked(value):
            raise Invalid(f"{MARK!r} is a name that only the system gives.", name)
        reference = reference_to(value)
        if reference.size > LARGEST_CARRIED_BYTES:
            stored[reference.sha256] = value
            carried_along[name] = reference.to_content()
        else:
            carried_along[name] = value
    check_payload(carried_along)
    return carried_along, stored


def check_payload(value: Any) -> None:
    """Raises Invalid for what is too large to be handed on."""
    size = len(written(value))
    if size > LARGEST_PAYLOAD_BYTES:
        raise Invalid(f"This is {size:,} bytes; at most {LARGEST_PAYLOAD_BYTES:,} can be handed on.")


def result_entry(outcome: Outcome, output: Mapping[str, Any] | None, error: str = "") -> dict[str, Any]:
    """What a node's id means in templates: its output, and how it ended."""
    return {**(output or {}), OUTCOME: outcome.value, ERROR: error or None}


def make_context(
    given: Mapping[str, Any], variables: Mapping[str, Any], results: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What templates read: the input, the variables, and the entry of each node by its id."""
    return {"input": given, "vars": variables, **results}


def _is_marked(value: Any) -> bool:
    if isinstance(value, Mapping):
        return MARK in value or any(map(_is_marked, value.values()))
    return isinstance(value, list | tuple) and any(map(_is_marked, value))


def _exact(value: Any) -> Any:
    """Floats, which the ordinary reader of JSON makes, as their shortest exact writing."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {str(name): _exact(each) for name, each in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [_exact(each) for each in value]
    return value
