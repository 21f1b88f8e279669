"""The connection to Postgres: engine, sessions, the base of all tables. Knows no subject."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import DateTime, Engine, MetaData, Numeric, Text, create_engine, func, select
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from uuid6 import uuid7

#: How long a statement may run before Postgres gives it up, and how long a connection may take to open.
STATEMENT_TIMEOUT_MILLISECONDS = 5_000
CONNECT_TIMEOUT_SECONDS = 2
#: How long a transaction may do nothing before Postgres ends it: longer than a vendor call takes, so that what
#: a vanished machine held is soon free again, not when TCP gives up after hours.
IDLE_TIMEOUT_MILLISECONDS = 120_000


class Base(DeclarativeBase):
    """What every table descends from; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy reads it from the class)
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
        str: Text,
    }


#: The column type of every amount of money. NaN is kept out by a check on each column.
MONEY = Numeric(12, 3)


class _Cursor(psycopg.Cursor[Any]):
    """Tells of its columns what SQLAlchemy asks at every result, their names and types, and works out nothing else.

    The driver's own makes an object of each column, which took a tenth of a step's processor time.
    """

    @property
    def description(self) -> Any:  # the driver narrows what PEP 249 calls a sequence
        result = self.pgresult
        if result is None or not result.nfields:
            return None
        return [
            ((result.fname(i) or b"").decode(self._encoding), result.ftype(i), None, None, None, None, None)
            for i in range(result.nfields)
        ]


class Dialect(PGDialect_psycopg):
    """SQLAlchemy's, but a rollback leaves alone what is prepared, as Postgres does: each page that only reads ends in one.

    The driver forgets it all, as tables that the transaction made may be gone; ours are made by migrations only.
    """

    supports_statement_cache = True

    def do_rollback(self, dbapi_connection: Any) -> None:
        """End the transaction; one that has failed, or that cannot be ended, is left to the driver."""
        wire = dbapi_connection.pgconn
        if wire.transaction_status == TransactionStatus.INTRANS:
            with dbapi_connection.lock:
                wire.exec_(b"ROLLBACK")
        dbapi_connection.rollback()


_SCHEME = "postgresql+vistobueno"
registry.register(_SCHEME.replace("+", "."), __name__, Dialect.__name__)


def new_id() -> UUID:
    """A UUIDv7: unique, and sorted by the time at which it was made."""
    return UUID(int=uuid7().int)


def engine_options(pool_size: int = 10, name: str = "vistobueno") -> dict[str, Any]:
    """What every engine of the product is made with; the web app hands it to Flask-SQLAlchemy.

    Args:
        name: the process and its build, such as approvals/7f3a; stands in every audit entry.
    """
    return {
        "pool_size": pool_size,
        "max_overflow": pool_size,
        "pool_timeout": 3,
        "pool_pre_ping": False,
        "connect_args": {
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MILLISECONDS}"
            f" -c idle_in_transaction_session_timeout={IDLE_TIMEOUT_MILLISECONDS} -c timezone=UTC",
            "application_name": name,
            "cursor_factory": _Cursor,
        },
    }


def engine_url(url: str) -> str:
    """The URL with our dialect, whatever form of Postgres URL was given."""
    return f"{_SCHEME}://{url.partition('://')[2]}"


def psycopg_url(url: str) -> str:
    """The URL as psycopg reads it, without the name of a driver."""
    return f"postgresql://{url.partition('://')[2]}"


async def lets_in(url: str) -> bool:
    """Whether Postgres lets us in and answers; on a connection of its own, so that a busy pool says no wrong no."""
    try:
        opening = psycopg.AsyncConnection.connect(psycopg_url(url), connect_timeout=CONNECT_TIMEOUT_SECONDS)
        async with await opening as connection:
            await connection.execute("SELECT 1")
    except (psycopg.Error, OSError):
        return False
    return True


def make_engine(url: str, pool_size: int = 10, name: str = "vistobueno") -> Engine:
    """An engine for a Postgres URL; see `engine_options`."""
    return create_engine(engine_url(url), **engine_options(pool_size, name))


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    """A maker of sessions; `with sessions.begin() as session:` is one transaction."""
    return sessionmaker(engine, expire_on_commit=False)


_NOW = select(func.now())


def now(session: Session) -> datetime:
    """The start of the current transaction by the database's clock, in UTC.

    Every stored time comes from here, so that a wrong clock on one machine changes nothing.
    """
    return session.execute(_NOW).scalar_one()
