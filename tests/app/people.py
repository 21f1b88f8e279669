"""The people of a small company, with names and standing."""

from __future__ import annotations

from dataclasses import dataclass

from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from rules.person import Role
from storage.department import Department
from storage.person import PersonRow

PASSWORD = "the quick brown fox, and 9 more"
#: Cheap on purpose: what is tested here is the login, not how long Argon2 takes.
CHEAP_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@dataclass(frozen=True)
class Company:
    """Who works here. Ana buys for Marketing; Bruno is her manager and Hugo is his.

    Carla and Diego are finance, Elena runs the platform, Felix audits, Greta administers accounts.
    Ivan manages IT and has nothing to say in Marketing; Julia buys for IT.
    """

    ana: PersonRow
    bruno: PersonRow
    carla: PersonRow
    diego: PersonRow
    elena: PersonRow
    felix: PersonRow
    greta: PersonRow
    hugo: PersonRow
    ivan: PersonRow
    julia: PersonRow

    def holding(self, role: Role) -> PersonRow:
        """Somebody with this role."""
        return {
            Role.EMPLOYEE: self.ana,
            Role.MANAGER: self.bruno,
            Role.FINANCE: self.carla,
            Role.PLATFORM: self.elena,
            Role.AUDITOR: self.felix,
            Role.ADMIN: self.greta,
        }[role]


def make_person(name: str, department_id: str, *roles: Role, manager: PersonRow | None = None) -> PersonRow:
    return PersonRow(
        name=name,
        email=f"{name.split()[0].lower()}@vistobueno.example",
        password_hash=CHEAP_HASH,
        roles=[role.value for role in roles],
        department_id=department_id,
        manager_id=manager.id if manager else None,
    )


def found_company(session: Session) -> Company:
    """Everybody, and their departments."""
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
