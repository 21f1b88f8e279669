"""The processes that the demo company has drawn, and the runs that wait in them when it opens: begun like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy.orm import Session

from local.demo.company import Begun, Drawn
from rules.process_content import to_content
from rules.process_gallery import make_process
from rules.process_language import Language
from rules.process_templates import TEMPLATES
from storage import process, process_run
from storage.audit import Actor
from storage.database import now
from storage.person import PersonRow
from storage.process import ProcessVersionRow
from storage.process_run import ProcessRunRow

_OPENS_AT = time(9, tzinfo=UTC)


def draw_processes(
    session: Session, drawn: Sequence[Drawn], people: Mapping[str, PersonRow]
) -> list[ProcessVersionRow]:
    """Draw each from its template with the usual values, for the whole company, and deploy it by the second person.

    Args:
        people: login -> row.

    Raises what `storage.process.create` and `deploy` do.
    """
    rows = []
    for one in drawn:
        template = TEMPLATES[one.template]
        content = to_content(make_process(template, template.key, "", {}))
        reason = f"From the template “{template.title[Language.ENGLISH]}”"
        draft = process.create(session, content, None, people[one.drawn_by].id, reason)
        process.check(session, template.key, draft.revision)
        by = people[one.deployed_by].id
        rows.append(process.deploy(session, template.key, draft.version, by, one.why))
    return rows


def begin_runs(
    session: Session, runs: Sequence[Begun], people: Mapping[str, PersonRow]
) -> list[ProcessRunRow]:
    """Begin each in its employee's name; the relay starts it when the workers run.

    Args:
        people: login -> row.

    Raises what `storage.process_run.begin` does.
    """
    at = now(session)
    rows = []
    for one in runs:
        actor, key = Actor.person(people[one.login].id), f"demo-{one.login}"
        rows.append(process_run.begin(session, one.process, give(one, at), actor, start_key=key))
    return rows


def give(one: Begun, at: datetime) -> dict[str, Any]:
    """What somebody would have typed in at that moment."""
    if one.begins_in_days is None:
        return dict(one.given)
    day = at.astimezone(UTC).date() + timedelta(days=one.begins_in_days)
    return {**one.given, "begins_at": datetime.combine(day, _OPENS_AT).isoformat()}
