"""Moves of runs to another version of their process; the list of all runs, the newest first"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The way forward; old code neither reads nor writes it."""
    op.create_table(
        "process_move",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("process_key", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["process_key"], ["process.key"], name=op.f("fk_process_move_process_key")),
        sa.ForeignKeyConstraint(["asked_by"], ["person.id"], name=op.f("fk_process_move_asked_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_move")),
    )
    op.create_index("ix_process_move_process_key", "process_move", ["process_key", "asked_at"])
    op.create_table(
        "process_move_run",
        sa.Column("move_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("from_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'asked'"), nullable=False),
        sa.Column("node", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("why", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('asked', 'moved', 'stayed')", name=op.f("ck_process_move_run_state")),
        sa.ForeignKeyConstraint(["move_id"], ["process_move.id"], name=op.f("fk_process_move_run_move_id")),
        sa.ForeignKeyConstraint(["run_id"], ["process_run.id"], name=op.f("fk_process_move_run_run_id")),
        sa.PrimaryKeyConstraint("move_id", "run_id", name=op.f("pk_process_move_run")),
    )
    op.create_index("ix_process_move_run_run_id", "process_move_run", ["run_id"])
    op.create_index(
        "uq_process_move_run_asked",
        "process_move_run",
        ["run_id"],
        unique=True,
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.create_index("ix_process_run_started_at", "process_run", ["started_at", "id"])
