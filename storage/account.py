"""Changes to accounts: open, lock, unlock, roles. Each is audited; a change ends sessions. Decides nothing."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from rules.errors import Invalid, NotFound
from rules.person import Role
from storage import audit
from storage import session as logins
from storage.audit import Actor
from storage.department import Department
from storage.person import PersonRow, by_email, fold_email


class AddressTaken(Invalid):
    """One mailbox is one account."""


def held(session: Session, person_id: UUID) -> PersonRow:
    """The person, held until the transaction ends; raises NotFound."""
    row = session.get(PersonRow, person_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("There is no such person.")
    return row


def lock(session: Session, row: PersonRow, actor: Actor, why: str) -> bool:
    """Shut somebody out at once; False where they were already."""
    if row.locked_at is not None:
        return False
    row.locked_at = session.execute(select(func.now())).scalar_one()
    ended = logins.end_all(session, row.id)
    audit.record(session, actor, "person.locked", person=str(row.id), why=why, sessions_ended=ended)
    return True


def unlock(session: Session, row: PersonRow, actor: Actor, why: str) -> bool:
    """Let somebody in again; False where they were not locked out."""
    if row.locked_at is None:
        return False
    row.locked_at = None
    audit.record(session, actor, "person.unlocked", person=str(row.id), why=why)
    return True


def set_roles(session: Session, row: PersonRow, roles: Collection[Role], actor: Actor, why: str) -> bool:
    """Give somebody exactly these roles; False where they hold them already.

    Every session of theirs ends, so that nothing opened under the old roles stays open.
    """
    before, after = set(row.roles), {role.value for role in roles}
    if before == after:
        return False
    row.roles = sorted(after)
    logins.end_all(session, row.id)
    audit.record(
        session,
        actor,
        "person.roles_changed",
        person=str(row.id),
        granted=sorted(after - before),
        revoked=sorted(before - after),
        why=why,
    )
    return True


def open_account(
    session: Session,
    *,
    name: str,
    email: str,
    password_hash: str,
    department: tuple[str, str],
    roles: Collection[Role],
    manager_id: UUID | None,
    actor: Actor,
) -> PersonRow:
    """Let a new person in; the department is made where it is not there yet.

    Args:
        department: its id and the name it gets if it is new.

    Raises:
        AddressTaken: somebody has an account under this address.
    """
    if by_email(session, email) is not None:
        raise AddressTaken(f"{email} has an account already.", "email")
    department_id, department_name = department
    session.execute(
        insert(Department).values(id=department_id, name=department_name).on_conflict_do_nothing()
    )
    row = PersonRow(
        name=name,
        email=fold_email(email),
        password_hash=password_hash,
        roles=sorted(role.value for role in roles),
        department_id=department_id,
        manager_id=manager_id,
    )
    session.add(row)
    session.flush()
    audit.record(session, actor, "person.added", person=str(row.id), roles=row.roles)
    return row
