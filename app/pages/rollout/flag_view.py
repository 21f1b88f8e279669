"""What the flag page shows: overrides with their last change, the story, and the look-up. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from flask_babel import gettext as _

from app import database
from rules.flag import Flag, Level, Reading, read_flag
from storage import department, flag
from storage import person as people
from storage.flag import FlagChangeRow
from storage.person import PersonRow

#: The story shows so many changes; older ones stand in the audit trail.
STORY = 50
#: How far back the value before a change is looked for.
_LOOK_BACK = 1000


@dataclass(frozen=True)
class Target:
    """Whom a flag is set for, as people read it; `mail` is empty unless it is a person."""

    level: Level
    subject: str
    name: str
    mail: str = ""


@dataclass(frozen=True)
class Override:
    """What is set for somebody.

    Attributes:
        value: None where nothing is set.
        last: the change that made it so, None where it was never changed.
    """

    target: Target
    value: bool | None
    last: FlagChangeRow | None
    changed_by: str


@dataclass(frozen=True)
class Change:
    """One change: what stood before and after; None means not set, `before_known` whether before is known."""

    row: FlagChangeRow
    target: Target
    before: bool | None
    before_known: bool
    changed_by: str


@dataclass(frozen=True)
class Found:
    """What one person gets; `person` is None where nobody has the address."""

    person: PersonRow | None
    reading: Reading | None = None
    layers: Sequence[Override] = ()


def overrides_of(one: Flag) -> list[Override]:
    """Everyone first, then every department, then the people for whom something is set."""
    session = database.session()
    overrides = flag.read_truth(session).of(one)
    names = _Names()
    keys = [(Level.EVERYONE, "")]
    keys += [(Level.DEPARTMENT, row.id) for row in department.all_departments(session)]
    keys += sorted(
        (key for key in overrides if key[0] is Level.PERSON), key=lambda key: names.target(*key).name
    )
    last = {}
    for change in reversed(flag.changes(session, one, _LOOK_BACK)):
        last[(Level(change.level), change.subject)] = change
    return [
        Override(names.target(*key), overrides.get(key), last.get(key), names.changer(last.get(key)))
        for key in keys
    ]


def story_of(one: Flag) -> list[Change]:
    """The latest changes, the newest first, each with what stood before it."""
    changes = flag.changes(database.session(), one, _LOOK_BACK)
    names, all_read = _Names(), len(changes) < _LOOK_BACK
    story = []
    for position, row in enumerate(changes[:STORY]):
        earlier = next(
            (old for old in changes[position + 1 :] if (old.level, old.subject) == (row.level, row.subject)),
            None,
        )
        target = names.target(Level(row.level), row.subject)
        before = earlier.value if earlier else None
        story.append(Change(row, target, before, earlier is not None or all_read, names.changer(row)))
    return story


def look_up(one: Flag, mail: str) -> Found:
    """What a person gets and why, as far as Postgres knows: the truth that a deciding worker reads."""
    session = database.session()
    person = people.by_email(session, mail) if "\x00" not in mail else None
    if person is None:
        return Found(None)
    truth = flag.read_truth(session)
    overrides, names = truth.of(one), _Names()
    reading = read_flag(
        one, overrides, str(person.id), person.department_id, revision=truth.revision, fresh=True
    )
    keys = ((Level.PERSON, str(person.id)), (Level.DEPARTMENT, person.department_id), (Level.EVERYONE, ""))
    layers = [Override(names.target(*key), overrides.get(key), None, "") for key in keys]
    return Found(person, reading, layers)


class _Names:
    """The names behind levels and subjects, each kind looked up once."""

    def __init__(self) -> None:
        session = database.session()
        self._departments = department.names(session)
        self._people = {str(row.id): row for row in people.all_people(session)}

    def target(self, level: Level, subject: str) -> Target:
        """Whom an override is for; somebody who is gone stays named by id."""
        if level is Level.EVERYONE:
            return Target(level, "", str(_("Everyone")))
        if level is Level.DEPARTMENT:
            return Target(level, subject, self._departments.get(subject, subject))
        person = self._people.get(subject)
        return Target(level, subject, person.name if person else subject, person.email if person else "")

    def changer(self, change: FlagChangeRow | None) -> str:
        """Who made a change."""
        by: UUID | None = change.changed_by if change is not None else None
        person = self._people.get(str(by)) if by is not None else None
        return person.name if person else str(_("the system"))
