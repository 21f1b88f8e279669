"""What the flag pages show: settings with their last change, proposals, the story, the look-up. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from flask_babel import gettext as _

from app import database
from app.flags import flag_copy
from app.pages.rollout.names import Names
from rules.flag import FLAGS, Flag, Level, Reading, Setting, Value
from rules.flag_change import is_unused
from rules.flag_roll import RollCall, call_roll
from storage import department, flag, flag_proposal, flag_use, rollout
from storage import person as people
from storage.database import now
from storage.flag import Change as Wish
from storage.flag import FlagChangeRow, FlagProposalRow
from storage.person import PersonRow

#: The story shows so many changes; older ones stand in the audit trail.
STORY = 50
#: How far back the value before a change is looked for.
_LOOK_BACK = 1000


@dataclass(frozen=True)
class Line:
    """One flag in the list.

    Attributes:
        everyone: what is set for everyone, None where the default stands.
        others: for how many departments and people something else is set.
        last_read_at: None where nobody has read it since reads are counted.
        is_unused: whether nobody has read it for 30 days.
        is_overdue: whether the code should ask for it no more.
    """

    flag: Flag
    everyone: Setting | None
    others: int
    proposals: int
    last_read_at: datetime | None
    is_unused: bool
    is_overdue: bool


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
        setting: None where nothing is set.
        last: the change that made it so, None where it was never changed.
    """

    target: Target
    setting: Setting | None
    last: FlagChangeRow | None = None
    changed_by: str = ""

    @property
    def value(self) -> Value | None:
        """What it is set to, None where nothing is set."""
        return self.setting.value if self.setting else None


@dataclass(frozen=True)
class Change:
    """One change: what stood before and after; None means not set, `before_known` whether before is known."""

    row: FlagChangeRow
    target: Target
    before: Value | None
    before_known: bool
    changed_by: str
    confirmed_by: str


@dataclass(frozen=True)
class Proposal:
    """A change that waits for a second person."""

    row: FlagProposalRow
    target: Target
    standing: Value | None
    proposed_by: str


@dataclass(frozen=True)
class Found:
    """What one person gets; `person` is None where nobody has the address."""

    person: PersonRow | None
    reading: Reading | None = None
    layers: Sequence[Override] = ()


def all_lines() -> list[Line]:
    """Every flag that code asks for."""
    session = database.session()
    truth, uses, at = flag.read_truth(session), flag_use.uses(session), now(session)
    waiting = [one.key for one in flag_proposal.open_ones(session)]
    lines = []
    for one in FLAGS.values():
        overrides, use = truth.of(one), uses.get(one.key)
        everyone = overrides.pop((Level.EVERYONE, ""), None)
        lines.append(
            Line(
                one,
                everyone,
                len(overrides),
                waiting.count(one.key),
                use.last_read_at if use else None,
                use is not None and is_unused(use.last_read_at, use.counted_since, at),
                is_overdue(one, at.date()),
            )
        )
    return lines


def roll_at(revision: int) -> RollCall:
    """Which processes go by the flags of this revision, as far as this one has heard. Waits for nobody."""
    return call_roll(flag_copy().roll(), revision)


def is_overdue(one: Flag, today: date) -> bool:
    """Whether the day has passed by which the code should ask for the flag no more."""
    return one.expires is not None and one.expires < today


def overrides_of(one: Flag) -> list[Override]:
    """Everyone first, then every department, then the people for whom something is set."""
    session = database.session()
    overrides = flag.read_truth(session).of(one)
    names = Names()
    keys = [(Level.EVERYONE, "")]
    keys += [(Level.DEPARTMENT, row.id) for row in department.all_departments(session)]
    keys += sorted(
        (key for key in overrides if key[0] is Level.PERSON), key=lambda key: _target(names, *key).name
    )
    last = {}
    for change in reversed(flag.changes(session, one, _LOOK_BACK)):
        last[(Level(change.level), change.subject)] = change
    return [
        Override(
            _target(names, *key),
            overrides.get(key),
            newest := last.get(key),
            names.changer(newest.changed_by if newest else None),
        )
        for key in keys
    ]


def story_of(one: Flag) -> list[Change]:
    """The latest changes, the newest first, each with what stood before it."""
    changes = flag.changes(database.session(), one, _LOOK_BACK)
    names, all_read = Names(), len(changes) < _LOOK_BACK
    story = []
    for position, row in enumerate(changes[:STORY]):
        earlier = next(
            (old for old in changes[position + 1 :] if (old.level, old.subject) == (row.level, row.subject)),
            None,
        )
        target = _target(names, Level(row.level), row.subject)
        before, known = earlier.value if earlier else None, earlier is not None or all_read
        confirmed_by = names.changer(row.confirmed_by) if row.confirmed_by else ""
        story.append(Change(row, target, before, known, names.changer(row.changed_by), confirmed_by))
    return story


def changes_since(wish: Wish) -> list[Change]:
    """What others changed for whom a change is for, since the person who wants it saw the flag; the newest first."""
    return [
        one
        for one in story_of(wish.flag)
        if (one.row.level, one.row.subject) == (wish.level, wish.subject)
        and one.row.revision > (wish.seen_revision or 0)
    ]


def proposals_of(one: Flag) -> list[Proposal]:
    """What waits for a second person, beside what stands now."""
    session = database.session()
    overrides, names, found = flag.read_truth(session).of(one), Names(), []
    for row in flag_proposal.open_ones(session, one):
        if row.level == flag_proposal.FOR_ROLLOUT:
            target, standing = _some_first(UUID(row.subject)), None
        else:
            standing = overrides.get((Level(row.level), row.subject))
            target = _target(names, Level(row.level), row.subject)
        found.append(
            Proposal(row, target, standing.value if standing else None, names.changer(row.proposed_by))
        )
    return found


def _some_first(rollout_id: UUID) -> Target:
    """Whom a rollout would reach, as its steps say."""
    names = department.names(database.session())
    steps = [
        f"{step.share.normalize():f} % "
        + (", ".join(names.get(each, each) for each in step.departments) or str(_("of everyone")))
        for step in rollout.by_id(database.session(), rollout_id).as_plan.steps
    ]
    return Target(Level.EVERYONE, "", str(_("a rollout: %(steps)s", steps="; ".join(steps))))


def look_up(one: Flag, mail: str) -> Found:
    """What a person gets and why, as far as Postgres knows: the truth that a deciding worker reads."""
    session = database.session()
    person = people.by_email(session, mail) if "\x00" not in mail else None
    if person is None:
        return Found(None)
    truth = flag.read_truth(session)
    overrides, names = truth.of(one), Names()
    reading = truth.read(one, str(person.id), person.department_id)
    keys = ((Level.PERSON, str(person.id)), (Level.DEPARTMENT, person.department_id), (Level.EVERYONE, ""))
    return Found(person, reading, [Override(_target(names, *key), overrides.get(key)) for key in keys])


def _target(names: Names, level: Level, subject: str) -> Target:
    """Whom an override is for; somebody who is gone stays named by id."""
    if level is Level.EVERYONE:
        return Target(level, "", str(_("Everyone")))
    if level is Level.DEPARTMENT:
        return Target(level, subject, names.departments.get(subject, subject))
    person = names.people.get(subject)
    return Target(level, subject, person.name if person else subject, person.email if person else "")
