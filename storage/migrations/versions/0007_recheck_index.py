"""Automatic approvals by their end and draw: the menu counts what waits to be looked at again on every page"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The way forward; old code reads the same rows, only slower."""
    op.create_index(
        "ix_review_finished_at_draw",
        "review",
        ["finished_at", sa.text("recheck_draw(request_id)")],
        postgresql_where=sa.text("auto_approved"),
    )
    op.drop_index("ix_review_finished_at", "review")
