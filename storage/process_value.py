"""Values that are too large to be carried along by a run, by their hash. Knows nothing of what they mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.errors import NotFound
from rules.process_input import check_plain
from rules.process_value import as_reference, carried, written
from storage.database import Base


class ProcessValueRow(Base):
    """One value, never changed: its name is what it says."""

    __tablename__ = "process_value"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    kept_at: Mapped[datetime] = mapped_column(server_default=func.now())


def keep(session: Session, values: Mapping[str, Any]) -> None:
    """Keep values by their hash, as `rules.process_value.carried` gives them; harmless when repeated."""
    rows = [{"sha256": sha256, "content": written(value)} for sha256, value in values.items()]
    if rows:
        session.execute(insert(ProcessValueRow).values(rows).on_conflict_do_nothing())


def take_in(session: Session, values: Mapping[str, Any], field: str) -> dict[str, Any]:
    """What came from outside, as it is carried along; large values are kept. Raises Invalid."""
    check_plain(values, field)
    along, stored = carried(values)
    keep(session, stored)
    return along


def whole(session: Session, value: Any) -> Any:
    """A value with what its references stand for."""
    reference = as_reference(value)
    if reference is not None:
        return read(session, reference.sha256)
    if isinstance(value, Mapping):
        return {name: whole(session, each) for name, each in value.items()}
    if isinstance(value, list):
        return [whole(session, each) for each in value]
    return value


def read(session: Session, sha256: str) -> Any:
    """A value; raises NotFound."""
    content = session.scalar(select(ProcessValueRow.content).where(ProcessValueRow.sha256 == sha256))
    if content is None:
        raise NotFound(f"There is no value {sha256}.")
    return json.loads(content)
