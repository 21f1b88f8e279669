"""`python -m app.add_person`: opens an account from the command line, the first administrator's to begin with."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence

from sqlalchemy.orm import Session

from app import command
from app.password import hash_password
from rules.account import judge_roles
from rules.errors import Invalid
from rules.password import judge_password
from rules.request import LONGEST_REASON
from rules.text import clean_text
from storage import account, person
from storage.audit import SYSTEM
from storage.person import PersonRow


def add_person(session: Session, given: argparse.Namespace, password: str) -> PersonRow:
    """Judge what was given and open the account; raises BusinessError naming what is wrong."""
    name = clean_text(given.name, "name", LONGEST_REASON)
    if given.email.count("@") != 1 or " " in given.email:
        raise Invalid("Please give a mail address such as ana@example.org.", "email")
    manager = person.by_email(session, given.manager) if given.manager else None
    if given.manager and manager is None:
        raise Invalid(f"Nobody has the address {given.manager}.", "manager")
    slug, _, title = given.department.partition("=")
    return account.open_account(
        session,
        name=name,
        email=given.email,
        password_hash=hash_password(judge_password(password, [*name.split(), given.email], "password")),
        department=(slug, title or slug.title()),
        roles=judge_roles(given.role),
        manager_id=manager.id if manager else None,
        actor=SYSTEM,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line; the password comes from the terminal, or from standard input."""
    parser = argparse.ArgumentParser(prog="python -m app.add_person", description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--email", required=True)
    parser.add_argument("--department", required=True, help="its id, such as it; a new one as it=IT")
    parser.add_argument("--role", action="append", required=True, help="may be repeated")
    parser.add_argument("--manager", help="the manager's mail address")
    given = parser.parse_args(arguments)
    asked = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")

    def add(session: Session) -> str:
        row = add_person(session, given, asked)
        return f"{row.name} can log in as {row.email}."

    return command.run("add_person", add)


if __name__ == "__main__":
    sys.exit(main())
