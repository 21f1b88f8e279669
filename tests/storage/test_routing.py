"""Routing rules and routes on real Postgres: what is stored, who is told no, and what a submit costs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session, sessionmaker

from rules.errors import InvalidFields, NotFound
from rules.money import Money
from rules.request import Draft
from rules.routing import Mode, Reason
from storage import request, route, routing
from storage.audit import SYSTEM, Actor, AuditRow
from storage.build import BuildRow
from storage.database import make_engine, make_sessions
from storage.person import PersonRow
from storage.routing import RoutingChanged, RoutingRuleRow, SteeredByRollout
from tests.app.people import Company
from tests.app.wishes import STAPLER
from tests.company import hire

Sessions = sessionmaker[Session]


@pytest.fixture
def company(session: Session) -> Company:
    return hire(session)


def live(*builds: str) -> route.LiveBuilds:
    return lambda session: frozenset(builds)


def to_b2(**changes: Any) -> dict[str, Any]:
    return {"name": "IT first", "build": "b2", "departments": ["it"], **changes}


def submit(session: Session, requester: PersonRow) -> request.RequestRow:
    return request.submit(session, draft_of(requester), requester, uuid4().hex, "of a test")


def draft_of(requester: PersonRow) -> Draft:
    return Draft(STAPLER, 1, STAPLER.unit_price, "We need it.", requester.department_id, needed_by=None)


def make_live(session: Session, *builds: str) -> None:
    """Give builds a worker that lives for as long as the test does."""
    for build in builds:
        session.add(BuildRow(build_id=build))
    session.flush()
    session.execute(text("UPDATE build SET live_until = now() + interval '1 hour'"))


def audited(session: Session, action: str) -> list[dict[str, Any]]:
    return list(
        session.scalars(select(AuditRow.detail).where(AuditRow.action == action).order_by(AuditRow.seq))
    )


def test_a_rule_is_stored_as_it_was_written_and_read_back_with_its_revision(
    session: Session, company: Company
) -> None:
    row = routing.add_rule(session, to_b2(share_percent="12.5"), Actor.person(company.elena.id), "Begin")
    rule_set = routing.read_rules(session)
    (rule,) = rule_set.rules
    assert (rule.id, rule.share_percent, rule.salt) == (str(row.id), Decimal("12.5"), str(row.id))
    assert rule_set.revision == routing.changes(session)[0].revision > 0
    assert (rule_set.frozen, rule_set.mode) == (False, Mode.SELECTIVE)


def test_every_change_raises_the_revision_and_is_kept_with_who_why_and_both_sides(
    session: Session, company: Company
) -> None:
    elena = Actor.person(company.elena.id)
    row = routing.add_rule(session, to_b2(share_percent="10"), elena, "Begin")
    routing.change_rule(
        session, row.id, to_b2(share_percent="50"), elena, "It looks good", replaces_version=1
    )
    routing.remove_rule(session, row.id, elena, "Done", replaces_version=2)
    removed, changed, added = routing.changes(session, row.id)
    assert removed.revision > changed.revision > added.revision
    assert [change.why for change in (added, changed, removed)] == ["Begin", "It looks good", "Done"]
    assert (added.before, removed.after) == (None, None)
    assert changed.before is not None
    assert changed.after is not None
    assert (changed.before["share_percent"], changed.after["share_percent"]) == ("10", "50")
    assert {change.changed_by for change in (added, changed, removed)} == {company.elena.id}
    assert [len(audited(session, f"routing.rule_{act}")) for act in ("added", "changed", "removed")] == [
        1
    ] * 3
    assert audited(session, "routing.rule_changed")[0]["before"]["share_percent"] == "10"


def test_saving_what_stands_already_changes_nothing(session: Session, company: Company) -> None:
    row = routing.add_rule(session, to_b2(), SYSTEM, "Begin")
    same = routing.change_rule(session, row.id, row.content, SYSTEM, "Again", replaces_version=1)
    assert (same.version, len(routing.changes(session))) == (1, 1)


def test_the_second_of_two_who_change_a_rule_is_told(session: Session, company: Company) -> None:
    row = routing.add_rule(session, to_b2(share_percent="10"), SYSTEM, "Begin")
    routing.change_rule(session, row.id, to_b2(share_percent="20"), SYSTEM, "First", replaces_version=1)
    with pytest.raises(RoutingChanged):
        routing.change_rule(session, row.id, to_b2(share_percent="90"), SYSTEM, "Second", replaces_version=1)
    with pytest.raises(RoutingChanged):
        routing.remove_rule(session, row.id, SYSTEM, "Second", replaces_version=1)
    assert routing.read_rules(session).rules[0].share_percent == 20


def test_a_rule_of_a_rollout_is_changed_by_that_rollout_only(session: Session, company: Company) -> None:
    row = routing.add_rule(session, to_b2(rollout_id="r1"), SYSTEM, "Step 1")
    for other in ("", "r2"):
        with pytest.raises(SteeredByRollout):
            routing.change_rule(
                session, row.id, to_b2(), SYSTEM, "Mine", replaces_version=1, rollout_id=other
            )
        with pytest.raises(SteeredByRollout):
            routing.remove_rule(session, row.id, SYSTEM, "Mine", replaces_version=1, rollout_id=other)
    routing.change_rule(
        session, row.id, to_b2(rollout_id="r1", share_percent="50"), SYSTEM, "Step 2",
        replaces_version=1, rollout_id="r1",
    )  # fmt: skip
    assert routing.read_rules(session).rules[0].share_percent == 50


def test_nobody_but_a_rollout_makes_a_rule_its_own(session: Session, company: Company) -> None:
    elena = Actor.person(company.elena.id)
    with pytest.raises(InvalidFields):
        routing.add_rule(session, to_b2(rollout_id="r1"), elena, "Mine for ever")
    row = routing.add_rule(session, to_b2(), elena, "Begin")
    with pytest.raises(InvalidFields):
        routing.change_rule(session, row.id, to_b2(rollout_id="r1"), elena, "Mine", replaces_version=1)


def test_a_change_that_names_no_salt_keeps_the_draw(session: Session, company: Company) -> None:
    row = routing.add_rule(session, to_b2(salt="summer", share_percent="10"), SYSTEM, "Begin")
    routing.change_rule(session, row.id, to_b2(share_percent="20"), SYSTEM, "More", replaces_version=1)
    routing.change_rule(session, row.id, to_b2(salt="anew"), SYSTEM, "Draw anew", replaces_version=2)
    salts = [change.after and change.after["salt"] for change in routing.changes(session, row.id)]
    assert salts == ["anew", "summer", "summer"]


def test_a_rule_that_is_not_there_is_not_found(session: Session) -> None:
    with pytest.raises(NotFound):
        routing.change_rule(session, uuid4(), to_b2(), SYSTEM, "?", replaces_version=1)
    with pytest.raises(NotFound):
        routing.remove_rule(session, uuid4(), SYSTEM, "?", replaces_version=1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"departments": ["it", "sales"]}, "departments"),
        ({"people": [str(UUID(int=7))]}, "people"),
        ({"share_percent": "101"}, "share_percent"),
        ({"name": ""}, "name"),
    ],
)
def test_a_rule_that_names_what_does_not_exist_is_refused_and_nothing_changes(
    changes: dict[str, Any], field: str, session: Session, company: Company
) -> None:
    with pytest.raises(InvalidFields) as refusal:
        routing.add_rule(session, to_b2(**changes), SYSTEM, "?")
    assert refusal.value.problems.keys() == {field}
    assert routing.read_rules(session).rules == ()


def test_switching_a_build_off_reaches_every_rule_that_may_send_to_it_whoever_steers_it(
    session: Session, company: Company
) -> None:
    arms = [{"name": "old", "weight": 1}, {"name": "new", "weight": 1, "build": "b2"}]
    by_rollout = routing.add_rule(session, to_b2(rollout_id="r1"), SYSTEM, "Step 1")
    by_variant = routing.add_rule(session, {"name": "A/B", "variants": arms}, SYSTEM, "Try")
    other = routing.add_rule(session, to_b2(build="b3"), SYSTEM, "Another")
    exclusion = routing.add_rule(session, to_b2(kind="exclude"), SYSTEM, "Never")
    assert routing.switch_off_build(session, "b2", SYSTEM, "It is bad") == 2
    enabled = {rule.id: rule.enabled for rule in routing.read_rules(session).rules}
    assert not enabled[str(by_rollout.id)]
    assert not enabled[str(by_variant.id)]
    assert enabled[str(other.id)]
    assert enabled[str(exclusion.id)]
    assert routing.switch_off_build(session, "b2", SYSTEM, "Again") == 0


def test_freeze_and_mode_are_kept_with_their_reason_and_a_repeat_changes_nothing(session: Session) -> None:
    assert routing.set_state(session, SYSTEM, "Something is wrong", frozen=True)
    assert not routing.set_state(session, SYSTEM, "Again", frozen=True)
    assert routing.set_state(session, SYSTEM, "By workflow id", mode=Mode.NATIVE)
    rule_set = routing.read_rules(session)
    assert (rule_set.frozen, rule_set.mode) == (True, Mode.NATIVE)
    assert routing.state(session).why == "By workflow id"
    assert len(routing.changes(session)) == 2


def test_a_stored_rule_that_cannot_be_read_freezes_all_as_it_may_be_an_exclusion(
    session: Session, company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    routing.add_rule(session, to_b2(), SYSTEM, "Begin")
    session.add(RoutingRuleRow(content={"name": "From the future", "kind": "teleport"}, version=1))
    session.flush()
    row = submit(session, company.julia)
    stored = route.of(session, row.id)
    assert stored is not None
    assert (stored.build, stored.reason) == (None, "frozen")
    assert "cannot be read" in caplog.text


def test_a_submit_stores_its_route_in_the_same_transaction(session: Session, company: Company) -> None:
    make_live(session, "b2")
    rule = routing.add_rule(session, to_b2(), SYSTEM, "Begin")
    chosen = route.of(session, submit(session, company.julia).id)
    assert chosen is not None
    assert (chosen.build, chosen.redirected_at, chosen.reason) == ("b2", None, Reason.MATCHED.value)
    assert (chosen.rule_id, chosen.revision) == (rule.id, routing.read_rules(session).revision)
    assert chosen.why
    left = route.of(session, submit(session, company.ana).id)
    assert left is not None
    assert (left.build, left.reason) == (None, Reason.DEFAULT.value)


def test_a_form_that_is_sent_again_keeps_the_route_of_the_first(session: Session, company: Company) -> None:
    make_live(session, "b2")
    routing.add_rule(session, to_b2(), SYSTEM, "Begin")
    key = uuid4().hex
    first = request.submit(session, draft_of(company.julia), company.julia, key, "of a test")
    routing.set_state(session, SYSTEM, "Stop", frozen=True)
    again = request.submit(session, draft_of(company.julia), company.julia, key, "of a test")
    stored = route.of(session, again.id)
    assert again.id == first.id
    assert stored is not None
    assert stored.build == "b2"


def test_raising_a_share_later_changes_no_stored_route(session: Session, company: Company) -> None:
    make_live(session, "b2")
    rule = routing.add_rule(session, to_b2(share_percent="0"), SYSTEM, "Begin")
    row = submit(session, company.julia)
    routing.change_rule(session, rule.id, to_b2(), SYSTEM, "All", replaces_version=1)
    stored = route.of(session, row.id)
    assert stored is not None
    assert stored.build is None


@pytest.mark.parametrize("state", ["unknown", "dead", "rejected"])
def test_a_build_without_live_workers_leaves_the_request_to_the_current_one_and_tells(
    state: str, session: Session, company: Company
) -> None:
    if state != "unknown":
        make_live(session, "b2")
    if state == "dead":
        session.execute(text("UPDATE build SET live_until = now() - interval '1 second'"))
    if state == "rejected":
        session.execute(text("UPDATE build SET rejected_at = now()"))
    routing.add_rule(session, to_b2(), SYSTEM, "Begin")
    row = submit(session, company.julia)
    stored = route.of(session, row.id)
    assert stored is not None
    assert (stored.build, stored.reason) == (None, Reason.NO_POLLERS.value)
    assert [detail["why"] for detail in audited(session, "routing.build_not_live")] == [stored.why]


def test_redirected_requests_go_to_the_current_build_and_keep_what_was_chosen(
    session: Session, company: Company
) -> None:
    make_live(session, "b2")
    routing.add_rule(session, to_b2(), SYSTEM, "Begin")
    row = submit(session, company.julia)
    assert route.redirect(session, "b2", SYSTEM, "It is bad") == [row.id]
    assert route.redirect(session, "b2", SYSTEM, "Again") == []
    stored = route.of(session, row.id)
    assert stored is not None
    assert (stored.build, stored.redirected_at is None, stored.redirected_why) == ("b2", False, "It is bad")


def _switch_off(session: Session) -> None:
    routing.switch_off_build(session, "b2", SYSTEM, "It is bad")


def _freeze(session: Session) -> None:
    routing.set_state(session, SYSTEM, "It burns", frozen=True)


def _reject(session: Session) -> None:
    session.execute(text("UPDATE build SET rejected_at = now()"))


@pytest.mark.parametrize("take_back", [_switch_off, _freeze, _reject])
def test_a_submit_that_was_under_way_while_its_build_was_taken_back_starts_on_the_current_one(
    take_back: Callable[[Session], None], sessions: Sessions
) -> None:
    with sessions.begin() as session:
        company = hire(session)
        make_live(session, "b2")
        routing.add_rule(session, to_b2(), SYSTEM, "Begin")
    with sessions.begin() as slow:
        row = submit(slow, company.julia)  # it has read the rules, and is not yet committed
        with sessions.begin() as session:
            take_back(session)
            assert route.redirect(session, "b2", SYSTEM, "It is bad") == []
    with sessions.begin() as session:
        assert route.builds_now(session, [row.id]) == {}
        stored = route.of(session, row.id)
        assert stored is not None
        assert (stored.build, stored.redirected_at is None) == ("b2", False)
        assert stored.redirected_why == route.TAKEN_BACK_MEANWHILE


def test_a_route_whose_rule_stands_is_started_where_it_was_sent(session: Session, company: Company) -> None:
    make_live(session, "b2")
    routing.add_rule(session, to_b2(), SYSTEM, "Begin")
    sent, left = submit(session, company.julia), submit(session, company.ana)
    assert route.builds_now(session, [sent.id, left.id]) == {sent.id: "b2"}
    assert route.builds_now(session, []) == {}


def test_of_two_who_change_a_rule_at_the_same_instant_one_is_told(sessions: Sessions) -> None:
    with sessions.begin() as session:
        hire(session)
        rule_id = routing.add_rule(session, to_b2(), SYSTEM, "Begin").id
    barrier = Barrier(2)

    def change(share: str) -> bool:
        barrier.wait()
        try:
            with sessions.begin() as session:
                routing.change_rule(
                    session, rule_id, to_b2(share_percent=share), SYSTEM, "Mine", replaces_version=1
                )
        except RoutingChanged:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(change, ["20", "30"])) == [False, True]
    with sessions.begin() as session:
        assert [change.rule_id for change in routing.changes(session)] == [rule_id, rule_id]


def test_what_a_rule_sent_where_can_be_counted(session: Session, company: Company) -> None:
    make_live(session, "b2")
    rule = routing.add_rule(session, to_b2(), SYSTEM, "Begin")
    for _ in range(3):
        submit(session, company.julia)
    submit(session, company.ana)
    assert route.assigned(session, rule.id) == {("b2", None): 3}


@pytest.fixture
def statements(session: Session) -> Iterator[list[str]]:
    """What is sent to Postgres while the test runs."""
    sent: list[str] = []
    connection = session.connection()

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    yield sent
    event.remove(connection, "before_cursor_execute", note)


def test_without_rules_a_route_costs_one_statement_and_stores_nothing(
    session: Session, company: Company, statements: list[str]
) -> None:
    statements.clear()
    assert route.choose(session, uuid4(), company.julia, Money(Decimal(5), "EUR"), live("b2")) is None
    assert len(statements) == 1
    assert route.of(session, submit(session, company.julia).id) is None


def test_a_commit_that_changes_rules_is_seen_by_the_next_statement_of_everybody(
    sessions: Sessions, database_url: str
) -> None:
    engine = make_engine(database_url)
    elsewhere = make_sessions(engine)
    try:
        with elsewhere.begin() as other:
            assert routing.read_rules(other).rules == ()
        with sessions.begin() as session:
            hire(session)
            routing.add_rule(session, to_b2(), SYSTEM, "Begin")
        with elsewhere.begin() as other:
            assert len(routing.read_rules(other).rules) == 1
    finally:
        engine.dispose()


def test_the_history_of_rules_cannot_be_rewritten_by_the_product(session: Session, company: Company) -> None:
    routing.add_rule(session, to_b2(), SYSTEM, "Begin")
    with pytest.raises(ProgrammingError, match="permission denied"):
        session.execute(text("UPDATE routing_change SET why = 'another'"))


def test_a_rule_set_that_is_read_twice_at_one_revision_is_the_same(
    session: Session, company: Company
) -> None:
    routing.add_rule(session, to_b2(people=[str(company.ana.id)], roles=["finance"]), SYSTEM, "Begin")
    assert routing.read_rules(session) == routing.read_rules(session)


def _ids(rows: Collection[RoutingRuleRow]) -> set[UUID]:
    return {row.id for row in rows}


def test_all_rules_are_listed_with_their_versions(session: Session, company: Company) -> None:
    rows = [routing.add_rule(session, to_b2(), SYSTEM, "Begin") for _ in range(3)]
    assert _ids(routing.all_rules(session)) == _ids(rows)
