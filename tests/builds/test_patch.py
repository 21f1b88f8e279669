"""A patch that ships one build before it is used, is switched on by department, and may be returned from."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session, sessionmaker

from gateways import temporal_builds
from rules.flag import Level
from rules.request import Status
from storage import flag
from storage.audit import SYSTEM
from tests.builds.second_look import SECOND_LOOK, second_look, took_it
from tests.builds.yard import Yard

pytestmark = pytest.mark.whole


def switch_on(yard: Yard, sessions: sessionmaker[Session], department_id: str) -> None:
    """Switch the patch on for a department, and wait until every copy of the flags has heard of it."""
    with sessions.begin() as session:
        flag.set_value(
            session, flag.Change(SECOND_LOOK, Level.DEPARTMENT, department_id, True, "a test"), SYSTEM
        )
    with sessions.begin() as session:
        revision = flag.read_truth(session).revision
    assert yard.desk.flags.wait_for_revision(revision, 30)


@pytest.mark.timeout(180)
def test_a_return_to_the_build_before_strands_nobody_who_took_the_new_branch(
    yard: Yard, sessions: sessionmaker[Session]
) -> None:
    code, company = second_look(yard, "SECOND_LOOK"), yard.desk.company
    yard.start_build("one", code)
    yard.await_current("one")
    before = yard.await_status(yard.submit(dear=True, by=company.julia), Status.AWAITING_DECISION)
    assert not took_it(yard, before)

    yard.start_build("two", code)
    yard.await_build("two")
    yard.run(temporal_builds.set_current(yard.client, "two"))
    switch_on(yard, sessions, "it")
    taken = yard.until(
        lambda: yard.await_status(yard.submit(dear=True, by=company.julia), Status.AWAITING_DECISION),
        lambda row: took_it(yard, row),
    )
    other = yard.await_status(yard.submit(dear=True), Status.AWAITING_DECISION)
    assert not took_it(yard, other)

    yard.run(temporal_builds.set_current(yard.client, "one"))
    yard.programs["two"].kill()
    for row, manager in ((before, company.ivan), (taken, company.ivan), (other, company.bruno)):
        yard.desk.answer(row, "approve", by=manager)
        yard.await_status(row, Status.COMPLETED)
