"""Routing rules with their history, and the route of each request"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(astext_type=sa.Text())


def upgrade() -> None:
    """The way forward. Old code submits requests without a route, which go to the current build."""
    op.create_table(
        "routing_rule",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("content", _JSON, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["changed_by"], ["person.id"], name=op.f("fk_routing_rule_changed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routing_rule")),
    )
    op.create_table(
        "routing_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("frozen", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_routing_state_is_the_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routing_state")),
    )
    op.execute("INSERT INTO routing_state (id, mode, frozen) VALUES (1, 'selective', false)")
    op.create_table(
        "routing_change",
        sa.Column("revision", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=True),
        sa.Column("before", _JSON, nullable=True),
        sa.Column("after", _JSON, nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["changed_by"], ["person.id"], name=op.f("fk_routing_change_changed_by")),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_routing_change")),
    )
    op.create_index("ix_routing_change_rule_id_revision", "routing_change", ["rule_id", "revision"])
    op.create_table(
        "route",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("build", sa.Text(), nullable=True),
        sa.Column("variant", sa.Text(), nullable=True),
        sa.Column("rule_id", sa.Uuid(), nullable=True),
        sa.Column("bucket", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("redirected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("redirected_why", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name=op.f("fk_route_request_id")),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_route")),
    )
    op.create_index("ix_route_build_at", "route", ["build", "at"])
    op.create_index("ix_route_rule_id_at", "route", ["rule_id", "at"])
    op.execute(
        "CREATE TRIGGER routing_change_rings AFTER INSERT ON routing_change"
        " FOR EACH STATEMENT EXECUTE FUNCTION ring()"
    )
