"""Hires the people of the small company that tests speak of; who they are stands in tests/app/people.py."""

from __future__ import annotations

from sqlalchemy.orm import Session

from rules.person import Role
from storage.department import Department
from storage.person import PersonRow
from tests.app.people import Company, make_person


def hire(session: Session) -> Company:
    """Write departments and people into the caller's transaction."""
    for slug, name in (("it", "IT"), ("marketing", "Marketing"), ("finance", "Finance")):
        session.add(Department(id=slug, name=name))
    session.flush()

    def add(row: PersonRow) -> PersonRow:
        session.add(row)
        session.flush()
        return row

    employee, manager = Role.EMPLOYEE, Role.MANAGER
    hugo = add(make_person("Hugo Herrera", "marketing", employee, manager))
    bruno = add(make_person("Bruno Blanco", "marketing", employee, manager, manager=hugo))
    ivan = add(make_person("Ivan Iglesias", "it", employee, manager, manager=hugo))
    return Company(
        ana=add(make_person("Ana Alonso", "marketing", employee, manager=bruno)),
        bruno=bruno,
        carla=add(make_person("Carla Cruz", "finance", employee, Role.FINANCE, manager=hugo)),
        diego=add(make_person("Diego Duran", "finance", employee, Role.FINANCE, manager=hugo)),
        elena=add(make_person("Elena Esteban", "it", employee, Role.PLATFORM, manager=ivan)),
        felix=add(make_person("Felix Ferrer", "finance", Role.AUDITOR, manager=hugo)),
        greta=add(make_person("Greta Gil", "it", Role.ADMIN, manager=hugo)),
        hugo=hugo,
        ivan=ivan,
        julia=add(make_person("Julia Jimenez", "it", employee, manager=ivan)),
    )
