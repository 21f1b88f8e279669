"""Flags of every type: values as JSON with an end, proposals for a second person, when a flag was last read"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(astext_type=sa.Text())


def upgrade() -> None:
    """The way forward. Old code reads a JSON true as it read a true; only its flags page writes in vain."""
    for table, nullable in (("flag_override", False), ("flag_change", True)):
        op.alter_column(
            table,
            "value",
            type_=_JSON,
            existing_type=sa.Boolean(),
            existing_nullable=nullable,
            postgresql_using="to_jsonb(value)",
        )
        op.add_column(table, sa.Column("until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("flag_change", sa.Column("confirmed_by", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_flag_change_confirmed_by"), "flag_change", "person", ["confirmed_by"], ["id"]
    )
    op.create_table(
        "flag_proposal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("value", _JSON, nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["closed_by"], ["person.id"], name=op.f("fk_flag_proposal_closed_by")),
        sa.ForeignKeyConstraint(["proposed_by"], ["person.id"], name=op.f("fk_flag_proposal_proposed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flag_proposal")),
    )
    op.create_index(
        "uq_flag_proposal_open",
        "flag_proposal",
        ["key", "level", "subject"],
        unique=True,
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_table(
        "flag_use",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column(
            "counted_since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("last_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_flag_use")),
    )
