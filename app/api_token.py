"""`python -m app.api_token add | list | revoke`: the tokens of programs that act in a person's name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app import command
from rules.errors import NotFound
from rules.request import LONGEST_REASON
from rules.text import clean_text
from storage import api_token, person
from storage.api_token import ApiTokenRow
from storage.audit import SYSTEM
from storage.database import now
from storage.person import PersonRow


def _person(session: Session, email: str) -> PersonRow:
    row = person.by_email(session, email)
    if row is None:
        raise NotFound(f"Nobody has the address {email}.", "email")
    return row


def add(session: Session, given: argparse.Namespace) -> str:
    """Make a token; the answer is the token itself, which is shown this once."""
    row = _person(session, given.email)
    name = clean_text(given.name, "name", LONGEST_REASON)
    return api_token.add(session, row, name, given.role or ["platform"], given.days, SYSTEM)


def list_all(session: Session, given: argparse.Namespace) -> str:
    """One line for each token: its id, whose it is, what for, what it opens, how it stands, when it was used."""
    person_id = _person(session, given.email).id if given.email else None
    found, at = api_token.all_tokens(session, person_id), now(session)
    return "\n".join(_line(row, whose, at) for row, whose in found) or "There is no token."


def _line(row: ApiTokenRow, whose: PersonRow, at: datetime) -> str:
    if row.revoked_at is not None:
        standing = f"revoked {row.revoked_at:%Y-%m-%d}"
    else:
        standing = f"{'open until' if row.expires_at > at else 'ended'} {row.expires_at:%Y-%m-%d}"
    used = f"last used {row.last_used_at:%Y-%m-%d %H:%M} UTC" if row.last_used_at else "never used"
    return f"{row.id}  {whose.email}  {row.name}  {','.join(row.roles)}  {standing}  {used}"


def revoke(session: Session, given: argparse.Namespace) -> str:
    """Close a token from the commit on."""
    done = api_token.revoke(session, given.token, SYSTEM)
    return f"Token {given.token} opens nothing any more." if done else "It was revoked before."


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and do what it says. Exit codes: 0, 1 refused, 2 settings or usage."""
    parser = argparse.ArgumentParser(prog="python -m app.api_token", description=__doc__)
    acts = parser.add_subparsers(required=True)
    adding = acts.add_parser("add", help="make a token and show it once")
    adding.add_argument("--email", required=True, help="the person in whose name it acts")
    adding.add_argument("--name", required=True, help="what the token is for, such as release-pipeline")
    adding.add_argument("--role", action="append", help="may be repeated; default platform")
    adding.add_argument("--days", type=int, default=90, help="how long it opens anything; default 90")
    adding.set_defaults(act=add)
    listing = acts.add_parser("list", help="show every token with its id, never the token itself")
    listing.add_argument("--email", help="only those of this person")
    listing.set_defaults(act=list_all)
    revoking = acts.add_parser("revoke", help="let a token open nothing any more")
    revoking.add_argument("token", type=UUID, help="its id, as `list` shows it")
    revoking.set_defaults(act=revoke)
    given = parser.parse_args(arguments)
    return command.run("api_token", lambda session: given.act(session, given))


if __name__ == "__main__":
    sys.exit(main())
