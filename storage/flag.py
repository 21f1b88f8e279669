"""Feature flags as they are stored: Postgres is the truth. The spread over Redis is in storage/flag_copy.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ForeignKey,
    Identity,
    Index,
    Text,
    and_,
    cast,
    delete,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.errors import NotFound
from rules.flag import FLAGS, Flag, Level, Reading, Setting, Target, Value, chain, read_flag
from rules.flag_change import FlagChangedSinceShown, NeedsSecondPerson, judge_until, judge_value, loosens
from rules.outbox import Kind
from storage import audit, outbox, person
from storage.audit import Actor
from storage.database import Base, new_id
from storage.department import Department
from storage.person import PersonRow


class FlagOverrideRow(Base):
    """What a flag is set to for somebody; the subject of `everyone` is the empty string.

    Attributes:
        until: from then on it counts as not set.
    """

    __tablename__ = "flag_override"

    key: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSONB)
    until: Mapped[datetime | None]


class FlagChangeRow(Base):
    """Every change of a flag; the newest id is the revision of the whole store.

    Attributes:
        value: None where the override was taken away.
        confirmed_by: the second person, where one was needed.
    """

    __tablename__ = "flag_change"
    __table_args__ = (Index("ix_flag_change_key_revision", "key", "revision"),)

    revision: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    key: Mapped[str]
    level: Mapped[str]
    subject: Mapped[str]
    value: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    until: Mapped[datetime | None]
    why: Mapped[str] = mapped_column(server_default=text("''"))
    changed_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    confirmed_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))


class FlagProposalRow(Base):
    """A change that one person may not make alone, waiting for a second; see storage/flag_proposal.py.

    Attributes:
        value: None to take away what is set.
        outcome: None while it is open; confirmed, refused or outdated afterwards.
    """

    __tablename__ = "flag_proposal"
    __table_args__ = (
        Index(
            "uq_flag_proposal_open",
            "key",
            "level",
            "subject",
            unique=True,
            postgresql_where=text("outcome IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    key: Mapped[str]
    level: Mapped[str]
    subject: Mapped[str]
    value: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    until: Mapped[datetime | None]
    why: Mapped[str]
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    outcome: Mapped[str | None]
    closed_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    closed_at: Mapped[datetime | None]


@dataclass(frozen=True)
class Snapshot:
    """The whole flag store at one revision; what has ended is left out.

    Attributes:
        at: when it was read, by the clock of the store that it was read from.
    """

    revision: int
    overrides: Mapping[tuple[str, Level, str], Setting]
    at: datetime = field(compare=False)

    def of(self, flag: Flag) -> dict[Target, Setting]:
        """What is set of one flag, as rules/flag.py reads it."""
        return {(level, subject): v for (key, level, subject), v in self.overrides.items() if key == flag.key}

    def read(
        self,
        flag: Flag,
        person_id: str,
        department_id: str,
        *,
        age: timedelta = timedelta(0),
        assigned: Value | None = None,
    ) -> Reading:
        """What a flag says for a person.

        Args:
            age: how long ago the asking process heard from the store.
            assigned: what a rollout gives the request that is asked about; None where none does.
        """
        return read_flag(
            flag,
            self.of(flag),
            person_id,
            department_id,
            revision=self.revision,
            age=age,
            now=self.at,
            assigned=assigned,
        )


@dataclass(frozen=True)
class Change:
    """A wish to change a flag.

    Attributes:
        subject: a person's id, a department's id, or the empty string for everyone.
        value: None takes away what is set.
        why: what the person who changes it says.
        seen_revision: the revision at which the person saw the flag; None where nobody looked.
    """

    flag: Flag
    level: Level
    subject: str
    value: Value | None
    why: str
    until: datetime | None = None
    seen_revision: int | None = None

    @property
    def setting(self) -> Setting | None:
        """What is to be set, None to take it away."""
        return None if self.value is None else Setting(self.value, self.until)


def known(key: str) -> Flag:
    """The flag with this key; raises NotFound, so that a typo is never a flag."""
    if key not in FLAGS:
        raise NotFound(f"There is no flag {key!r}.")
    return FLAGS[key]


_NEWEST = select(
    func.coalesce(func.max(FlagChangeRow.revision), 0).label("revision"), func.now().label("at")
).subquery()
_OVERRIDES = Base.metadata.tables[FlagOverrideRow.__tablename__]
_TRUTH = select(_NEWEST.c.revision, _NEWEST.c.at, _OVERRIDES).outerjoin(
    _OVERRIDES, or_(_OVERRIDES.c.until.is_(None), _OVERRIDES.c.until > _NEWEST.c.at)
)


def read_truth(session: Session) -> Snapshot:
    """The flag store as it stands in this transaction."""
    rows = session.execute(_TRUTH).all()
    overrides = [row for row in rows if row.key is not None]
    settings = {(row.key, Level(row.level), row.subject): Setting(row.value, row.until) for row in overrides}
    return Snapshot(rows[0].revision, settings, rows[0].at)


def set_value(session: Session, change: Change, actor: Actor, *, confirmed_by: UUID | None = None) -> bool:
    """Make a change; it is spread when the transaction commits. False where it stands so already.

    Args:
        actor: who wants it. The system acts on what people have agreed upon before.
        confirmed_by: the second person.

    Raises:
        Invalid: the flag cannot take the value, or it would end in the past.
        NotFound: there is no such person or department.
        FlagChangedSinceShown: somebody else was faster.
        NeedsSecondPerson: it lets the system spend more, and one person alone wants it.
    """
    lock(session)
    truth, targets = judge(session, change)
    before = truth.of(change.flag).get(targets[0])
    if before == change.setting:
        return False
    alone = actor.id is not None and confirmed_by is None
    if alone and loosens(change.flag, truth.of(change.flag), targets, change.setting, truth.at):
        raise NeedsSecondPerson(
            f"{change.flag.key} lets the system spend money: a second person has to agree."
        )
    _write(session, change)
    row = FlagChangeRow(
        key=change.flag.key,
        level=change.level.value,
        subject=change.subject,
        value=change.value,
        until=change.until,
        why=change.why,
        changed_by=actor.id,
        confirmed_by=confirmed_by,
    )
    session.add(row)
    session.flush()
    _outdate_proposals(session, change)
    detail = described(change) | {"before": before.value if before else None}
    if confirmed_by is None:
        audit.record(session, actor, "flag.set", **detail)
    else:
        audit.record(session, Actor.person(confirmed_by), "flag.set", **detail, proposed_by=str(actor.id))
    outbox.put(session, Kind.SPREAD_FLAGS, None, {})
    return True


def lock(session: Session) -> None:
    """One writer at a time, so that a higher revision never becomes visible before a lower one."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("flag_change"))))


