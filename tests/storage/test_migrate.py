"""Whether a process may use the database yet: it waits for the tables, and lives with those of a newer release."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from alembic.script import ScriptDirectory
from psycopg import sql

from local import postgres as servers
from local.plan import APP_ROLE, OWNER_ROLE, Plan
from storage.migrate import alembic_config, await_tables, migrate, why_not_ready
from tests.servers import Database

ROOT = Path(__file__).parents[2]


def put_at(database: Database, revision: str) -> None:
    """Say that the tables are at a revision."""
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = %s", [revision])


def test_migrated_tables_are_ready_for_the_role_of_the_product(database: Database) -> None:
    assert why_not_ready(database.url) == ""


def test_tables_of_the_release_before_are_not_ready(database: Database) -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    head = scripts.get_current_head()
    assert head is not None
    before = scripts.get_revision(head).down_revision
    assert isinstance(before, str)
    put_at(database, before)
    assert f"at {before}, this code needs {head}" in why_not_ready(database.url)


def test_tables_of_a_newer_release_are_ready_for_a_build_that_still_runs(database: Database) -> None:
    put_at(database, "9999_of_the_next_release")
    assert why_not_ready(database.url) == ""


def test_an_empty_database_is_not_ready_until_somebody_migrates_it(postgres: Plan) -> None:
    name = f"test_{uuid4().hex}"
    superuser = postgres.database_url(servers.SUPERUSER, "postgres")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OWNER_ROLE))
        )
        try:
            url, owner = postgres.database_url(APP_ROLE, name), postgres.database_url(OWNER_ROLE, name)
            assert "no tables of ours" in await_tables(url, 0)
            migrate(owner, url)
            assert await_tables(url, 0) == ""
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_a_server_that_is_away_is_said_to_be_away() -> None:
    assert "127.0.0.1" in why_not_ready("postgresql://somebody:secret@127.0.0.1:1/nothing")


@pytest.mark.parametrize(("revision", "code", "word"), [(None, 0, "is ready"), ("0001", 1, "is not ready")])
def test_the_command_waits_and_says_why_in_vain(
    environment: dict[str, str], database: Database, revision: str | None, code: int, word: str
) -> None:
    if revision:
        first = ScriptDirectory.from_config(alembic_config()).get_base()
        assert first is not None
        put_at(database, first)
    done = subprocess.run(
        [sys.executable, "-m", "storage.migrate", "--wait", "0"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    assert word in done.stdout + done.stderr
    assert "secret" not in done.stderr
