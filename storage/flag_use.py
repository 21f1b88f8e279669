"""When each flag was last read by anybody. Reads are collected in Redis by the copies and kept here."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.flag import FLAGS
from storage.database import Base


class FlagUseRow(Base):
    """When a flag was last read.

    Attributes:
        counted_since: since when its reads are counted; before, nobody can say that it was not read.
        last_read_at: to the minute; None where nobody read it since.
    """

    __tablename__ = "flag_use"

    key: Mapped[str] = mapped_column(primary_key=True)
    counted_since: Mapped[datetime] = mapped_column(server_default=func.now())
    last_read_at: Mapped[datetime | None]


def note_reads(session: Session, keys: Collection[str]) -> None:
    """Note that these flags were read just now; begins to count for flags that are new in the code."""
    session.execute(
        insert(FlagUseRow).values([{"key": key} for key in sorted(FLAGS)]).on_conflict_do_nothing()
    )
    known = sorted(set(keys) & set(FLAGS))
    if known:
        table = FlagUseRow
        session.execute(
            insert(table)
            .values([{"key": key, "last_read_at": func.now()} for key in known])
            .on_conflict_do_update(index_elements=[table.key], set_={"last_read_at": func.now()})
        )


def uses(session: Session) -> dict[str, FlagUseRow]:
    """Flag key -> when it was read."""
    return {row.key: row for row in session.scalars(select(FlagUseRow))}
