"""The people of a small company, with names and standing."""

from __future__ import annotations

from dataclasses import dataclass

from argon2 import PasswordHasher

from rules.person import Role
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
