"""Rollouts: each with its moves, what workers write down of each stage, ways back, and the tokens of the API"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(astext_type=sa.Text())
_NOW = sa.text("now()")


def upgrade() -> None:
    """The way forward. Old code writes no outcomes, and a rollout of it holds for want of figures."""
    _outcomes()
    _rollouts()
    _ways_back()
    _tokens()
    # What is told of a rollout concerns no request.
    op.alter_column("notification", "request_id", existing_type=sa.Uuid(), nullable=True)


def _outcomes() -> None:
    op.create_table(
        "outcome",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("build_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("activity_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Text(), nullable=True),
        sa.Column("variant", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outcome")),
        sa.UniqueConstraint("run_id", "activity_id", "attempt", "build_id", name="uq_outcome_once"),
    )
    op.create_index("ix_outcome_at", "outcome", ["at"])
    op.create_index("ix_outcome_build_id_at", "outcome", ["build_id", "at"])
    op.create_index("ix_outcome_request_id", "outcome", ["request_id"])


def _rollouts() -> None:
    op.create_table(
        "rollout",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("plan", _JSON, nullable=False),
        sa.Column("content", _JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("before", _JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("step", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("resumes", sa.Text(), nullable=True),
        sa.Column("ends_as", sa.Text(), nullable=True),
        sa.Column("ready", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("why", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("carried", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("gate", _JSON, nullable=True),
        sa.Column("figures", _JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("exposed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_rollout_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollout")),
    )
    op.create_index("ix_rollout_created_at", "rollout", ["created_at"])
    op.create_index(
        "uq_rollout_one_open",
        "rollout",
        ["lane"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('aborted', 'promoted', 'returned')"),
    )
    op.create_table(
        "rollout_event",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("rollout_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("share", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("detail", _JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name=op.f("fk_rollout_event_rollout_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_rollout_event")),
    )
    op.create_index("ix_rollout_event_rollout_id_seq", "rollout_event", ["rollout_id", "seq"])


def _ways_back() -> None:
    op.create_table(
        "build_return",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("build_id", sa.Text(), nullable=False),
        sa.Column("rollout_id", sa.Uuid(), nullable=True),
        sa.Column("freeze_only", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("stable", sa.Text(), nullable=True),
        sa.Column("can_replay", sa.Boolean(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("report", _JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("routed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name=op.f("fk_build_return_rollout_id")),
        sa.ForeignKeyConstraint(["asked_by"], ["person.id"], name=op.f("fk_build_return_asked_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_build_return")),
    )
    op.create_index("ix_build_return_asked_at", "build_return", ["asked_at"])
    op.create_index(
        "ix_build_return_open",
        "build_return",
        ["next_attempt_at"],
        postgresql_where=sa.text("state IN ('asked', 'routed')"),
    )
    op.execute(
        "CREATE TRIGGER build_return_rings AFTER INSERT ON build_return"
        " FOR EACH STATEMENT EXECUTE FUNCTION ring()"
    )


def _tokens() -> None:
    op.create_table(
        "api_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_api_token_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    op.create_index(op.f("ix_api_token_person_id"), "api_token", ["person_id"])
