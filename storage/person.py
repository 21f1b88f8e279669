"""People as they are stored. Who may do what is decided in rules/person.py."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Text, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.person import Person, Role
from storage.database import Base, new_id
from storage.department import Department


class PersonRow(Base):
    """A person with an account.

    Attributes:
        email: folded (NFKC, case) so that one mailbox is one account.
        locked_at: since when the account may not be used; None while it may.
    """

    __tablename__ = "person"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    department_id: Mapped[str] = mapped_column(ForeignKey(Department.id), index=True)
    manager_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), index=True)
    locked_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    def to_person(self) -> Person:
        """The person as the rules see one."""
        return Person(
            id=self.id,
            name=self.name,
            department_id=self.department_id,
            roles=frozenset(Role(role) for role in self.roles),
            manager_id=self.manager_id,
            active=self.locked_at is None,
        )


def fold_email(email: str) -> str:
    """The form in which addresses are compared: twins by case or Unicode form are one."""
    return unicodedata.normalize("NFKC", email).strip().casefold()


def by_id(session: Session, person_id: UUID) -> PersonRow | None:
    """The person with this id."""
    return session.get(PersonRow, person_id)


def by_email(session: Session, email: str) -> PersonRow | None:
    """The person with this address, however it was typed."""
    return session.scalars(select(PersonRow).where(PersonRow.email == fold_email(email))).one_or_none()


def names(session: Session, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Person id -> name, for the ids that exist."""
    rows = session.execute(select(PersonRow.id, PersonRow.name).where(PersonRow.id.in_(list(ids))))
    return {row.id: row.name for row in rows}


def deciders(session: Session) -> Mapping[UUID, Person]:
    """Everybody an approver line may pass, by id: managers, finance, and whoever somebody reports to."""
    somebodys_manager = select(PersonRow.manager_id).where(PersonRow.manager_id.is_not(None))
    rows = session.scalars(
        select(PersonRow).where(
            or_(
                PersonRow.roles.overlap([Role.MANAGER.value, Role.FINANCE.value]),
                PersonRow.id.in_(somebodys_manager),
            )
        )
    )
    return {row.id: row.to_person() for row in rows}


def holding(session: Session, role: Role) -> Sequence[PersonRow]:
    """Everybody with a role whose account may be used, by name."""
    query = select(PersonRow).where(PersonRow.roles.contains([role.value]), PersonRow.locked_at.is_(None))
    return session.scalars(query.order_by(PersonRow.name, PersonRow.id)).all()


def all_people(session: Session) -> Sequence[PersonRow]:
    """Everybody by name."""
    return session.scalars(select(PersonRow).order_by(PersonRow.name, PersonRow.id)).all()
