"""Processes: definitions in versions, runs with what became of each node, tasks, messages, callbacks, large values"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The way forward; old code neither reads nor writes any of it."""
    _definitions()
    _runs()
    _steps()
    _tasks()
    _messages()
    # Whoever asks, and with whatever role: what runs follow stays as it was deployed.
    op.execute(
        """
        CREATE FUNCTION refuse_to_change_deployed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP = 'DELETE' THEN
            IF OLD.state IN ('deployed', 'retired') THEN
              RAISE EXCEPTION 'version % of % was deployed and stays', OLD.version, OLD.process_key;
            END IF;
            RETURN OLD;
          END IF;
          IF (NEW.process_key, NEW.version, NEW.author_id) IS DISTINCT FROM
             (OLD.process_key, OLD.version, OLD.author_id) THEN
            RAISE EXCEPTION 'a version keeps its name and its author';
          END IF;
          IF OLD.state IN ('deployed', 'retired') AND (
               (NEW.content, NEW.sha256, NEW.revision, NEW.editor_ids) IS DISTINCT FROM
               (OLD.content, OLD.sha256, OLD.revision, OLD.editor_ids)
               OR NEW.state NOT IN ('deployed', 'retired')) THEN
            RAISE EXCEPTION 'version % of % was deployed and stays as it is', OLD.version, OLD.process_key;
          END IF;
          IF NEW.state = 'deployed' AND OLD.state NOT IN ('checked', 'retired', 'deployed') THEN
            RAISE EXCEPTION 'version % of % was not checked', OLD.version, OLD.process_key;
          END IF;
          IF NEW.state = 'deployed' AND NEW.deployed_by = ANY (NEW.editor_ids) THEN
            RAISE EXCEPTION 'version % of % needs a second person', OLD.version, OLD.process_key;
          END IF;
          IF OLD.state = 'checked' AND NEW.content IS DISTINCT FROM OLD.content AND NEW.state <> 'draft' THEN
            RAISE EXCEPTION 'version % of % has to be checked anew', OLD.version, OLD.process_key;
          END IF;
          RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER process_version_stays BEFORE UPDATE OR DELETE ON process_version
        FOR EACH ROW EXECUTE FUNCTION refuse_to_change_deployed()
        """
    )


def _definitions() -> None:
    op.create_table(
        "process",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("department_id", sa.Text(), nullable=True),
        sa.Column("deployed_version", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_process_created_by")),
        sa.ForeignKeyConstraint(["department_id"], ["department.id"], name=op.f("fk_process_department_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_process")),
    )
    op.create_table(
        "process_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("process_key", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("editor_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deployed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deployed_by", sa.Uuid(), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["author_id"], ["person.id"], name=op.f("fk_process_version_author_id")),
        sa.ForeignKeyConstraint(["deployed_by"], ["person.id"], name=op.f("fk_process_version_deployed_by")),
        sa.ForeignKeyConstraint(
            ["process_key"], ["process.key"], name=op.f("fk_process_version_process_key")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_version")),
    )
    op.create_index(
        "uq_process_version_one_open",
        "process_version",
        ["process_key"],
        unique=True,
        postgresql_where=sa.text("state IN ('draft', 'checked')"),
    )
    op.create_index(
        "uq_process_version_process_key_version", "process_version", ["process_key", "version"], unique=True
    )


def _runs() -> None:
    op.create_table(
        "process_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("process_key", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("given", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("start_key", sa.Text(), nullable=True),
        sa.Column("started_by", sa.Uuid(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("parent_node", sa.Text(), nullable=True),
        sa.Column("parent_iteration", sa.Integer(), nullable=True),
        sa.Column("chain", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("state", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("awaiting", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("outcome", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column(
            "variables",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("failed_by", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("error", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["parent_id"], ["process_run.id"], name=op.f("fk_process_run_parent_id")),
        sa.ForeignKeyConstraint(["process_key"], ["process.key"], name=op.f("fk_process_run_process_key")),
        sa.ForeignKeyConstraint(["started_by"], ["person.id"], name=op.f("fk_process_run_started_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_run")),
    )
    op.create_index(
        "ix_process_run_open",
        "process_run",
        ["started_at"],
        unique=False,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index(
        "ix_process_run_process_key_started_at", "process_run", ["process_key", "started_at"], unique=False
    )
    op.create_index(
        "ix_process_run_parent", "process_run", ["parent_id", "parent_node", "parent_iteration"], unique=False
    )
    op.create_index("uq_process_run_start_key", "process_run", ["process_key", "start_key"], unique=True)


def _steps() -> None:
    op.create_table(
        "process_step",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column(
            "given", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "output", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("error", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("why", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("operated_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["operated_by"], ["person.id"], name=op.f("fk_process_step_operated_by")),
        sa.ForeignKeyConstraint(["run_id"], ["process_run.id"], name=op.f("fk_process_step_run_id")),
        sa.PrimaryKeyConstraint("run_id", "node", "iteration", name=op.f("pk_process_step")),
    )
    op.create_index(
        "ix_process_step_incident",
        "process_step",
        ["began_at"],
        unique=False,
        postgresql_where=sa.text("status = 'incident'"),
    )


def _tasks() -> None:
    op.create_table(
        "process_task",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("seat", sa.Integer(), nullable=False),
        sa.Column("seat_group", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("requester_id", sa.Uuid(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agrees", sa.Boolean(), nullable=True),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(person_id IS NULL) <> (role = '')", name=op.f("ck_process_task_asks_one")),
        sa.CheckConstraint(
            "(agrees IS NULL) = (answered_at IS NULL)", name=op.f("ck_process_task_answer_has_a_time")
        ),
        sa.ForeignKeyConstraint(["answered_by"], ["person.id"], name=op.f("fk_process_task_answered_by")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_process_task_person_id")),
        sa.ForeignKeyConstraint(["requester_id"], ["person.id"], name=op.f("fk_process_task_requester_id")),
        sa.ForeignKeyConstraint(["run_id"], ["process_run.id"], name=op.f("fk_process_task_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_task")),
    )
    op.create_index(
        "ix_process_task_open_person_id",
        "process_task",
        ["person_id"],
        unique=False,
        postgresql_where=sa.text("answered_at IS NULL AND withdrawn_at IS NULL"),
    )
    op.create_index(
        "ix_process_task_open_role",
        "process_task",
        ["role"],
        unique=False,
        postgresql_where=sa.text("answered_at IS NULL AND withdrawn_at IS NULL"),
    )
    op.create_index(
        "uq_process_task_seat",
        "process_task",
        ["run_id", "node", "iteration", "attempt", "seat"],
        unique=True,
    )


def _messages() -> None:
    op.create_table(
        "process_message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("message_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("output", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("error", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("sent_by", sa.Uuid(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["process_run.id"], name=op.f("fk_process_message_run_id")),
        sa.ForeignKeyConstraint(["sent_by"], ["person.id"], name=op.f("fk_process_message_sent_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_message")),
    )
    op.create_index(
        "ix_process_message_node", "process_message", ["run_id", "node", "iteration"], unique=False
    )
    op.create_index(
        "uq_process_message_message_key", "process_message", ["run_id", "message_key"], unique=True
    )
    op.create_table(
        "process_callback",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["process_run.id"], name=op.f("fk_process_callback_run_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_process_callback")),
    )
    op.create_index(
        "ix_process_callback_node", "process_callback", ["run_id", "node", "iteration"], unique=False
    )
    op.create_table(
        "process_value",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_process_value")),
    )
