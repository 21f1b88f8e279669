"""What the engine keeps of a connection from one transaction to the next."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from storage.database import psycopg_url
from tests.servers import Database

ASKED_OFTEN = 6  # the driver prepares what was asked five times


def ask(session: Session) -> None:
    session.execute(text("SELECT 1 AS asked_often"))


def test_what_is_prepared_outlives_the_rollback_that_ends_a_page(sessions: sessionmaker[Session]) -> None:
    for _ in range(ASKED_OFTEN):
        with sessions() as session:
            ask(session)
    with sessions() as session:
        named = text("SELECT name FROM pg_prepared_statements WHERE statement = 'SELECT 1 AS asked_often'")
        assert session.execute(named).all()


def test_a_transaction_that_failed_can_be_rolled_back_and_the_connection_used_again(
    sessions: sessionmaker[Session],
) -> None:
    with sessions() as session:
        for _ in range(ASKED_OFTEN):
            with pytest.raises(DBAPIError):
                session.execute(text("SELECT 1 / 0"))
            session.rollback()
            ask(session)


def test_what_was_written_is_gone_after_a_rollback(sessions: sessionmaker[Session]) -> None:
    number = text("SELECT count(*) FROM department WHERE id = 'made up'")
    with sessions() as session:
        session.execute(text("INSERT INTO department (id, name) VALUES ('made up', 'Made up')"))
        assert session.execute(number).scalar_one() == 1
        session.rollback()
        assert session.execute(number).scalar_one() == 0


def test_a_connection_that_was_lost_is_found_out_at_the_rollback_and_replaced(
    sessions: sessionmaker[Session], database: Database
) -> None:
    with sessions() as session:
        number = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with psycopg.connect(psycopg_url(database.url), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [number])
        with pytest.raises(OperationalError):
            session.rollback()
    with sessions() as session:
        ask(session)
