"""Departments. Knows their names; what they may spend is policy."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from storage.database import Base


class Department(Base):
    """A department; its id is a short word such as `it`."""

    __tablename__ = "department"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


def all_departments(session: Session) -> Sequence[Department]:
    """Every department by name."""
    return session.scalars(select(Department).order_by(Department.name)).all()


def names(session: Session) -> dict[str, str]:
    """Department id -> name."""
    return {department.id: department.name for department in all_departments(session)}
