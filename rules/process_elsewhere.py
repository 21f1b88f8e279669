"""Large values that lie elsewhere: templates that lead into them are filled in once their part is at hand. Loads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rules.process_template import ValueIsElsewhere
from rules.process_value import (
    LARGEST_CARRIED_BYTES,
    as_reference,
    check_payload,
    reference_to,
    written,
)

#: A reference takes up about as much; nothing smaller is worth one.
SMALLEST_REFERRED_BYTES: Final = 200


class Parts:
    """What of the large values is at hand; it grows with what is loaded.

    Attributes:
        known: sha256 -> the parts that were asked for, by path.
    """

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[str, dict[tuple[str, ...], Any]] = {}

    def add(self, elsewhere: ValueIsElsewhere, found: bool, value: Any) -> None:
        """Keep what was loaded; a path that leads nowhere is kept, too, so that it is not asked for again."""
        parts = self.known.setdefault(elsewhere.reference.sha256, {})
        if found:
            parts[elsewhere.rest] = value

    def put_into(self, value: Any) -> Any:
        """The value with each reference of which a part is at hand replaced by that part."""
        reference = as_reference(value)
        if reference is not None and reference.sha256 in self.known:
            return _together(self.known[reference.sha256])
        if isinstance(value, Mapping):
            return {name: self.put_into(each) for name, each in value.items()}
        return value


def part_of(value: Any, path: tuple[str, ...]) -> tuple[bool, Any]:
    """Whether something lies at the path, and what."""
    for word in path:
        if isinstance(value, Mapping) and word in value:
            value = value[word]
        elif isinstance(value, list) and word.isdecimal() and int(word) < len(value):
            value = value[int(word)]
        else:
            return False, None
    return True, value


def _together(parts: Mapping[tuple[str, ...], Any]) -> Any:
    if () in parts:
        return parts[()]
    whole: dict[str, Any] = {}
    for path in sorted(parts, key=len):
        at, seen = whole, True
        for word in path[:-1]:
            at = at.setdefault(word, {})
            seen = isinstance(at, dict)
            if not seen:
                break  # a longer path into a part that is here already
        if seen:
            at.setdefault(path[-1], parts[path])
    return whole


def set_aside(output: Mapping[str, Any], room_bytes: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A node's output as it is carried along, and what is to be stored: sha256 -> value.

    Args:
        output: what came from outside in it has been through `rules.process_value.carried`; its references stay.
        room_bytes: where all of it together takes up more, all of it is stored.

    Raises:
        Invalid: it is too large although each entry is a reference.
    """
    along: dict[str, Any] = {}
    stored: dict[str, Any] = {}
    sizes = {name: len(written(value)) for name, value in output.items()}
    is_crowded = sum(sizes.values()) > room_bytes
    for name, value in output.items():
        small = SMALLEST_REFERRED_BYTES if is_crowded else LARGEST_CARRIED_BYTES
        if as_reference(value) is not None or sizes[name] <= small:
            along[name] = value
            continue
        reference = reference_to(value)
        stored[reference.sha256] = value
        along[name] = reference.to_content()
    check_payload(along)
    return along, stored
