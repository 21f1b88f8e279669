"""Brings the database to the newest schema and gives the app's role just the rights it needs. Knows no subject."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, make_url, text

from settings import Settings
from storage.database import engine_url

#: Rows that the app may add and read, but never change or delete.
APPEND_ONLY = (
    *("assignment", "audit", "flag_change", "recheck", "recheck_share", "review", "rollout_event"),
    *("process_assignment", "process_value", "routing_change", "rule_set", "submission"),
)
#: One migration at a time, however many processes start.
LOCK = 7_013_250_411


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


def main() -> None:
    """`python -m storage.migrate`: migrate the database that the settings name."""
    settings = Settings.or_exit(os.environ)
    migrate(settings.migration_database_url, settings.database_url)
    sys.stdout.write("The database is at the newest schema.\n")


if __name__ == "__main__":
    main()
