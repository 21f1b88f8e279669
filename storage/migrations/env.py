"""Alembic's entry: runs the versions on the connection that storage/migrate.py hands over."""

from __future__ import annotations

import importlib
import pkgutil

from alembic import context

import storage
from storage.database import Base

for module in pkgutil.iter_modules(storage.__path__):
    if module.name not in {"migrations", "migrate"}:
        importlib.import_module(f"storage.{module.name}")

connection = context.config.attributes["connection"]
if connection is None:
    raise RuntimeError("run migrations with `python -m storage.migrate`")

context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
