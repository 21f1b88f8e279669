"""Routing rules through the API: read, add, change, remove, freeze. Who goes where is decided in rules/routing.py."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app import database
from app.access import current_person, opens
from app.api import shown
from app.api.schemas import RemoveSchema, RuleSchema, StateSchema
from app.api.setup import PREFIX, Subject
from rules.errors import Invalid
from rules.person import Act
from storage import routing
from storage.audit import Actor
from storage.database import now
from storage.routing import RoutingRuleRow

api = Subject("api_routing", __name__, url_prefix=f"{PREFIX}/routing", description="Who goes where")


def _shown(row: RoutingRuleRow) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "version": row.version,
        "changed_at": shown.when(row.changed_at),
        "rule": row.content,
    }


def _actor() -> Actor:
    return Actor.person(current_person().id)


@api.at("/rules", "GET")
@opens(Act.READ_ROUTING)
def many() -> dict[str, Any]:
    """Every rule, and what holds for all."""
    session = database.session()
    state = routing.state(session)
    return {
        "mode": state.mode,
        "frozen": state.frozen,
        "why": state.why,
        "rules": [_shown(row) for row in routing.all_rules(session)],
    }


@api.at("/rules", "POST")
@api.reads(RuleSchema)
@opens(Act.WRITE_ROUTING)
def add(given: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Write a new rule, in force at once."""
    session = database.session()
    row = routing.add_rule(session, given["rule"], _actor(), given["why"])
    at = now(session)
    database.commit()
    return {"changed": shown.changed("rule added", None, row.content, at), **_shown(row)}, 201


@api.at("/rules/<uuid:rule_id>", "GET")
@opens(Act.READ_ROUTING)
def one(rule_id: UUID) -> dict[str, Any]:
    """One rule."""
    return _shown(routing.by_id(database.session(), rule_id))


@api.at("/rules/<uuid:rule_id>", "PUT")
@api.reads(RuleSchema)
@opens(Act.WRITE_ROUTING)
def change(given: dict[str, Any], rule_id: UUID) -> dict[str, Any]:
    """Replace what a rule says; `version` names the one that was edited."""
    session = database.session()
    if given["version"] is None:
        raise Invalid("Please name the version that was edited.", "version")
    old = routing.by_id(session, rule_id).content
    row = routing.change_rule(
        session, rule_id, given["rule"], _actor(), given["why"], replaces_version=given["version"]
    )
    at = now(session)
    database.commit()
    return {"changed": shown.changed("rule changed", old, row.content, at), **_shown(row)}


@api.at("/rules/<uuid:rule_id>", "DELETE")
@api.reads(RemoveSchema)
@opens(Act.WRITE_ROUTING)
def remove(given: dict[str, Any], rule_id: UUID) -> dict[str, Any]:
    """Take a rule away; its history stays."""
    session = database.session()
    old = routing.by_id(session, rule_id).content
    routing.remove_rule(session, rule_id, _actor(), given["why"], replaces_version=given["version"])
    at = now(session)
    database.commit()
    return {"changed": shown.changed("rule removed", old, None, at)}


@api.at("/state", "PUT")
@api.reads(StateSchema)
@opens(Act.WRITE_ROUTING)
def freeze(given: dict[str, Any]) -> dict[str, Any]:
    """Freeze or thaw: while frozen nobody is sent to another than the current build."""
    session = database.session()
    old = routing.state(session).frozen
    routing.set_state(session, _actor(), given["why"], frozen=given["frozen"])
    at = now(session)
    database.commit()
    return {"changed": shown.changed("frozen", old, given["frozen"], at)}
