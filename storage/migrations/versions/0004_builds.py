"""Builds: what the server was last seen to say of them, and what it does not keep"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The way forward; old code must survive the new schema."""
    op.create_table(
        "build",
        sa.Column("build_id", sa.Text(), nullable=False),
        sa.Column("commit", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'inactive'"), nullable=False),
        sa.Column("percent", sa.Numeric(6, 3), server_default=sa.text("0"), nullable=False),
        _time("first_seen_at", now=True),
        _time("last_seen_at"),
        _time("live_until"),
        sa.Column("workers", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("open_runs", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("finished_runs", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _time("counted_at"),
        sa.Column("gate", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("gate_passed", sa.Boolean(), nullable=True),
        _time("gate_at"),
        _time("gate_begun_at"),
        _time("rejected_at"),
        sa.Column("rejected_why", sa.Text(), nullable=True),
        sa.Column("rejected_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "state IN ('created', 'inactive', 'ramping', 'current', 'draining', 'drained', 'gone')",
            name=op.f("ck_build_state_is_known"),
        ),
        sa.ForeignKeyConstraint(["rejected_by"], ["person.id"], name=op.f("fk_build_rejected_by")),
        sa.PrimaryKeyConstraint("build_id", name=op.f("pk_build")),
    )
    op.create_table(
        "build_route",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("current", sa.Text(), nullable=True),
        sa.Column("ramping", sa.Text(), nullable=True),
        sa.Column("percent", sa.Numeric(6, 3), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        _time("seen_at", now=True),
        _time("checked_at", now=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_build_route")),
    )


def _time(name: str, *, now: bool = False) -> sa.Column[object]:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        server_default=sa.text("now()") if now else None,
        nullable=not now,
    )
