"""Processes that tests run, in the JSON form, and the short way to have one deployed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from rules.process_content import read_process, to_content
from rules.process_cover_make import cover
from storage import process
from storage.process import ProcessVersionRow
from tests.app.people import Company

Content = dict[str, Any]


def content(key: str, nodes: Mapping[str, Mapping[str, Any]], edges: str, **more: Any) -> Content:
    """A definition: node id -> type and more, and edges such as `>ask, ask true>order, ask false>end`."""
    listed = []
    for order, part in enumerate(edges.split(",")):
        way, _, target = part.strip().partition(">")
        source, _, word = way.partition(" ")
        kind = {"": "sequence" if source else "start", "true": "true_branch", "false": "false_branch"}
        edge: Content = {"target": target, "type": kind.get(word, word), "order": order}
        listed.append({**edge, "source": source} if source else edge)
    return {
        "key": key,
        "nodes": [{"id": node_id, **node} for node_id, node in nodes.items()],
        "edges": listed,
        **more,
    }


def travel(**changes: Any) -> Content:
    """A trip: the manager of whoever travels says yes or no, and is told what became of it."""
    return content(
        "travel",
        {
            "ask": {
                "type": "approval",
                "name": "Manager",
                "config": {
                    "who": [{"manager_of": "{{input.requester}}"}],
                    "question": "May {{input.requester}} travel for {{input.amount}} EUR?",
                    "deadline": "7 d",
                    **changes,
                },
            },
            "yes": {"type": "end", "config": {"result": "satisfied"}},
            "no": {"type": "end", "config": {"result": "not_satisfied"}},
        },
        ">ask, ask true>yes, ask false>no",
        name="Travel",
        inputs=[{"name": "requester", "kind": "text"}, {"name": "amount", "kind": "amount"}],
    )


def covered(definition: Mapping[str, Any]) -> Content:
    """The definition with a scenario for every edge, without which nothing is deployed."""
    drawn = read_process(definition)
    return to_content(replace(drawn, scenarios=cover(drawn)))


def deployed(session: Session, company: Company, definition: Mapping[str, Any]) -> ProcessVersionRow:
    """The definition, drafted by Elena and deployed by Carla; a second one of the same key is its next version."""
    definition = covered(definition)
    key, author, second = definition["key"], company.elena.id, company.carla.id
    if any(row.key == key for row in process.all_processes(session)):
        row = process.save_draft(session, key, definition, author, 0)
    else:
        row = process.create(session, definition, None, author, "for a test")
    checked, problems = process.check(session, key, row.revision)
    assert checked.state == process.CHECKED, problems
    return process.deploy(session, key, row.version, second, "for a test")
