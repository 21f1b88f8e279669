"""Rollouts of a process: which version each run was given and why; what a rollout gave to anybody stays as it is"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The way forward. Old code knows no such rollout: begin none while it runs."""
    op.create_table(
        "process_assignment",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("rollout_id", sa.Uuid(), nullable=False),
        sa.Column("chosen", sa.Boolean(), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("share", sa.Numeric(4, 1), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["process_run.id"], name=op.f("fk_process_assignment_run_id")),
        sa.ForeignKeyConstraint(
            ["rollout_id"], ["rollout.id"], name=op.f("fk_process_assignment_rollout_id")
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_process_assignment")),
    )
    op.create_index("ix_process_assignment_rollout_id_at", "process_assignment", ["rollout_id", "at"])
    # Runs that were given it stay on it, so it stays even after the rollout has ended.
    op.execute(
        """
        CREATE FUNCTION refuse_to_change_given() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF EXISTS (
            SELECT FROM rollout WHERE kind = 'process' AND target = OLD.process_key
              AND content ->> 'version' = OLD.version::text
              AND (exposed_at IS NOT NULL OR state NOT IN ('aborted', 'promoted', 'returned'))
          ) THEN
            RAISE EXCEPTION 'version % of % is or was given to some and stays as it is', OLD.version, OLD.process_key;
          END IF;
          IF TG_OP = 'DELETE' THEN
            RETURN OLD;
          END IF;
          RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER process_version_stays_as_given BEFORE UPDATE ON process_version FOR EACH ROW
        WHEN ((NEW.content, NEW.sha256, NEW.revision, NEW.editor_ids) IS DISTINCT FROM
              (OLD.content, OLD.sha256, OLD.revision, OLD.editor_ids) OR NEW.state = 'draft')
        EXECUTE FUNCTION refuse_to_change_given()
        """
    )
    op.execute(
        """
        CREATE TRIGGER process_version_that_was_given_stays BEFORE DELETE ON process_version
        FOR EACH ROW EXECUTE FUNCTION refuse_to_change_given()
        """
    )
