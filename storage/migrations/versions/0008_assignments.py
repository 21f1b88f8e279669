"""Assignments: what a rollout of a policy or a flag gives each request; candidates; what a review went by"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The way forward. Old code takes the newest version for the one in force: save no candidate while it runs."""
    op.create_table(
        "assignment",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("rollout_id", sa.Uuid(), nullable=False),
        sa.Column("chosen", sa.Boolean(), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("share", sa.Numeric(4, 1), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name=op.f("fk_assignment_request_id")),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name=op.f("fk_assignment_rollout_id")),
        sa.PrimaryKeyConstraint("request_id", "rollout_id", name=op.f("pk_assignment")),
    )
    op.create_index("ix_assignment_rollout_id_at", "assignment", ["rollout_id", "at"])
    op.add_column(
        "rule_set", sa.Column("is_candidate", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("rule_set", sa.Column("replaces_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_rule_set_replaces_id"), "rule_set", "rule_set", ["replaces_id"], ["id"])
    op.add_column(
        "review",
        sa.Column(
            "rollouts",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
    )
