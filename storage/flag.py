"""Feature flags as they are stored: Postgres is the truth. The spread over Redis is in storage/flag_copy.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, delete, func, select, text, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.errors import NotFound
from rules.flag import FLAGS, Flag, Level
from rules.outbox import Kind
from storage import audit, outbox
from storage.audit import Actor
from storage.database import Base


class FlagOverrideRow(Base):
    """What a flag is set to for somebody; the subject of `everyone` is the empty string."""

    __tablename__ = "flag_override"

    key: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[bool]


class FlagChangeRow(Base):
    """Every change of a flag; the newest id is the revision of the whole store.

    Attributes:
        value: None where the override was taken away.
    """

    __tablename__ = "flag_change"
    __table_args__ = (Index("ix_flag_change_key_revision", "key", "revision"),)

    revision: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    key: Mapped[str]
    level: Mapped[str]
    subject: Mapped[str]
    value: Mapped[bool | None]
    why: Mapped[str] = mapped_column(server_default=text("''"))
    changed_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))


@dataclass(frozen=True)
class Snapshot:
    """The whole flag store at one revision."""

    revision: int
    overrides: Mapping[tuple[str, Level, str], bool]

    def of(self, flag: Flag) -> dict[tuple[Level, str], bool]:
        """The overrides of one flag, as rules/flag.py reads them."""
        return {(level, subject): v for (key, level, subject), v in self.overrides.items() if key == flag.key}


def known(key: str) -> Flag:
    """The flag with this key; raises NotFound, so that a typo is never a flag."""
    if key not in FLAGS:
        raise NotFound(f"There is no flag {key!r}.")
    return FLAGS[key]


def read_truth(session: Session) -> Snapshot:
    """The flag store as it stands in this transaction."""
    newest = select(func.coalesce(func.max(FlagChangeRow.revision), 0).label("revision")).subquery()
    rows = session.execute(
        select(newest.c.revision, FlagOverrideRow).outerjoin(FlagOverrideRow, true())
    ).all()
    overrides = [row for _, row in rows if row is not None]
    return Snapshot(rows[0][0], {(row.key, Level(row.level), row.subject): row.value for row in overrides})


def set_override(
    session: Session, flag: Flag, level: Level, subject: str, value: bool | None, actor: Actor, why: str
) -> None:
    """Set a flag for somebody, or take the override away with None; spread when the transaction commits.

    Args:
        subject: a person's id, a department's id, or the empty string for everyone.
        why: what the person who changes it says.
    """
    # One writer at a time, so that a higher revision never becomes visible before a lower one.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("flag_change"))))
    if value is None:
        session.execute(
            delete(FlagOverrideRow).where(
                FlagOverrideRow.key == flag.key,
                FlagOverrideRow.level == level.value,
                FlagOverrideRow.subject == subject,
            )
        )
    else:
        values: dict[str, Any] = {"key": flag.key, "level": level.value, "subject": subject, "value": value}
        session.execute(
            insert(FlagOverrideRow)
            .values(values)
            .on_conflict_do_update(index_elements=["key", "level", "subject"], set_={"value": value})
        )
    session.add(
        FlagChangeRow(
            key=flag.key, level=level.value, subject=subject, value=value, why=why, changed_by=actor.id
        )
    )
    session.flush()
    audit.record(
        session, actor, "flag.set", key=flag.key, level=level.value, subject=subject, value=value, why=why
    )
    outbox.put(session, Kind.SPREAD_FLAGS, None, {})


def changes(session: Session, flag: Flag, limit: int = 50) -> Sequence[FlagChangeRow]:
    """The history of a flag, the newest first."""
    return session.scalars(
        select(FlagChangeRow)
        .where(FlagChangeRow.key == flag.key)
        .order_by(FlagChangeRow.revision.desc())
        .limit(limit)
    ).all()
