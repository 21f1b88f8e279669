"""Requests of processes: one node orders one, once; no part of a run buys beside it; a withdrawn one is never ordered."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from rules.request import Draft, Status
from storage import decision, department_process, process_purchase, process_run
from storage import request as requests
from storage.audit import SYSTEM
from storage.process_purchase import OrderedElsewhere
from storage.request import RequestRow
from tests.app.people import Company
from tests.app.wishes import STAPLER
from tests.company import hire
from tests.process_purchases import buying, two_steps
from tests.process_samples import deployed


@pytest.fixture
def company(session: Session) -> Company:
    """People, one of whose departments follows a process."""
    people = hire(session)
    deployed(session, people, two_steps())
    deployed(session, people, buying())
    chosen = department_process.propose(session, "marketing", "two-steps", people.carla.id, "it fits")
    department_process.confirm(session, chosen.id, people.diego.id)
    return people


@pytest.fixture
def row(session: Session, company: Company) -> RequestRow:
    """Ana's stapler, looked at by its process."""
    draft = Draft(STAPLER, 1, STAPLER.unit_price, "We need it.", "marketing", None)
    made = requests.submit(session, draft, company.ana, uuid4().hex, "typed")
    requests.move(session, made.id, Status.IN_REVIEW, SYSTEM)
    return requests.by_id(session, made.id)


def begin(session: Session, row: RequestRow, node: str = "order", iteration: int = 1) -> None:
    assert row.run_id is not None
    process_purchase.begin_order(session, row, (row.run_id, node, iteration))


def test_a_node_begins_its_order_again_and_no_other_node_does(session: Session, row: RequestRow) -> None:
    begin(session, row)
    begin(session, requests.by_id(session, row.id))
    assert requests.by_id(session, row.id).status == Status.ORDERING
    for node, iteration in (("another", 1), ("order", 2)):
        with pytest.raises(OrderedElsewhere, match="bought once"):
            begin(session, requests.by_id(session, row.id), node, iteration)


def test_what_was_withdrawn_is_not_ordered_any_more(
    session: Session, row: RequestRow, company: Company
) -> None:
    decision.withdraw(session, row, company.ana.id)
    with pytest.raises(OrderedElsewhere, match="withdrawn"):
        begin(session, requests.by_id(session, row.id))
    assert requests.by_id(session, row.id).status == Status.WITHDRAWN


def test_a_part_of_a_run_that_decides_about_a_request_buys_nothing_beside_it(
    session: Session, row: RequestRow
) -> None:
    assert row.run_id is not None
    run = process_run.by_id(session, row.run_id)
    given = {"requester": str(row.requester_id), "url": STAPLER.url, "price": "24.90"}
    part = process_run.begin_part(session, run, "sub", 1, "restock", given)
    process_purchase.check_is_no_part(session, run)
    with pytest.raises(OrderedElsewhere, match="not by a part"):
        process_purchase.check_is_no_part(session, part)
