"""Requests that a process decides about: which run and node, its questions, and the process of each department"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The way forward. Old code knows no such request: let no department follow a process while it runs."""
    op.add_column("process_run", sa.Column("request_id", sa.Uuid()))
    op.create_foreign_key("fk_process_run_request_id", "process_run", "request", ["request_id"], ["id"])
    op.create_index("uq_process_run_request_id", "process_run", ["request_id"], unique=True)
    op.add_column("request", sa.Column("run_id", sa.Uuid()))
    op.add_column("request", sa.Column("run_node", sa.Text()))
    op.add_column("request", sa.Column("run_iteration", sa.Integer()))
    op.create_foreign_key("fk_request_run_id", "request", "process_run", ["run_id"], ["id"])
    op.create_index(
        "uq_request_run_node",
        "request",
        ["run_id", "run_node", "run_iteration"],
        unique=True,
        postgresql_where=sa.text("run_node IS NOT NULL"),
    )
    op.add_column("decision", sa.Column("node", sa.Text()))
    op.add_column("decision", sa.Column("iteration", sa.Integer()))
    op.create_table(
        "department_process",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Text(), nullable=False),
        sa.Column("process_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("answered_by", sa.Uuid()),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("ended_by", sa.Uuid()),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["department_id"], ["department.id"], name=op.f("fk_department_process_department_id")
        ),
        sa.ForeignKeyConstraint(
            ["process_key"], ["process.key"], name=op.f("fk_department_process_process_key")
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"], ["person.id"], name=op.f("fk_department_process_proposed_by")
        ),
        sa.ForeignKeyConstraint(
            ["answered_by"], ["person.id"], name=op.f("fk_department_process_answered_by")
        ),
        sa.ForeignKeyConstraint(["ended_by"], ["person.id"], name=op.f("fk_department_process_ended_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_department_process")),
    )
    for state in ("proposed", "followed"):
        op.create_index(
            f"uq_department_process_{state}",
            "department_process",
            ["department_id"],
            unique=True,
            postgresql_where=sa.text(f"state = '{state}'"),
        )
