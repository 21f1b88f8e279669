"""The database session of a web request. A view commits once; whatever it did not commit is rolled back."""

from __future__ import annotations

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Session

from storage.database import Base, engine_options

db = SQLAlchemy(
    metadata=Base.metadata,  # our tables stay on storage's own base; only engine and session are needed here
    session_options={"expire_on_commit": False},
    engine_options=engine_options(),
)


def session() -> Session:
    """This request's session, as the functions of storage/ take it."""
    current: Session = db.session()
    return current


def commit() -> None:
    """End the view's one transaction well."""
    session().commit()
