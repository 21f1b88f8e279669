"""The figures page: whose figures it shows, that it defines what it shows, that its charts say exact values."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask, Response
from sqlalchemy.orm import Session, sessionmaker

from app.pages.kpi.panel import STANDINGS
from local.demo.load import BUILDS, load
from local.plan import Plan
from rules.kpi import Grain, Scope, begin_of
from rules.kpi_figures import FIGURES
from rules.kpi_review import TARGETS, Grouping, estimates
from settings import Settings
from storage import kpi, kpi_deployment, kpi_review
from storage import person as people
from storage.database import make_engine, make_sessions
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.servers import clone

DEFINITIONS = Path(__file__).parents[2] / "docs" / "kpis.md"


@pytest.fixture(scope="module")
def demo_url(postgres: Plan) -> Iterator[str]:
    """A database with the demo company, shared by these tests: they only read its figures."""
    with clone(postgres, f"figures_page_{uuid4().hex}") as database:
        engine = make_engine(database.url)
        with make_sessions(engine).begin() as session:
            assert load(session, ("amazon.es", "amazon.com"), Decimal(5)) is not None
        engine.dispose()
        yield database.url


@pytest.fixture
def database_url(demo_url: str) -> str:
    """The app and the sessions of these tests work on the demo company."""
    return demo_url


@pytest.fixture
def open_as(
    browser_of: Callable[[PersonRow], Browser], sessions: sessionmaker[Session]
) -> Callable[[str], Browser]:
    """The browser of somebody of the demo company."""

    def log_in(login: str) -> Browser:
        with sessions() as session:
            row = people.by_email(session, f"{login}@vistobueno.example")
        assert row is not None
        return browser_of(row)

    return log_in


def _page(browser: Browser, query: str = "") -> str:
    answer = browser.get(f"/kpi{query}")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def _charts(page: str) -> dict[str, dict[str, Any]]:
    found = re.findall(r'<script type="application/json" id="([\w-]+)"[^>]*>(.*?)</script>', page, re.DOTALL)
    return {name: json.loads(content) for name, content in found}


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _usual(department_id: str | None = None, *, include_demo: bool = True) -> Scope:
    today = datetime.now(UTC).date()
    first = begin_of(today, Grain.WEEK) - timedelta(weeks=11)
    return Scope(first, today, department_id, include_demo)


# ------------------------------------------------------------------------------------------ one definition


def test_every_figure_on_the_page_is_defined_in_the_document_and_none_is_missing(
    open_as: Callable[[str], Browser],
) -> None:
    shown = set(re.findall(r'data-figure="(\w+)"', _page(open_as("daniel"))))
    document = _squeezed(DEFINITIONS.read_text())
    assert shown == set(FIGURES)
    for figure in FIGURES.values():
        assert f"### {figure.title} (`{figure.key}`) {figure.definition} Source: " in document


def test_the_document_defines_nothing_that_the_page_does_not_show() -> None:
    assert re.findall(r"^### .* \(`(\w+)`\)$", DEFINITIONS.read_text(), re.MULTILINE) == list(FIGURES)


def test_the_page_explains_every_figure_in_the_documents_words(open_as: Callable[[str], Browser]) -> None:
    page = html.unescape(_page(open_as("nora")))
    for figure in FIGURES.values():
        assert f'<dt id="about-{figure.key}">{figure.title}</dt>' in page
        assert f"<dd>{figure.definition}</dd>" in page


@pytest.mark.parametrize(
    "query",
    [
        *(kpi.SCOPE, kpi.DECIDED, kpi.ENDED, kpi.ORDERED, kpi.UNKNOWN, kpi.OPEN),
        *(kpi_review.TOLD, kpi_review.JUDGED, kpi_review.APPROVED, kpi_review.AMOUNTS, kpi_review.ERRORS),
        *kpi_deployment.QUERIES.values(),
    ],
)
def test_the_document_shows_the_queries_that_run(query: str) -> None:
    assert f"```sql\n{query.strip()}\n```" in DEFINITIONS.read_text()


# ------------------------------------------------------------------------------------------ exact values


def test_the_page_says_what_the_database_counts_with_n_and_interval(
    open_as: Callable[[str], Browser], sessions: sessionmaker[Session]
) -> None:
    page = _page(open_as("daniel"))
    with sessions() as session:
        rate = kpi.count(session, _usual()).total.auto_approval_rate
    assert rate.value is not None
    assert rate.interval is not None
    assert f"{rate.value * 100:.1f}\u00a0%" in page
    assert f"{rate.interval.low * 100:.1f}–{rate.interval.high * 100:.1f}\u00a0%" in page
    assert f"{rate.part} of n = {rate.whole}" in page


def test_every_chart_has_words_for_each_point_and_a_table_with_as_many_rows(
    open_as: Callable[[str], Browser],
) -> None:
    page = _page(open_as("daniel"))
    charts = _charts(page)
    assert set(charts) == {
        "decided",
        "auto-approval-rate",
        "manual-time",
        "ordered-EUR",
        "rate-by-department",
    }
    for name, option in charts.items():
        axis = option["yAxis"] if name == "rate-by-department" else option["xAxis"]
        assert len(option["tooltip"]["texts"]) == len(axis["data"])
        assert all(len(series["data"]) == len(axis["data"]) for series in option["series"])
        after = page.split(f'id="{name}"')[1]
        assert after.split("<tbody>")[1].split("</tbody>")[0].count("<tr>") == len(axis["data"])


def test_hovering_over_a_rate_says_value_n_and_interval(open_as: Callable[[str], Browser]) -> None:
    texts = _charts(_page(open_as("daniel")))["auto-approval-rate"]["tooltip"]["texts"]
    assert re.fullmatch(
        r"\d{4}-W\d\d, .+\n\d+\.\d\xa0% \(\d+ of \d+\), 95% interval \d+\.\d–\d+\.\d\xa0%", texts[0]
    )


def test_a_department_with_few_cases_gets_counts_instead_of_percentages(
    open_as: Callable[[str], Browser],
) -> None:
    page = _page(open_as("daniel"), "?department=people&first=2000-01-01&last=2000-01-31")
    assert "Nothing was decided in this window" in page
    few = _page(open_as("farah"))
    assert "n too small" in few
    assert "manual-time" not in _charts(few)


# ------------------------------------------------------------------------------------------ the panel


def _card(page: str, key: str) -> str:
    card = page.split(f'<section class="figure card" data-figure="{key}">')[1].split("</section>")[0]
    return _squeezed(html.unescape(re.sub(r"<[^>]+>", " ", card)))


def test_the_panel_says_precision_with_interval_target_and_what_is_not_judged_yet(
    open_as: Callable[[str], Browser], sessions: sessionmaker[Session]
) -> None:
    card = _card(_page(open_as("daniel")), "precision")
    with sessions() as session:
        tally = kpi_review.count_whole(session, _usual())
    precision = tally.precision
    assert precision.value is not None
    assert precision.interval is not None
    assert f"{precision.value * 100:.1f} %" in card
    assert f"{precision.interval.low * 100:.1f}–{precision.interval.high * 100:.1f} %" in card
    assert f"{precision.part} of n = {precision.whole}" in card
    assert "target 95 % and more" in card
    assert f"not judged yet: {tally.waiting}" in card


def test_each_target_stands_on_the_panel_with_a_word_for_how_it_stands(
    open_as: Callable[[str], Browser], sessions: sessionmaker[Session]
) -> None:
    page = _page(open_as("daniel"))
    with sessions() as session:
        found = estimates(kpi_review.count_whole(session, _usual()))
    for key, target in TARGETS.items():
        assert str(STANDINGS[target.standing(found[key])][0]) in _card(page, key)


def test_a_figure_says_how_it_moved_and_whether_that_may_be_chance(open_as: Callable[[str], Browser]) -> None:
    page = _page(open_as("daniel"), _window(28))
    assert re.search(
        r"[+-]\d+\.\d points against the window before(, may be chance)? \([+-].+ … [+-].+\)",
        _card(page, "auto_approval_rate"),
    )
    assert "nothing to compare with before" in _card(_page(open_as("daniel"), _window(365)), "confidence")


def _window(days: int) -> str:
    today = datetime.now(UTC).date()
    return f"?first={today - timedelta(days=days - 1)}&last={today}"


def test_builds_and_policy_versions_stand_side_by_side(
    open_as: Callable[[str], Browser], sessions: sessionmaker[Session]
) -> None:
    page = _page(open_as("daniel"))
    with sessions() as session:
        slices = kpi_review.count(session, _usual())
    for build in BUILDS:
        rate = slices[Grouping.BUILD, build].auto_approval_rate
        row = page.split(f"<strong>{build}</strong>")[1].split("</tr>")[0]
        assert rate.interval is not None
        assert f"{rate.interval.low * 100:.1f}–{rate.interval.high * 100:.1f}\u00a0%" in row
        assert f"n&nbsp;=&nbsp;{rate.whole}" in row
    assert re.search(r"<strong>\w[\w ]*, version \d+</strong>", page)
    assert "No request of this window has one." in page  # no variant was ever tried


def test_few_cases_are_too_few_for_the_panel_too(open_as: Callable[[str], Browser]) -> None:
    card = _card(_page(open_as("daniel"), f"{_window(1)}&department=people"), "precision")
    assert "too few" in card or "n = 0" in card
    assert "too few to say" in card


def test_deployments_are_the_whole_companys_and_no_managers_matter(open_as: Callable[[str], Browser]) -> None:
    assert "no build was seen yet" in _card(_page(open_as("daniel")), "current_build")
    assert 'data-figure="current_build"' not in _page(open_as("lucia"))


# ------------------------------------------------------------------------------------------ whose figures


def test_a_manager_sees_the_own_department_and_no_other(
    open_as: Callable[[str], Browser], sessions: sessionmaker[Session]
) -> None:
    lucia = open_as("lucia")
    page = _page(lucia)
    with sessions() as session:
        decided = kpi.count(session, _usual("marketing")).total.decided
    assert f'<p class="figure-value">{decided}</p>' in page
    assert re.findall(r'<option value="(\w*)"', page.split('id="department"')[1].split("</select>")[0]) == [
        "marketing"
    ]
    assert "rate-by-department" not in _charts(page)
    assert lucia.get("/kpi?department=it").status_code == 403


def test_finance_may_choose_a_department_and_no_invented_one(open_as: Callable[[str], Browser]) -> None:
    daniel = open_as("daniel")
    assert "· IT" in _page(daniel, "?department=it")
    assert daniel.get("/kpi?department=sales").status_code == 404


@pytest.mark.parametrize("login", ["ana", "ravi"])
def test_whoever_has_nothing_to_do_with_figures_sees_none(
    login: str, open_as: Callable[[str], Browser]
) -> None:
    browser = open_as(login)
    assert browser.get("/kpi").status_code == 403
    assert 'href="/kpi"' not in browser.get("/profile").get_data(as_text=True)


# ------------------------------------------------------------------------------------------ what is counted


@pytest.mark.parametrize("query", ["first=never", "last=21.11.2026", "first=2026-02-02&last=2026-02-01"])
def test_a_window_that_makes_no_sense_is_named_at_its_field_and_typed_text_stays(
    query: str, open_as: Callable[[str], Browser]
) -> None:
    answer = open_as("daniel").get(f"/kpi?{query}")
    field, typed = query.split("&")[0].split("=")
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert f'id="{field}-problem"' in page
    assert f'value="{typed}"' in page


def test_the_demo_history_can_be_left_out(open_as: Callable[[str], Browser]) -> None:
    daniel = open_as("daniel")
    assert "with the demo history" in _page(daniel)
    without = _page(daniel, "?demo=no")
    assert "without the demo history" in without
    assert "Nothing was decided in this window" in without


def test_outside_local_mode_the_demo_history_counts_only_when_asked_for(
    make_app: Callable[[Settings], Flask], settings: Settings, sessions: sessionmaker[Session]
) -> None:
    app = make_app(replace(settings, mode="production"))
    browser = Browser(app, Response, use_cookies=True)
    with sessions() as session:
        daniel = people.by_email(session, "daniel@vistobueno.example")
    assert daniel is not None
    token = browser.log_in(daniel, sessions)
    browser.set_cookie("__Host-session", token, secure=True)

    def page(path: str) -> str:
        return browser.get(path, base_url="https://localhost").get_data(as_text=True)

    assert "Nothing was decided in this window" in page("/kpi")
    assert "Demo history" not in page("/kpi")
    assert "with the demo history" in page("/kpi?demo=yes")
