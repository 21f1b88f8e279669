"""Brings the database to the newest schema and gives the app's role just the rights it needs. Knows no subject."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from settings import Settings
from storage.database import engine_url

#: Rows that the app may add and read, but never change or delete.
APPEND_ONLY = (
    *("assignment", "audit", "flag_change", "recheck", "recheck_share", "review", "rollout_event"),
    *("process_assignment", "process_value", "routing_change", "rule_set", "submission"),
)
#: One migration at a time, however many processes start.
LOCK = 7_013_250_411
LOOK_SECONDS = 1.0


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without an ini file; `connection` is what the migrations run on."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def migrate(owner_url: str, app_url: str) -> None:
    """Upgrade to the newest schema and grant the app's role its rights; harmless when repeated.

    Args:
        owner_url: Postgres URL of the role that owns the tables.
        app_url: Postgres URL of the role that the product runs as; may be the owner itself.
    """
    engine = create_engine(
        engine_url(owner_url), connect_args={"options": "-c lock_timeout=5000 -c statement_timeout=60000"}
    )
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            command.upgrade(alembic_config(connection), "head")
            role = make_url(engine_url(app_url)).username
            owner = connection.scalar(text("SELECT current_user"))
            if role and role != owner:
                grant(connection, role)
    finally:
        engine.dispose()


def grant(connection: Connection, role: str) -> None:
    """Give `role` what the product needs and no more: append-only tables cannot be rewritten by it."""
    quoted = connection.dialect.identifier_preparer.quote_identifier(role)
    connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {quoted}"))
    connection.execute(
        text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quoted}")
    )
    connection.execute(text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {quoted}"))
    for table in APPEND_ONLY:
        connection.execute(text(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {quoted}"))
    connection.execute(text(f"REVOKE ALL ON alembic_version FROM {quoted}"))
    connection.execute(text(f"GRANT SELECT ON alembic_version TO {quoted}"))


def why_not_ready(url: str) -> str:
    """Why a process with this code may not use the database yet; an empty text where it may.

    A schema that this code does not know is a newer one: migrations leave what the release before needs.
    """
    scripts = ScriptDirectory.from_config(alembic_config())
    engine = create_engine(engine_url(url), connect_args={"connect_timeout": 5})
    try:
        with engine.connect() as connection:
            revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    except ProgrammingError:
        return "it has no tables of ours, or this role may not read them yet"
    except OperationalError as away:
        return str(away.orig).strip().partition("\n")[0] or "it does not answer"
    finally:
        engine.dispose()
    known = {script.revision for script in scripts.walk_revisions()}
    if revision == scripts.get_current_head() or (revision and revision not in known):
        return ""
    return f"its schema is at {revision or 'nothing'}, this code needs {scripts.get_current_head()}"


def await_tables(url: str, seconds: float) -> str:
    """Wait until the database is ready for this code; why it is still not when the time is over, else an empty text."""
    pause, ends_at = threading.Event(), time.monotonic() + seconds
    while (why := why_not_ready(url)) and time.monotonic() < ends_at:
        pause.wait(LOOK_SECONDS)
    return why


def main() -> int:
    """`python -m storage.migrate`: migrate the database that the settings name; with --wait only await that."""
    parser = argparse.ArgumentParser(prog="python -m storage.migrate", description=__doc__)
    parser.add_argument(
        "--wait", type=float, metavar="SECONDS", help="change nothing; wait until somebody else has migrated"
    )
    asked = parser.parse_args()
    settings = Settings.or_exit(os.environ)
    if asked.wait is None:
        migrate(settings.migration_database_url, settings.database_url)
        sys.stdout.write("The database is at the newest schema.\n")
        return 0
    why = await_tables(settings.database_url, asked.wait)
    if why:
        sys.stderr.write(f"The database is not ready: {why}.\n")
        return 1
    sys.stdout.write("The database is ready.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
