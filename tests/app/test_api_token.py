"""Tokens from the command line: made, listed without their secret, and revoked for good."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.api_token import main
from storage import api_token
from storage.audit import AuditRow
from tests.app.people import Company
from tests.app.typed import Said, typed


@pytest.fixture
def url(database_url: str, company: Company) -> str:
    return database_url


def run(url: str, *arguments: str) -> Said:
    return typed(main, url, *arguments)


def test_a_token_is_made_listed_without_its_secret_and_revoked(
    url: str, company: Company, sessions: sessionmaker[Session]
) -> None:
    whose = ["--email", company.elena.email]
    made = run(url, "add", *whose, "--name", "release-pipeline")
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    with sessions.begin() as session:
        assert api_token.find(session, token) is not None
    listed = run(url, "list", *whose)
    assert "release-pipeline  platform  open until" in listed.stdout
    assert "never used" in listed.stdout
    assert token not in listed.stdout

    token_id = listed.stdout.split()[0]
    revoked = run(url, "revoke", token_id)
    assert revoked.returncode == 0, revoked.stderr
    with sessions.begin() as session:
        assert api_token.find(session, token) is None
        entries = session.scalars(select(AuditRow).where(AuditRow.action == "token.revoked")).all()
        assert [(one.detail["token"], one.detail["person"]) for one in entries] == [
            (token_id, str(company.elena.id))
        ]
    assert "revoked" in run(url, "list").stdout
    assert "revoked before" in run(url, "revoke", token_id).stdout


def test_what_is_wrong_is_named_and_the_exit_code_says_so(url: str) -> None:
    unknown = run(url, "revoke", "0190d4c2-0000-7000-8000-000000000000")
    assert (unknown.returncode, unknown.stderr.startswith("token: There is no token")) == (1, True)
    nobody = run(url, "list", "--email", "nobody@example.org")
    assert (nobody.returncode, nobody.stderr) == (1, "email: Nobody has the address nobody@example.org.\n")
    assert run(url, "list").stdout == "There is no token.\n"
