"""The account behind a request: a person, an address and how long a session of theirs may idle."""

from __future__ import annotations

from dataclasses import dataclass

from rules.person import Person, Role
from storage.person import PersonRow

#: Minutes without use after which a session ends; shorter for people who decide about money.
IDLE_MINUTES = 30
IDLE_MINUTES_OF_DECIDERS = 15


@dataclass(frozen=True)
class Account:
    """What Flask-Login calls a user."""

    person: Person
    email: str

    is_authenticated = True
    is_anonymous = False

    @classmethod
    def of(cls, row: PersonRow) -> Account:
        """The account of a stored person."""
        return cls(row.to_person(), row.email)

    @property
    def is_active(self) -> bool:
        """Whether the account may be used."""
        return self.person.active

    @property
    def idle_minutes(self) -> int:
        """How long a session of this account may stay unused."""
        decides = self.person.roles & {Role.MANAGER, Role.FINANCE}
        return IDLE_MINUTES_OF_DECIDERS if decides else IDLE_MINUTES

    def get_id(self) -> str:
        """The person's id, as Flask-Login asks for it."""
        return str(self.person.id)
