"""Who is asked by an approval: roles, people and their managers become seats. Knows no store; asks nobody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from rules.errors import BusinessError, Invalid, NotAllowed
from rules.person import Person, Role


class NobodyToAsk(BusinessError):
    """Everybody who could be asked has left, lost the role, or is the one who asks."""


class NotYourTask(NotAllowed):
    """Somebody else is asked."""


@dataclass(frozen=True)
class Asked:
    """One of those who are asked: a person, or whoever holds a role."""

    group: str = ""
    person_id: UUID | None = None
    role: str = ""


#: How a person's id looks where a template has put it into a text.
_ID: Final = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def ids_in(text: str) -> list[UUID]:
    """The ids that stand in a text, each once."""
    return list(dict.fromkeys(UUID(found) for found in _ID.findall(text)))


def with_names(text: str, names: Mapping[UUID, str]) -> str:
    """The text with people's names in the place of their ids: it is read by people. Other ids stay."""
    return _ID.sub(lambda found: names.get(UUID(found[0]), found[0]), text)


#: Finds a person by what a definition or an input calls them: an id or a mail address.
Find = Callable[[str], Person | None]


def seats(
    who: Sequence[Mapping[str, Any]],
    find: Find,
    by_id: Callable[[UUID], Person | None],
    holding: Callable[[Role], Iterable[Person]],
    requester_id: UUID | None,
) -> tuple[Asked, ...]:
    """Everybody who is asked, each once in a group.

    Whoever has left, and the requester, is passed over upwards to their manager.

    Args:
        who: entries with `role`, `person` or `manager_of`, each perhaps with `group`.
        requester_id: who may not answer; None where they may.

    Raises:
        Invalid: an entry names nobody that is known. NobodyToAsk.
    """
    found: dict[Asked, None] = {}
    for place, entry in enumerate(who):
        group = str(entry.get("group", ""))
        if "role" in entry:
            role = _role(entry["role"], place)
            if not any(each.active and each.id != requester_id for each in holding(role)):
                raise NobodyToAsk(f"Nobody who may answer holds the role {role.value}.", f"who[{place}]")
            found[Asked(group, role=role.value)] = None
            continue
        name = "person" if "person" in entry else "manager_of"
        person = find(str(entry[name]))
        if person is None:
            raise Invalid(f"There is no person {entry[name]!r}.", f"who[{place}].{name}")
        if name == "manager_of":
            person = by_id(person.manager_id) if person.manager_id else None
        found[Asked(group, person_id=_upwards(person, by_id, requester_id, place).id)] = None
    return tuple(found)


def check_may_answer(answering: Person, asked: Asked, requester_id: UUID | None) -> None:
    """Raises NotYourTask.

    Args:
        requester_id: who may not answer; None where they may.
    """
    if answering.id == requester_id:
        raise NotYourTask("You asked for this, so somebody else has to answer.")
    if asked.person_id is not None and asked.person_id != answering.id:
        raise NotYourTask("Somebody else is asked here.")
    if asked.role and asked.role not in {role.value for role in answering.roles}:
        raise NotYourTask(f"This is for whoever holds the role {asked.role}.")


def _role(word: Any, place: int) -> Role:
    try:
        return Role(word)
    except ValueError:
        known = ", ".join(Role)
        raise Invalid(f"There is no role {word!r}; known are {known}.", f"who[{place}].role") from None


def _upwards(
    person: Person | None, by_id: Callable[[UUID], Person | None], requester_id: UUID | None, place: int
) -> Person:
    seen: set[UUID] = set()
    while person is not None and person.id not in seen:
        if person.active and person.id != requester_id:
            return person
        seen.add(person.id)
        person = by_id(person.manager_id) if person.manager_id else None
    raise NobodyToAsk("Nobody is left who could be asked in this place.", f"who[{place}]")
