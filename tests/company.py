"""Hires and finds the people of the small company that tests speak of; who they are stands in tests/app/people.py."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.person import Role
from storage.department import Department
from storage.person import PersonRow
from tests.app.people import Company, make_person


def hire(session: Session) -> Company:
    """Write departments and people into the caller's transaction."""
    session.add_all(
        Department(id=slug, name=name)
        for slug, name in (("it", "IT"), ("marketing", "Marketing"), ("finance", "Finance"))
    )
    session.flush()

    def add(*rows: PersonRow) -> tuple[PersonRow, ...]:
        session.add_all(rows)
        session.flush()  # a manager has an id before others name it
        return rows

    employee, manager = Role.EMPLOYEE, Role.MANAGER
    (hugo,) = add(make_person("Hugo Herrera", "marketing", employee, manager))
    bruno, ivan = add(
        make_person("Bruno Blanco", "marketing", employee, manager, manager=hugo),
        make_person("Ivan Iglesias", "it", employee, manager, manager=hugo),
    )
    ana, carla, diego, elena, felix, greta, julia = add(
        make_person("Ana Alonso", "marketing", employee, manager=bruno),
        make_person("Carla Cruz", "finance", employee, Role.FINANCE, manager=hugo),
        make_person("Diego Duran", "finance", employee, Role.FINANCE, manager=hugo),
        make_person("Elena Esteban", "it", employee, Role.PLATFORM, manager=ivan),
        make_person("Felix Ferrer", "finance", Role.AUDITOR, manager=hugo),
        make_person("Greta Gil", "it", Role.ADMIN, manager=hugo),
        make_person("Julia Jimenez", "it", employee, manager=ivan),
    )
    return Company(ana, bruno, carla, diego, elena, felix, greta, hugo, ivan, julia)


def find(session: Session) -> Company:
    """The people of a database in which they were hired."""
    people = session.scalars(select(PersonRow))
    return Company(**{person.email.partition("@")[0]: person for person in people})
