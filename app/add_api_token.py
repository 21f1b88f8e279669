"""`python -m app.add_api_token`: makes a token for a program, in a person's name, and shows it once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sqlalchemy.orm import Session

from app import command
from rules.errors import NotFound
from rules.request import LONGEST_REASON
from rules.text import clean_text
from storage import api_token, person
from storage.audit import SYSTEM


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, make the token, write it to standard output. Exit codes: 0, 1 refused, 2 settings."""
    parser = argparse.ArgumentParser(prog="python -m app.add_api_token", description=__doc__)
    parser.add_argument("--email", required=True, help="the person in whose name it acts")
    parser.add_argument("--name", required=True, help="what the token is for, such as release-pipeline")
    parser.add_argument("--role", action="append", help="may be repeated; default platform")
    parser.add_argument("--days", type=int, default=90, help="how long it opens anything; default 90")
    given = parser.parse_args(arguments)

    def add(session: Session) -> str:
        row = person.by_email(session, given.email)
        if row is None:
            raise NotFound(f"Nobody has the address {given.email}.", "email")
        name = clean_text(given.name, "name", LONGEST_REASON)
        return api_token.add(session, row, name, given.role or ["platform"], given.days, SYSTEM)

    return command.run("add_api_token", add)


if __name__ == "__main__":
    sys.exit(main())
