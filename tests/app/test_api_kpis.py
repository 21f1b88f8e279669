"""The KPIs as JSON: the same figures as on the page, for the same people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy.orm import Session, sessionmaker

from local.demo.load import BUILDS, load
from local.plan import Plan
from rules.kpi import Grain, Scope, begin_of
from storage import api_token, kpi_review
from storage import person as people
from storage.audit import SYSTEM
from storage.database import make_engine, make_sessions
from tests.servers import clone

Get = Callable[..., Any]


@pytest.fixture(scope="module")
def demo_url(postgres: Plan) -> Iterator[str]:
    """A database with the demo company, shared by these tests: they only read its figures."""
    with clone(postgres, f"figures_api_{uuid4().hex}") as database:
        engine = make_engine(database.url)
        with make_sessions(engine).begin() as session:
            assert load(session, ("amazon.es", "amazon.com"), Decimal(5)) is not None
        engine.dispose()
        yield database.url


@pytest.fixture
def database_url(demo_url: str) -> str:
    return demo_url


@pytest.fixture
def get(app: Flask, sessions: sessionmaker[Session]) -> Get:
    """Asks for the KPIs with a token of somebody of the demo company."""

    def ask(login: str, query: str = "", status: int = 200) -> Any:
        with sessions.begin() as session:
            row = people.by_email(session, f"{login}@vistobueno.example")
            assert row is not None
            token = api_token.add(session, row, f"kpis-{datetime.now(UTC).timestamp()}", row.roles, 1, SYSTEM)
        answer = app.test_client().get(f"/api/v1/kpis{query}", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status, answer.text
        return answer.json

    return ask


def test_the_three_groups_hold_what_the_database_counts(get: Get, sessions: sessionmaker[Session]) -> None:
    answer = get("yuki")
    today = datetime.now(UTC).date()
    scope = Scope(begin_of(today, Grain.WEEK) - timedelta(weeks=11), today, None, include_demo=True)
    with sessions() as session:
        whole = kpi_review.count_whole(session, scope)
    assert {"automated_review", "deployment", "departments"} <= answer.keys()
    review = answer["automated_review"]
    precision = whole.precision
    assert precision.interval is not None
    assert review["precision"] == {
        "n": precision.whole,
        "value": precision.value,
        "low": precision.interval.low,
        "high": precision.interval.high,
    }
    assert review["auto_approval_rate"]["n"] == whole.reviewed
    assert review["false_positives"]["known"] == whole.false_positives
    assert review["targets"]["auto_approval_rate"]["low"] == 0.6
    assert set(BUILDS) == set(review["by_build"])
    assert answer["deployment"]["current_build"] is None
    assert answer["departments"]["it"]["average_amount"]["EUR"]["decided"]["n"] > 30


def test_few_cases_have_n_and_no_value(get: Get) -> None:
    answer = get("yuki", "?first=2020-01-01&last=2020-01-31")
    assert answer["automated_review"]["precision"] == {"n": 0, "value": None, "low": None, "high": None}
    assert answer["automated_review"]["targets"]["precision"]["standing"] == "unknown"
    assert answer["automated_review"]["changes"]["precision"] is None


def test_a_manager_gets_the_own_department_and_no_deployment(get: Get) -> None:
    answer = get("lucia")
    assert answer["window"]["department"] == "marketing"
    assert list(answer["departments"]) == ["marketing"]
    assert answer["deployment"] is None
    get("lucia", "?department=it", 403)


def test_whoever_sees_no_figures_gets_none_here_either(app: Flask, get: Get) -> None:
    get("ana", status=403)
    assert app.test_client().get("/api/v1/kpis").status_code == 401


def test_a_window_that_makes_no_sense_is_refused(get: Get) -> None:
    assert "first" in str(get("yuki", "?first=never", 422))
