"""The demo company: loaded once, whole or not at all, and a past that our own rules confirm."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import RowMapping, Table, func, select, text
from sqlalchemy.orm import Session, sessionmaker

from local.demo.__main__ import CannotLoad, run
from local.demo.company import read_company
from local.demo.history import history_at
from local.demo.load import SEED, State, load, state_of
from local.demo.logins import table
from local.demo.rechecks import SHARE
from local.demo.waiting import find
from local.plan import Plan
from local.vendor.catalogue import catalogue
from rules.decision import NO_DECISION, deadline
from rules.flag import Setting
from rules.order import highest_unit_price
from rules.outbox import Kind
from rules.password import judge_password
from rules.person import Act, Person, Role, approver_line, may, role_conflicts
from rules.process import Outcome
from rules.process_people import seats
from rules.process_plan import make_plan
from rules.process_play import walk
from rules.process_sandbox import Chosen, Sandbox
from rules.process_schedule import start
from rules.product import BuyingGuidance
from rules.request import ENDED, NEXT, Status, content_hash
from rules.review import History, ReviewInput, review_content
from settings import LOCAL_DEFAULTS, Settings
from storage import department_process, outbox, policy, process, process_run, recheck
from storage import person as people
from storage.audit import AuditRow
from storage.database import Base, make_engine, make_sessions, now
from storage.decision import DecisionRow
from storage.department import all_departments
from storage.flag import read_truth
from storage.order import OrderRow, Standing
from storage.policy import RuleSetRow
from storage.process_run import ProcessRunRow
from storage.process_trigger import ProcessTriggerRow
from storage.request import RequestRow, history_of
from storage.review import ReviewRow
from storage.seed import shipped_rule_sets
from tests.servers import clone

SECRET_KEY = "only for tests, and long enough to be taken"


def _environment(url: str, **more: str) -> dict[str, str]:
    return {"VISTOBUENO_MODE": "local", "SECRET_KEY": SECRET_KEY, "DATABASE_URL": url, **more}


def _settings() -> Settings:
    return Settings.from_environment(_environment("postgresql://nobody@localhost/nothing"))


def _load(session: Session, seed: int = SEED) -> None:
    settings = _settings()
    assert load(session, settings.vendor_hosts, settings.price_tolerance_percent, seed) is not None


@pytest.fixture(scope="module")
def demo(postgres: Plan) -> Iterator[sessionmaker[Session]]:
    """A database with the demo company; these tests only read it."""
    with clone(postgres, f"demo_{uuid4().hex}") as database:
        run([], _environment(database.url))
        engine = make_engine(database.url)
        yield make_sessions(engine)
        engine.dispose()


@pytest.fixture
def opened(demo: sessionmaker[Session]) -> Iterator[Session]:
    with demo() as session:
        yield session


def _rows(session: Session, one: Table) -> list[RowMapping]:
    return list(session.execute(select(one).order_by(*one.primary_key.columns)).mappings())


def _everything(session: Session) -> dict[str, list[RowMapping]]:
    return {one.name: _rows(session, one) for one in Base.metadata.sorted_tables}


def _past(session: Session) -> Sequence[RequestRow]:
    return session.scalars(
        select(RequestRow).where(RequestRow.is_demo).order_by(RequestRow.submitted_at)
    ).all()


def test_the_first_employee_of_the_tour_sees_a_harmless_purchase_approved(opened: Session) -> None:
    visitor = next(one for one in read_company().on_tour() if one.roles == {Role.EMPLOYEE})
    person = people.by_email(opened, visitor.email)
    assert person is not None
    rules = policy.in_force(opened, person.department_id)
    assert rules is not None
    paper = next(each for each in catalogue() if each.category == "office_supplies" and each.unit_price < 100)
    wish = ReviewInput(
        paper.as_product().unit_price,
        paper.category,
        paper.host,
        person.department_id,
        history_of(opened, person.id),
    )
    assert review_content(wish, rules.content).auto_approved


# ------------------------------------------------------------------------------------------ loading


def test_a_second_load_changes_nothing(database_url: str, sessions: sessionmaker[Session]) -> None:
    assert "past requests" in run([], _environment(database_url))
    with sessions() as session:
        before = _everything(session)
    assert run([], _environment(database_url)) == "The demo company is there."
    with sessions() as session:
        assert _everything(session) == before


def test_an_interrupted_load_leaves_nothing(sessions: sessionmaker[Session]) -> None:
    def load_until_interrupted() -> None:
        with sessions.begin() as session:
            _load(session)
            raise KeyboardInterrupt

    with sessions() as session:
        before = _everything(session)
    with pytest.raises(KeyboardInterrupt):
        load_until_interrupted()
    with sessions() as session:
        assert state_of(session) is State.EMPTY
        assert _everything(session) == before


def test_a_database_with_people_of_its_own_is_left_alone(
    database_url: str, sessions: sessionmaker[Session]
) -> None:
    with sessions.begin() as session:
        session.execute(text("INSERT INTO department VALUES ('sales', 'Sales')"))
        session.add(
            people.PersonRow(
                name="Ana", email="ana@firm.example", password_hash="", roles=[], department_id="sales"
            )
        )
    assert run([], _environment(database_url)) == "The database has people of its own: left alone."
    with sessions() as session:
        assert [row.name for row in people.all_people(session)] == ["Ana"]
    assert "no demo company" in run(["--logins"], _environment(database_url))


@pytest.mark.parametrize("arguments", [[], ["--logins"]])
def test_outside_local_mode_it_refuses(arguments: list[str], database_url: str) -> None:
    production = _environment(database_url, **LOCAL_DEFAULTS) | {"VISTOBUENO_MODE": "production"}
    with pytest.raises(CannotLoad, match="local only"):
        run(arguments, production)


@pytest.mark.whole
def test_the_same_seed_gives_the_same_past_and_another_one_another(session: Session) -> None:
    counted_on = {"number", "flag_revision"}  # sequences go on counting when a transaction is taken back

    def past(seed: int) -> list[dict[str, Any]]:
        with session.begin_nested() as attempt:
            _load(session, seed)
            kept = [
                {name: value for name, value in row.items() if name not in counted_on}
                for one in (RequestRow, ReviewRow, DecisionRow, OrderRow, RuleSetRow, recheck.RecheckRow)
                for row in _rows(session, Base.metadata.tables[one.__tablename__])
                if row.get("is_demo", True)
            ]
            attempt.rollback()
        session.expunge_all()
        return kept

    first = past(SEED)
    assert len(first) > 2000
    assert past(SEED) == first
    assert past(SEED + 1) != first


def test_the_logins_are_written_where_the_login_page_reads_them(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "secrets" / "logins.json"
    run([], _environment(database_url, VISTOBUENO_DEMO_LOGINS=str(file)))
    entries = json.loads(file.read_text())
    assert {role for one in read_company().on_tour() for role in one.roles} == set(Role)
    assert [set(entry) for entry in entries] == [{"name", "email", "role", "password"}] * len(entries)
    printed = run(["--logins"], _environment(database_url))
    assert all(entry["email"] in printed for entry in entries)


# ------------------------------------------------------------------------------------------ people and rules


def test_the_demo_password_is_one_that_we_would_take_from_everybody() -> None:
    company = read_company()
    for one in company.people:
        assert judge_password(company.password, [*one.name.split(), *one.email.split("@")])


def test_nobody_holds_roles_that_must_not_meet_and_everybody_has_a_manager_but_one() -> None:
    company = read_company()
    assert [one.name for one in company.people if role_conflicts(one.roles)] == []
    assert [one.name for one in company.people if one.manager is None] == ["Isabel Navarro"]
    assert "isabel@vistobueno.example" in table(company)


def test_the_rule_sets_in_force_are_the_ones_that_ship(opened: Session) -> None:
    shipped = shipped_rule_sets()
    for department in all_departments(opened):
        in_force = policy.in_force(opened, department.id)
        assert in_force is not None
        assert in_force.content == shipped.get(department.id, shipped[policy.DEFAULT])


def test_the_automated_review_is_on_for_everyone_and_the_workers_will_hear_of_it(opened: Session) -> None:
    assert list(read_truth(opened).overrides.values()) == [Setting(True)]
    unsent = opened.scalars(select(outbox.OutboxRow.kind).where(outbox.OutboxRow.sent_at.is_(None))).all()
    assert "spread_flags" in unsent


# ------------------------------------------------------------------------------------------ the past


def test_the_past_is_long_and_has_every_kind_of_end(opened: Session) -> None:
    past = _past(opened)
    assert 760 <= len(past) <= 812
    assert {Status(row.status) for row in past} == ENDED
    assert (now(opened) - past[0].submitted_at).days >= 110
    states = set(opened.scalars(select(OrderRow.state)))
    assert states == {state.value for state in Standing} - {Standing.INTENDED.value, Standing.UNKNOWN.value}


def test_nothing_of_the_past_is_open_or_lies_ahead(opened: Session) -> None:
    for row in _past(opened):
        assert row.closed_at is not None
        assert row.submitted_at < row.closed_at <= now(opened)
        assert row.awaited_id is None
        assert row.status_since == row.closed_at
    assert opened.scalar(select(func.max(AuditRow.at))) == opened.scalar(
        select(AuditRow.at).where(AuditRow.action == "demo.loaded")
    )


def test_every_stored_review_runs_again_to_the_same_result(opened: Session) -> None:
    rows = opened.execute(
        select(ReviewRow, RuleSetRow).join(RuleSetRow, RuleSetRow.id == ReviewRow.rule_set_id)
    )
    count = 0
    for stored, rule_set in rows:
        again = review_content(ReviewInput.from_content(stored.input), rule_set.content)
        assert (again.auto_approved, again.confidence, again.risk_score) == (
            stored.auto_approved,
            stored.confidence,
            stored.risk_score,
        )
        assert (again.reason, [check.to_content() for check in again.checks]) == (
            stored.reason,
            stored.checks,
        )
        assert stored.rule_set_hash == rule_set.content_hash
        assert rule_set.in_force_from <= stored.started_at
        count += 1
    assert count > 700


def test_every_review_saw_the_history_that_the_rows_tell(opened: Session) -> None:
    ended: dict[UUID, list[tuple[datetime, Status]]] = {}
    past = {row.id: row for row in _past(opened)}
    for row in past.values():
        assert row.closed_at is not None
        ended.setdefault(row.requester_id, []).append((row.closed_at, Status(row.status)))
    for stored in opened.scalars(select(ReviewRow)):
        row = past[stored.request_id]
        seen = ReviewInput.from_content(stored.input)
        assert seen.history == history_at(ended[row.requester_id], stored.started_at)
        assert (seen.category, seen.vendor, seen.department_id) == (
            row.category,
            row.vendor,
            row.department_id,
        )
    for person_id, ends in ended.items():
        assert history_of(opened, person_id) == history_at(ends, now(opened))


def test_every_request_walked_along_the_graph_in_the_order_of_time(opened: Session) -> None:
    trails: dict[UUID, list[AuditRow]] = {}
    for entry in opened.scalars(select(AuditRow).order_by(AuditRow.seq)):
        if entry.request_id is not None:
            trails.setdefault(entry.request_id, []).append(entry)
    statuses = {f"request.{status.value}": status for status in Status}
    for row in _past(opened):
        trail = trails[row.id]
        assert all(earlier.at <= later.at for earlier, later in pairwise(trail))
        walked = [statuses[entry.action] for entry in trail if entry.action in statuses]
        assert walked[0] is Status.SUBMITTED
        assert all(following in NEXT[current] for current, following in pairwise(walked))
        assert walked[-1] == row.status
        assert trail[0].detail["number"] == row.number


def test_every_question_was_answered_by_somebody_asked_in_time(opened: Session) -> None:
    company = {row.id: row.to_person() for row in people.all_people(opened)}
    past = {row.id: row for row in _past(opened)}
    for question in opened.scalars(select(DecisionRow)):
        row = past[question.request_id]
        line = approver_line(company[row.requester_id], company)
        assert question.asked_ids == [person.id for person in line[: len(question.asked_ids)]]
        assert question.deadline_at == deadline(question.asked_at)
        assert question.decided_at is not None
        assert question.asked_at < question.decided_at <= question.deadline_at
        match question.outcome:
            case "expired":
                assert (question.decided_by, question.comment) == (None, NO_DECISION)
                assert question.decided_at == question.deadline_at
            case "withdrawn":
                assert question.decided_by == row.requester_id
            case _:
                assert question.decided_by in question.asked_ids
                assert question.comment or question.outcome == "approved"


def test_every_order_fits_what_was_approved(opened: Session) -> None:
    tolerance = _settings().price_tolerance_percent
    orders: dict[UUID, list[OrderRow]] = {}
    for order in opened.scalars(select(OrderRow).order_by(OrderRow.round)):
        orders.setdefault(order.request_id, []).append(order)
    numbers = [number for each in orders.values() for order in each for number in order.vendor_order_ids]
    assert len(set(numbers)) == len(numbers)
    for row in _past(opened):
        attempts = orders.get(row.id, [])
        took = [order for order in attempts if order.vendor_order_ids]
        assert (row.status == Status.COMPLETED) == (len(took) == 1)
        assert row.content_hash == content_hash(row.product, row.quantity, row.total)
        for order in took:
            assert order is attempts[-1]
            assert order.highest_price == highest_unit_price(row.draft.unit_price, tolerance)
            assert order.accepted_quantity is not None
            if order.charged_total is not None:
                assert order.charged_total <= order.highest_unit_price * order.accepted_quantity


def test_finance_looked_again_at_what_was_drawn_and_at_nothing_of_their_own(opened: Session) -> None:
    past = {row.id: row for row in _past(opened)}
    company = {row.id: row.to_person() for row in people.all_people(opened)}
    share, set_by = recheck.share(opened)
    assert set_by is not None
    rows = opened.scalars(select(recheck.RecheckRow)).all()
    for row in rows:
        request = past[row.request_id]
        review = recheck.drawn(opened, request)
        assert review.finished_at > set_by.at
        assert request.closed_at is not None
        assert request.closed_at < row.judged_at <= now(opened)
        assert row.judged_by != request.requester_id
        assert Role.FINANCE in company[row.judged_by].roles
        assert bool(row.why) == (row.verdict == "wrong")
    assert share == SHARE
    assert len(rows) >= 30
    assert {row.verdict for row in rows} == {"right", "wrong"}


def test_something_is_left_for_a_visitor_of_finance_to_look_at_again(opened: Session) -> None:
    visitor = next(one for one in read_company().on_tour() if Role.FINANCE in one.roles)
    person = people.by_email(opened, visitor.email)
    assert person is not None
    assert recheck.count_waiting(opened, person.id) >= 1


# ------------------------------------------------------------------------------------------ what waits


def _waiting(session: Session) -> Sequence[RequestRow]:
    return session.scalars(select(RequestRow).where(~RequestRow.is_demo)).all()


def test_what_waits_is_real_and_its_workflows_are_about_to_start(opened: Session) -> None:
    waiting = _waiting(opened)
    assert len(waiting) == len(read_company().waiting)
    started = opened.scalars(
        select(outbox.OutboxRow.request_id).where(
            outbox.OutboxRow.kind == "start_approval", outbox.OutboxRow.sent_at.is_(None)
        )
    ).all()
    assert {row.id for row in waiting} == set(started)
    assert {row.status for row in waiting} == {Status.SUBMITTED.value}


def test_what_waits_is_left_to_a_person_even_for_somebody_with_the_best_history(opened: Session) -> None:
    for row in _waiting(opened):
        rule_set = policy.in_force(opened, row.department_id)
        assert rule_set is not None
        subject = ReviewInput(row.total, row.category, row.vendor, row.department_id, History(1000, 0))
        assert not review_content(subject, rule_set.content).auto_approved, row.title


def test_what_waits_is_spread_over_several_managers(opened: Session) -> None:
    company = {row.id: row.to_person() for row in people.all_people(opened)}
    asked = [approver_line(company[row.requester_id], company)[0].name for row in _waiting(opened)]
    assert len(set(asked)) >= 5


def test_what_waits_can_be_bought_from_the_sandbox_shop() -> None:
    for one in read_company().waiting:
        article = find(one, catalogue())
        assert article.in_stock
        assert article.host == "amazon.es"
        assert article.as_product().buying_guidance is not BuyingGuidance.BLOCKED
        assert one.quantity <= (article.most or one.quantity)


# ------------------------------------------------------------------------------------------ drawn processes


def test_each_drawn_process_was_deployed_by_a_second_person_who_may(opened: Session) -> None:
    company = {row.id: row.to_person() for row in people.all_people(opened)}
    drawn = process.all_processes(opened)
    assert {row.key for row in drawn} == {one.template for one in read_company().processes}
    for row in drawn:
        version = process.deployed(opened, row.key)
        assert version.deployed_by is not None
        assert version.deployed_by not in version.editor_ids
        assert may(company[version.author_id].roles, Act.DRAW_PROCESS)
        assert may(company[version.deployed_by].roles, Act.DEPLOY_PROCESS)


def test_no_drawn_process_calls_outside_and_none_begins_by_itself(opened: Session) -> None:
    for row in process.all_processes(opened):
        types = {node.type for node in process.deployed(opened, row.key).process.nodes}
        assert types <= {"approval", "condition", "end", "notify", "set", "wait"}
    assert department_process.followed(opened) == {}
    assert opened.scalars(select(ProcessTriggerRow)).all() == []


def test_each_run_is_about_to_start_and_carries_the_wish_of_whoever_began_it(opened: Session) -> None:
    rows = process_run.newest(opened)
    told = opened.scalars(
        select(outbox.OutboxRow.payload).where(
            outbox.OutboxRow.kind == Kind.START_PROCESS.value, outbox.OutboxRow.sent_at.is_(None)
        )
    ).all()
    assert {str(row.id) for row in rows} == {each["run_id"] for each in told}
    assert len({row.started_by for row in rows}) == len(rows) == len(read_company().runs)
    company = {row.id: row.to_person() for row in people.all_people(opened)}
    for row in rows:
        assert row.started_by is not None
        assert row.given["requester"] == str(row.started_by)
        assert may(company[row.started_by].roles, Act.START_PROCESS)


def _asked_by(session: Session, run: ProcessRunRow, company: dict[UUID, Person]) -> set[str]:
    """Whom a run asks until somebody answers, by name or role."""

    def find(called: str) -> Person | None:
        return company.get(UUID(called))

    def holding(role: Role) -> list[Person]:
        return [each for each in company.values() if role in each.roles]

    plan = make_plan(process.deployed(session, run.process_key).process)
    waits: dict[str, tuple[Outcome | None, ...]] = {
        node.id: (None,) for node in plan.nodes if node.type == "approval"
    }
    sandbox = Sandbox(plan, Chosen(run.given, waits))
    for turn, _ in walk(plan, *start(plan), sandbox.answer):
        if turn is not None:
            sandbox.ended(turn)
    return {
        company[seat.person_id].name if seat.person_id else seat.role
        for turn, done in sandbox.done.items()
        if turn.node in waits
        for seat in seats(done.given["who"], find, company.get, holding, run.started_by)
    }


def test_the_runs_wait_for_people_whom_a_visitor_can_be_and_one_ends_by_itself(opened: Session) -> None:
    company = {row.id: row.to_person() for row in people.all_people(opened)}
    asked = [_asked_by(opened, run, company) for run in process_run.newest(opened)]
    assert asked.count(set()) == 1
    assert set().union(*asked) == {"Tomasz Zieliński", "Lucía Ferrer", "finance", "platform"}
    assert {"finance", "platform"} in asked