def judge(session: Session, change: Change) -> tuple[Snapshot, Sequence[Target]]:
    """The store as it stands and where is looked for whom the change is for; raises as `set_value` does."""
    truth = read_truth(session)
    if change.value is not None:
        judge_value(change.flag, change.value)
    judge_until(change.until, truth.at)
    targets = chain(change.level, change.subject, _department_of(session, change))
    if change.seen_revision is not None:
        later = select(FlagChangeRow.revision).where(
            FlagChangeRow.key == change.flag.key,
            FlagChangeRow.level == change.level.value,
            FlagChangeRow.subject == change.subject,
            FlagChangeRow.revision > change.seen_revision,
        )
        if session.scalars(later.limit(1)).first() is not None:
            raise FlagChangedSinceShown("Somebody else changed this a moment ago. Please look again.")
    return truth, targets


def described(change: Change) -> dict[str, Any]:
    """A change as the audit trail names it."""
    return {
        "key": change.flag.key,
        "level": change.level.value,
        "subject": change.subject,
        "value": change.value,
        "until": change.until.isoformat() if change.until else None,
        "why": change.why,
    }


def changes(session: Session, flag: Flag, limit: int = 50) -> Sequence[FlagChangeRow]:
    """The history of a flag, the newest first."""
    return session.scalars(
        select(FlagChangeRow)
        .where(FlagChangeRow.key == flag.key)
        .order_by(FlagChangeRow.revision.desc())
        .limit(limit)
    ).all()


def _department_of(session: Session, change: Change) -> str:
    if change.level is Level.DEPARTMENT and session.get(Department, change.subject) is None:
        raise NotFound("There is no such department.")
    if change.level is not Level.PERSON:
        return change.subject
    row = person.by_id(session, _as_id(change.subject))
    if row is None:
        raise NotFound("There is no such person.")
    return row.department_id


def _as_id(subject: str) -> UUID:
    try:
        return UUID(subject)
    except ValueError:
        raise NotFound("There is no such person.") from None


def _write(session: Session, change: Change) -> None:
    target = {"key": change.flag.key, "level": change.level.value, "subject": change.subject}
    if change.value is None:
        session.execute(delete(FlagOverrideRow).filter_by(**target))
        return
    said = {"value": change.value, "until": change.until}
    session.execute(
        insert(FlagOverrideRow)
        .values(target | said)
        .on_conflict_do_update(index_elements=list(target), set_=said)
    )


def _outdate_proposals(session: Session, change: Change) -> None:
    """Close what was proposed when something else stood: nobody agrees to what they have not seen."""
    row = FlagProposalRow
    people = select(cast(PersonRow.id, Text)).where(PersonRow.department_id == change.subject)
    same = and_(row.level == change.level.value, row.subject == change.subject)
    concerned: dict[Level, ColumnElement[bool]] = {
        Level.PERSON: same,
        Level.DEPARTMENT: or_(
            same,
            and_(row.level == Level.PERSON.value, row.subject.in_(people)),
        ),
        Level.EVERYONE: row.key == change.flag.key,
    }
    session.execute(
        update(row)
        .where(row.key == change.flag.key, row.outcome.is_(None), concerned[change.level])
        .values(outcome="outdated", closed_at=func.now())
        .execution_options(synchronize_session=False)
    )
