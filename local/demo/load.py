"""Loads the demo company into an empty database, in the caller's one transaction. Leaves any other database alone."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from itertools import chain
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from app.password import hash_password
from local.demo.company import Colleague, Company, read_company, read_words
from local.demo.history import Past, live_all
from local.demo.life import Life, id_at
from local.demo.processes import begin_runs, draw_processes
from local.demo.questions import Deciders
from local.demo.rechecks import look_again
from local.demo.rulings import Rulings, open_rules
from local.demo.waiting import submit_waiting
from local.demo.wishes import Wishes
from local.demo.worktime import DAYS, after_office_hours, submit_times
from local.vendor.catalogue import catalogue
from rules.person import Person, Role
from rules.request import format_number
from storage import audit
from storage.audit import SYSTEM, AuditRow
from storage.database import now
from storage.decision import DecisionRow
from storage.department import Department
from storage.order import OrderRow
from storage.person import PersonRow, fold_email
from storage.recheck import RecheckRow, RecheckShareRow
from storage.request import NUMBERS, RequestRow, SubmissionRow
from storage.review import ReviewRow

SEED: Final = 20_261
#: So many requests are asked for; a few of the last days have not ended yet and are left out.
ASKED: Final = 812
#: Rules, flag and accounts are older than the first request.
OPENED_DAYS_AGO: Final = DAYS + 10
#: The builds that would have done the past, and how many days ago the second one took over.
BUILDS: Final = ("past-1", "past-2")
_SECOND_BUILD_DAYS_AGO: Final = 45
#: One loader at a time.
_LOCK: Final = 7_013_250_412


class State(Enum):
    """What a database holds, as far as the demo company is concerned."""

    EMPTY = "empty"
    DEMO = "demo"
    OTHERS = "others"


@dataclass(frozen=True)
class Loaded:
    """What a load wrote."""

    people: int
    past: int
    waiting: int
    processes: int
    runs: int


def state_of(session: Session) -> State:
    """Whether the demo company is there, or other people are."""
    first = fold_email(read_company().people[0].email)
    if session.scalar(select(PersonRow.id).where(PersonRow.email == first)):
        return State.DEMO
    return State.OTHERS if session.scalar(select(PersonRow.id).limit(1)) else State.EMPTY


def load(
    session: Session, vendor_hosts: Collection[str], tolerance_percent: Decimal, seed: int = SEED
) -> Loaded | None:
    """Load the company unless the database holds people; None where nothing was written.

    Args:
        session: its transaction is the caller's, so that an interrupted load leaves nothing.
        vendor_hosts: shops that may be bought from.
        tolerance_percent: how far a price may rise.
    """
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    if state_of(session) is not State.EMPTY:
        return None
    company, at = read_company(), now(session)
    chance = random.Random(seed)  # noqa: S311  a made-up past, no secrets
    opened_at = after_office_hours(at - timedelta(days=OPENED_DAYS_AGO), 1)
    people = open_accounts(session, company, opened_at, chance)
    rulings = open_rules(session, company, people, opened_at, at, chance)
    lives = _live(company, people, rulings, at, chance, vendor_hosts, tolerance_percent)
    _name_builds(lives, at)
    finance = sorted(
        (row.to_person() for row in people.values() if Role.FINANCE in row.roles), key=lambda p: p.name
    )
    chance = random.Random(seed + 1)  # noqa: S311  of its own, so that it changes nothing else of the past
    rechecks = look_again(lives, finance, read_words(), opened_at, at, chance)
    _write(session, lives, [*rulings.entries, *rechecks.entries])
    session.execute(insert(RecheckShareRow), rechecks.shares)
    session.execute(insert(RecheckRow), rechecks.rows)
    waiting = submit_waiting(session, company.waiting, people, catalogue())
    drawn = draw_processes(session, company.processes, people)
    runs = begin_runs(session, company.runs, people)
    loaded = Loaded(len(people), len(lives), len(waiting), len(drawn), len(runs))
    audit.record(
        session, SYSTEM, "demo.loaded", seed=seed, requests=loaded.past, waiting=loaded.waiting,
        processes=loaded.processes, runs=loaded.runs,
    )  # fmt: skip
    return loaded


def open_accounts(
    session: Session, company: Company, at: datetime, chance: random.Random
) -> dict[str, PersonRow]:
    """Departments and people, who joined at that moment; login -> row. `chance` draws their ids."""
    session.execute(
        insert(Department), [{"id": key, "name": name} for key, name in company.departments.items()]
    )
    password_hash = hash_password(company.password)
    rows: dict[str, PersonRow] = {}
    for one in company.people:
        rows[one.login] = PersonRow(
            id=id_at(at, chance),
            name=one.name,
            email=fold_email(one.email),
            password_hash=password_hash,
            roles=sorted(role.value for role in one.roles),
            department_id=one.department,
            manager_id=rows[one.manager].id if one.manager else None,
            created_at=at,
        )
    session.add_all(rows.values())
    session.flush()
    return rows


def _live(
    company: Company,
    rows: Mapping[str, PersonRow],
    rulings: Rulings,
    at: datetime,
    chance: random.Random,
    vendor_hosts: Collection[str],
    tolerance_percent: Decimal,
) -> list[Life]:
    people = {login: row.to_person() for login, row in rows.items()}
    words = read_words()
    past = Past(
        chance=chance,
        words=words,
        deciders=_deciders(company, people, at),
        rule_sets=rulings.rule_sets,
        flag_reason=rulings.flag_reason,
        flag_revision=rulings.flag_revision,
        tolerance_percent=tolerance_percent,
    )
    wishes = Wishes(company, words, catalogue(), vendor_hosts)
    buyers: list[Colleague] = [one for one in company.people if one.buys]
    weights = [one.buys for one in buyers]

    def who() -> Person:
        return people[chance.choices(buyers, weights)[0].login]

    lives = live_all(past, submit_times(chance, at, ASKED), who, lambda p, t: wishes.wish(p, t, chance))
    return [life for life in lives if life.closed_at is not None and life.closed_at <= at]


def _name_builds(lives: list[Life], at: datetime) -> None:
    """Let each review say which build would have written it."""
    took_over = at - timedelta(days=_SECOND_BUILD_DAYS_AGO)
    for life in lives:
        if life.review is not None:
            build = BUILDS[life.review["finished_at"] >= took_over]
            life.review["written_by"] = f"approvals/{build}"


def _deciders(company: Company, people: Mapping[str, Person], at: datetime) -> Deciders:
    absences: dict[UUID, list[tuple[datetime, datetime]]] = {}
    for absence in company.absences:
        span = (at - timedelta(days=absence.from_days_ago), at - timedelta(days=absence.to_days_ago))
        absences.setdefault(people[absence.login].id, []).append(span)
    return Deciders(
        people={person.id: person for person in people.values()},
        pace={people[one.login].id: one.pace for one in company.people},
        absences=absences,
        unblemished={people[one.login].id for one in company.people if one.unblemished},
        now=at,
    )


def _write(session: Session, lives: list[Life], entries: list[dict[str, Any]]) -> None:
    """All rows in bulk; the audit trail in the order of time."""
    numbers = session.scalars(select(NUMBERS.next_value()).select_from(func.generate_series(1, len(lives))))
    for life, sequence in zip(lives, numbers.all(), strict=True):
        life.give_number(format_number(life.request["submitted_at"].year, sequence))
    trail = sorted(chain(entries, *(life.entries for life in lives)), key=lambda entry: entry["at"])
    for table, rows in (
        (RequestRow, [life.request for life in lives]),
        (SubmissionRow, [life.submission for life in lives]),
        (ReviewRow, [life.review for life in lives if life.review is not None]),
        (DecisionRow, [row for life in lives for row in life.decisions]),
        (OrderRow, [row for life in lives for row in life.orders]),
        (AuditRow, trail),
    ):
        # Without render_nulls each pattern of empty columns becomes a statement of its own.
        session.execute(insert(table), rows, execution_options={"render_nulls": True})
