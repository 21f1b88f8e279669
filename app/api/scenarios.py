"""Scenarios through the API: what those of a version come to, and a run that becomes one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app import database
from app.access import current_person, opens
from app.api.process_schemas import ScenarioSchema
from app.api.setup import PREFIX, Subject
from rules.person import Act
from rules.process_content import scenario_content
from rules.process_scenario import judge_scenarios
from storage import process, process_scenario

api = Subject("api_scenarios", __name__, url_prefix=PREFIX, description="Scenarios of processes")


@api.at("/processes/<key>/versions/<int:version>/coverage", "GET")
@opens(Act.READ_PROCESS)
def coverage(key: str, version: int) -> dict[str, Any]:
    """Which scenarios of a version fail, and which edges none takes."""
    found = judge_scenarios(process.version(database.session(), key, version).process)
    return {
        "complete": found.is_complete,
        "edges": found.edges,
        "covered": found.covered,
        "missing": list(found.missing),
        "unreachable": list(found.unreachable),
        "scenarios": [
            {"name": each.scenario.name, "problems": list(each.problems), "path": list(each.path)}
            for each in found.judged
        ],
    }


@api.at("/runs/<uuid:run_id>/scenario", "POST")
@api.reads(ScenarioSchema)
@opens(Act.DRAW_PROCESS)
def keep(given: dict[str, Any], run_id: UUID) -> tuple[dict[str, Any], int]:
    """Keep what happened in a run as a scenario in the draft of its process."""
    row, scenario = process_scenario.keep_run(database.session(), run_id, current_person().id, given["name"])
    database.commit()
    return {
        "process": row.process_key,
        "version": row.version,
        "revision": row.revision,
        "scenario": scenario_content(scenario),
    }, 201
