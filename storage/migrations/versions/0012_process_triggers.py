"""Triggers and timetables of processes: rules on events, which Postgres itself writes into the outbox, and planned times"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The way forward. Old code knows no such message: switch no trigger or timetable on while its relay runs."""
    _triggers()
    _timetables()
    _entities()
    _events()
    _events_of_requests()
    _events_of_runs()


def _written() -> list[sa.Column[object]]:
    """Who wrote a rule, and in which revision it stands."""
    moment = sa.DateTime(timezone=True)
    return [
        sa.Column("is_on", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=False),
        sa.Column("changed_at", moment, server_default=sa.text("now()"), nullable=False),
    ]


def _triggers() -> None:
    jsonb = postgresql.JSONB(astext_type=sa.Text())
    op.create_table(
        "process_trigger",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("condition", postgresql.JSONB(astext_type=sa.Text(), none_as_null=True), nullable=True),
        sa.Column("process_key", sa.Text(), nullable=False),
        sa.Column("given", jsonb, nullable=False),
        sa.Column("may_follow_itself", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        *_written(),
        sa.ForeignKeyConstraint(
            ["process_key"], ["process.key"], name=op.f("fk_process_trigger_process_key")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_process_trigger_created_by")),
        sa.ForeignKeyConstraint(["changed_by"], ["person.id"], name=op.f("fk_process_trigger_changed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_trigger")),
    )
    op.create_index("ix_process_trigger_on", "process_trigger", ["entity"], postgresql_where=sa.text("is_on"))
    op.create_table(
        "process_trigger_start",
        sa.Column("trigger_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("entity_id", sa.Text(), nullable=False),
        sa.Column("event", jsonb, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(outcome = 'started') = (run_id IS NOT NULL)", name=op.f("ck_process_trigger_start_run")
        ),
        sa.ForeignKeyConstraint(
            ["trigger_id"], ["process_trigger.id"], name=op.f("fk_process_trigger_start_trigger_id")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["process_run.id"], name=op.f("fk_process_trigger_start_run_id")),
        sa.PrimaryKeyConstraint("trigger_id", "event_id", name=op.f("pk_process_trigger_start")),
    )
    op.create_index(
        "ix_process_trigger_start_rate",
        "process_trigger_start",
        ["trigger_id", "entity_id", "at"],
        postgresql_where=sa.text("outcome = 'started'"),
    )
    op.create_index("ix_process_trigger_start_at", "process_trigger_start", ["trigger_id", "at"])
    op.create_index("uq_process_trigger_start_run_id", "process_trigger_start", ["run_id"], unique=True)


def _timetables() -> None:
    op.create_table(
        "process_timetable",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("process_key", sa.Text(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("overlap", sa.Text(), nullable=False),
        sa.Column("catch_up_seconds", sa.Integer(), nullable=False),
        sa.Column("given", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        *_written(),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("in_line_with", sa.Integer(), nullable=True),
        sa.Column("in_line_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["process_key"], ["process.key"], name=op.f("fk_process_timetable_process_key")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_process_timetable_created_by")),
        sa.ForeignKeyConstraint(["changed_by"], ["person.id"], name=op.f("fk_process_timetable_changed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_timetable")),
    )
    op.create_table(
        "process_timetable_start",
        sa.Column("timetable_id", sa.Uuid(), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(outcome = 'started') = (run_id IS NOT NULL)", name=op.f("ck_process_timetable_start_run")
        ),
        sa.ForeignKeyConstraint(
            ["timetable_id"], ["process_timetable.id"], name=op.f("fk_process_timetable_start_timetable_id")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["process_run.id"], name=op.f("fk_process_timetable_start_run_id")
        ),
        sa.PrimaryKeyConstraint("timetable_id", "planned_at", name=op.f("pk_process_timetable_start")),
    )
    op.create_index("uq_process_timetable_start_run_id", "process_timetable_start", ["run_id"], unique=True)


def _entities() -> None:
    """What events tell of an entity: the same fields as rules/process_trigger_event.py names."""
    op.execute(
        """
        CREATE FUNCTION told_of_request(r request) RETURNS jsonb LANGUAGE sql STABLE AS $$
          SELECT jsonb_build_object(
            'id', r.id, 'number', r.number, 'requester', r.requester_id, 'department', r.department_id,
            'title', r.title, 'asin', r.asin, 'url', r.url, 'vendor', r.vendor, 'seller', r.seller,
            'category', r.category, 'quantity', r.quantity,
            'unit_price', to_char(r.unit_price, 'FM9999999990.009'),
            'amount', to_char(r.amount, 'FM9999999990.009'), 'currency', r.currency, 'reason', r.reason,
            'needed_by', r.needed_by, 'status', r.status, 'auto_approved', r.auto_approved,
            'awaited', r.awaited_id, 'round', r.round, 'closed_reason', r.closed_reason)
        $$
        """
    )
    op.execute(
        """
        CREATE FUNCTION told_of_run(r process_run) RETURNS jsonb LANGUAGE sql STABLE AS $$
          SELECT jsonb_build_object(
            'id', r.id, 'process', r.process_key, 'version', r.version, 'status', r.status,
            'outcome', r.outcome, 'started_by', r.started_by, 'requester', r.given ->> 'requester',
            'failed_by', r.failed_by, 'error', left(r.error, 500))
        $$
        """
    )


def _events() -> None:
    """Each change of an entity, in the transaction that makes it, whoever makes it; only while a trigger listens."""
    op.execute(
        """
        CREATE FUNCTION tell(entity text, entity_id uuid, request uuid, operations text[], changed text[],
                             before jsonb, after jsonb, decision text, chain text[])
        RETURNS void LANGUAGE sql AS $$
          INSERT INTO outbox (kind, request_id, payload) VALUES ('entity_event', request, jsonb_build_object(
            'id', gen_random_uuid(), 'entity', entity, 'entity_id', entity_id, 'operations', operations,
            'at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
            'changed', changed, 'before', before, 'after', after, 'decision', decision, 'chain', chain))
        $$
        """
    )


def _events_of_requests() -> None:
    op.execute(
        """
        CREATE FUNCTION tell_of_request() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
          before jsonb; after jsonb; changed text[] := '{}'; operations text[] := '{created}';
          decision text := ''; led text[];
        BEGIN
          IF NOT EXISTS (SELECT FROM process_trigger WHERE is_on AND process_trigger.entity = 'request') THEN
            RETURN NULL;
          END IF;
          after := told_of_request(NEW);
          IF TG_OP = 'UPDATE' THEN
            before := told_of_request(OLD);
            SELECT coalesce(array_agg(key ORDER BY key), '{}') INTO changed
              FROM jsonb_each(after) WHERE value IS DISTINCT FROM before -> key;
            IF changed = '{}' THEN
              RETURN NULL;
            END IF;
            operations := '{updated}';
            IF NEW.status IS DISTINCT FROM OLD.status THEN
              decision := CASE
                WHEN NEW.status = 'ordering' AND OLD.status IN ('in_review', 'awaiting_decision') THEN 'approved'
                WHEN NEW.status IN ('rejected', 'expired') THEN NEW.status ELSE '' END;
              IF decision <> '' THEN
                operations := operations || 'decided'::text;
              ELSIF NEW.status = 'withdrawn' THEN
                operations := operations || 'withdrawn'::text;
              END IF;
            END IF;
          END IF;
          -- What happens to a request that a run decides about, or has made, counts as caused by that run.
          SELECT chain INTO led FROM process_run WHERE id = NEW.run_id;
          PERFORM tell('request', NEW.id, NEW.id, operations, changed, before, after, decision, coalesce(led, '{}'));
          RETURN NULL;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER request_tells AFTER INSERT OR UPDATE ON request"
        " FOR EACH ROW EXECUTE FUNCTION tell_of_request()"
    )


def _events_of_runs() -> None:
    op.execute(
        """
        CREATE FUNCTION tell_of_run() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF NOT EXISTS (SELECT FROM process_trigger WHERE is_on AND process_trigger.entity = 'run') THEN
            RETURN NULL;
          END IF;
          IF TG_OP = 'INSERT' THEN
            PERFORM tell('run', NEW.id, NULL, '{created}', '{}', NULL, told_of_run(NEW), '', NEW.chain);
          ELSE
            PERFORM tell('run', NEW.id, NULL, '{ended}', '{outcome,status}', told_of_run(OLD), told_of_run(NEW),
                         '', NEW.chain);
          END IF;
          RETURN NULL;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER run_tells_of_its_beginning AFTER INSERT ON process_run"
        " FOR EACH ROW EXECUTE FUNCTION tell_of_run()"
    )
    op.execute(
        "CREATE TRIGGER run_tells_of_its_end AFTER UPDATE ON process_run FOR EACH ROW"
        " WHEN (OLD.status = 'open' AND NEW.status <> 'open') EXECUTE FUNCTION tell_of_run()"
    )
