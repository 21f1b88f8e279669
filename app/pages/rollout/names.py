"""The names behind the ids on the pages of a release: people, departments, whom a rule is for."""

from __future__ import annotations

from uuid import UUID

from flask_babel import gettext as _

from app import database
from rules.routing import Rule
from storage import department
from storage import person as people


class Names:
    """The names behind ids, each kind looked up once."""

    def __init__(self) -> None:
        session = database.session()
        self.departments = department.names(session)
        self.people = {str(row.id): row for row in people.all_people(session)}

    @property
    def mails(self) -> dict[str, str]:
        """Person id -> mail address."""
        return {person_id: row.email for person_id, row in self.people.items()}

    @property
    def ids(self) -> dict[str, str]:
        """Mail address -> person id."""
        return {row.email: person_id for person_id, row in self.people.items()}

    def changer(self, person_id: UUID | None) -> str:
        """Who changed something."""
        person = self.people.get(str(person_id)) if person_id is not None else None
        if person is None:
            return str(_("the system")) if person_id is None else str(person_id)
        return person.name

    def whom(self, rule: Rule) -> str:
        """Whom a rule is for."""
        named = [self.people[one].name if one in self.people else one for one in rule.people]
        groups = " / ".join(
            part
            for part in (
                ", ".join(self.departments.get(one, one) for one in rule.departments),
                ", ".join(rule.roles),
            )
            if part
        )
        whom = "; ".join(part for part in (", ".join(named), groups) if part) or str(_("everyone"))
        if rule.amount_above is not None:
            whom = str(_("%(whom)s, above %(amount)s", whom=whom, amount=rule.amount_above))
        return whom
