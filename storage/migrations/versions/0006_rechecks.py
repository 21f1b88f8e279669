"""Rechecks: what somebody said who looked again at an automatic approval, and how large a share is drawn"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NOW = sa.text("now()")


def upgrade() -> None:
    """The way forward; old code neither reads nor writes any of it."""
    # The same draw as rules.recheck.draw_of: the first 24 bits of a hash.
    op.execute(
        """
        CREATE FUNCTION recheck_draw(request_id uuid) RETURNS integer
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
          SELECT get_byte(hash, 0) * 65536 + get_byte(hash, 1) * 256 + get_byte(hash, 2)
          FROM (SELECT sha256('recheck'::bytea || uuid_send(request_id)) AS hash) hashed
        $$
        """
    )
    op.create_table(
        "recheck",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("judged_by", sa.Uuid(), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.CheckConstraint("verdict IN ('right', 'wrong')", name=op.f("ck_recheck_verdict_is_known")),
        sa.ForeignKeyConstraint(["judged_by"], ["person.id"], name=op.f("fk_recheck_judged_by")),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name=op.f("fk_recheck_request_id")),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_recheck")),
    )
    op.create_table(
        "recheck_share",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("share", sa.Numeric(4, 1), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("share BETWEEN 0 AND 100", name=op.f("ck_recheck_share_share_is_a_percentage")),
        sa.ForeignKeyConstraint(["changed_by"], ["person.id"], name=op.f("fk_recheck_share_changed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recheck_share")),
    )
    op.create_index("ix_review_finished_at", "review", ["finished_at"])
