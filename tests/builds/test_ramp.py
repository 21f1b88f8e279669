"""Who goes where on the real server: the rules choose, exclusions never leak, and the server's ramp is foretold."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from gateways import temporal_builds, temporal_pollers
from gateways.temporal_pollers import QueueRoute
from rules.request import Status, workflow_id
from rules.routing import predict_native
from storage import build, route, routing
from storage.audit import SYSTEM
from storage.request import RequestRow
from storage.review import ReviewRow
from tests.builds.yard import Yard

pytestmark = pytest.mark.whole


def _two_builds(yard: Yard, percent: Decimal) -> None:
    """Build one is current, build two is alive and has this share of the server's own ramp."""
    yard.start_build("one")
    yard.await_current("one")
    yard.start_build("two")
    yard.await_build("two")
    yard.run(temporal_builds.set_ramping(yard.client, "two", percent))
    wanted = QueueRoute("one", "two", percent)
    assert yard.run(temporal_pollers.await_route(yard.client, wanted, 20)) == []
    yard.until(lambda: _live(yard), lambda live: {"one", "two"} <= live)


def _live(yard: Yard) -> frozenset[str]:
    with yard.desk.sessions.begin() as session:
        return build.live_builds(session)


def _reviewed_on(yard: Yard, rows: Sequence[RequestRow]) -> dict[str, str]:
    """Number of each request -> the build whose worker reviewed it."""
    for row in rows:
        yard.await_status(row, Status.COMPLETED, Status.AWAITING_DECISION)
    with yard.desk.sessions.begin() as session:
        found = session.execute(
            select(ReviewRow.request_id, ReviewRow.written_by).where(
                ReviewRow.request_id.in_([row.id for row in rows])
            )
        )
        builds = {request_id: written_by.removeprefix("approvals/") for request_id, written_by in found}
    return {row.number: builds[row.id] for row in rows}


def test_the_servers_own_ramp_places_every_request_where_it_was_foretold(yard: Yard) -> None:
    percent = Decimal(40)
    _two_builds(yard, percent)
    rows = [yard.submit() for _ in range(24)]
    foretold = {row.number: "two" if predict_native(workflow_id(row.id), percent) else "one" for row in rows}
    assert set(foretold.values()) == {"one", "two"}, "24 ids of which none, or all, lie below 40 %"
    assert _reviewed_on(yard, rows) == foretold


def test_the_rules_choose_and_whom_they_exclude_never_reaches_the_new_build(yard: Yard) -> None:
    _two_builds(yard, Decimal(0))
    company = yard.desk.company
    contents: list[dict[str, Any]] = [
        {"name": "Half of Marketing", "build": "two", "departments": ["marketing"], "share_percent": "50"},
        {"name": "Not Bruno", "kind": "exclude", "people": [str(company.bruno.id)]},
    ]
    with yard.desk.sessions.begin() as session:
        for content in contents:
            routing.add_rule(session, content, SYSTEM, "The pilot begins")
    of_ana = [yard.submit(by=company.ana) for _ in range(24)]
    of_others = [yard.submit(by=person) for person in (company.bruno, company.julia) for _ in range(6)]
    with yard.desk.sessions.begin() as session:
        stored = {row.number: route.of(session, row.id) for row in of_ana + of_others}
    chosen = {number: each.build or "one" for number, each in stored.items() if each is not None}
    assert {chosen[row.number] for row in of_ana} == {"one", "two"}, (
        "24 draws of one half that all fell alike"
    )
    assert {chosen[row.number] for row in of_others} == {"one"}
    assert _reviewed_on(yard, of_ana + of_others) == chosen
