"""Accounts opened from the command line: the way to the first administrator."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.add_person import main
from app.password import is_password
from storage import person
from tests.app.typed import Said, typed

ROOT = Path(__file__).parents[2]
PASSWORD = "a kettle, a lamp and a map"


def add(database_url: str, *arguments: str, password: str = PASSWORD) -> Said:
    return typed(main, database_url, *arguments, answer=password)


def test_the_first_administrator_is_added_and_can_log_in(
    database_url: str, sessions: sessionmaker[Session]
) -> None:
    added = subprocess.run(
        [
            sys.executable, "-m", "app.add_person", "--name", "Greta Gil", "--email", "Greta@Example.org",
            "--department", "it=IT", "--role", "admin",
        ],
        cwd=ROOT,
        env={**os.environ, "VISTOBUENO_MODE": "local", "SECRET_KEY": "k" * 40, "DATABASE_URL": database_url},
        input=f"{PASSWORD}\n", text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    assert "greta@example.org" in added.stdout
    with sessions.begin() as session:
        row = person.by_email(session, "greta@example.org")
        assert row is not None
        assert (row.roles, row.department_id) == (["admin"], "it")
        assert is_password(PASSWORD, row.password_hash)


@pytest.mark.parametrize(
    ("arguments", "password", "said"),
    [
        (["--role", "king"], PASSWORD, "roles: There is no such role."),
        (["--role", "auditor", "--role", "finance"], PASSWORD, "must not be in one hand"),
        (["--role", "employee"], "short", "password: Please use at least"),
        (["--role", "employee", "--manager", "nobody@example.org"], PASSWORD, "manager: Nobody has"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(
    database_url: str, sessions: sessionmaker[Session], arguments: list[str], password: str, said: str
) -> None:
    refused = add(
        database_url,
        "--name", "Ana Alonso", "--email", "ana@example.org", "--department", "it", *arguments,
        password=password,
    )  # fmt: skip
    assert refused.returncode == 1
    assert said in refused.stderr
    with sessions.begin() as session:
        assert person.by_email(session, "ana@example.org") is None


def test_one_address_is_one_account(database_url: str) -> None:
    once = ["--name", "Ana Alonso", "--email", "ana@example.org", "--department", "it", "--role", "employee"]
    assert add(database_url, *once).returncode == 0
    twice = add(database_url, *once)
    assert twice.returncode == 1
    assert "has an account already" in twice.stderr
