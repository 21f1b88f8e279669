"""Processes through the API: read, draft, check, deploy, start. What is right is judged in rules/."""

from __future__ import annotations

from typing import Any

from flask import Response

from app import database
from app.access import current_person, opens
from app.api import process_shown as shown
from app.api.process_schemas import CheckSchema, DefinitionSchema, DeploySchema, DraftSchema, StartSchema
from app.api.setup import PREFIX, Subject, in_asked_form
from rules.errors import NotFound
from rules.person import Act
from storage import process, process_run
from storage.audit import Actor

api = Subject("api_processes", __name__, url_prefix=f"{PREFIX}/processes", description="Processes")


@api.at("", "GET")
@opens(Act.READ_PROCESS)
def many() -> dict[str, Any]:
    """Every process."""
    return {"processes": [shown.process(row) for row in process.all_processes(database.session())]}


@api.at("", "POST")
@api.reads(DefinitionSchema)
@opens(Act.DRAW_PROCESS)
def create(given: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """A new process with its first draft."""
    session, author = database.session(), current_person().id
    row = process.create(session, given["definition"], given["department"], author, given["why"])
    database.commit()
    return shown.version(row), 201


@api.at("/<key>", "GET")
@opens(Act.READ_PROCESS)
def one(key: str) -> dict[str, Any]:
    """One process with the standing of its versions."""
    session = database.session()
    row, versions = process.by_key(session, key), process.versions(session, key)
    return {**shown.process(row), "versions": [shown.version(each, whole=False) for each in versions]}


@api.at("/<key>/versions/<int:version>", "GET")
@opens(Act.READ_PROCESS)
def one_version(key: str, version: int) -> dict[str, Any] | Response:
    """One version, whatever its state; in YAML for who asks for it."""
    return in_asked_form(shown.version(process.version(database.session(), key, version)))


@api.at("/<key>/draft", "GET")
@opens(Act.READ_PROCESS)
def draft(key: str) -> dict[str, Any] | Response:
    """The version that is being worked on; in YAML for who asks for it."""
    row = process.draft(database.session(), key)
    if row is None:
        raise NotFound(f"The process {key!r} has no draft.", "key")
    return in_asked_form(shown.version(row))


@api.at("/<key>/draft", "PUT")
@api.reads(DraftSchema)
@opens(Act.DRAW_PROCESS)
def save(given: dict[str, Any], key: str) -> dict[str, Any]:
    """Save the draft; errors of sense do not keep it from being saved."""
    session, author = database.session(), current_person().id
    row = process.save_draft(session, key, given["definition"], author, given["revision"], given["why"])
    database.commit()
    return shown.version(row)


@api.at("/<key>/check", "POST")
@api.reads(CheckSchema)
@opens(Act.DRAW_PROCESS)
def check(given: dict[str, Any], key: str) -> dict[str, Any]:
    """Judge the draft; one without errors may be deployed afterwards."""
    row, problems = process.check(database.session(), key, given["revision"])
    database.commit()
    return {**shown.version(row, whole=False), "problems": [each.to_content() for each in problems]}


@api.at("/<key>/deploy", "POST")
@api.reads(DeploySchema)
@opens(Act.DEPLOY_PROCESS)
def deploy(given: dict[str, Any], key: str) -> dict[str, Any]:
    """Let new runs follow a version; by another person than those who wrote it."""
    row = process.deploy(database.session(), key, given["version"], current_person().id, given["why"])
    database.commit()
    return shown.version(row, whole=False)


@api.at("/<key>/runs", "POST")
@api.reads(StartSchema)
@opens(Act.START_PROCESS)
def start(given: dict[str, Any], key: str) -> tuple[dict[str, Any], int]:
    """Start a run of the deployed version."""
    actor = Actor.person(current_person().id)
    row = process_run.begin(database.session(), key, given["input"], actor, start_key=given["start_key"])
    database.commit()
    return shown.run(row), 201
