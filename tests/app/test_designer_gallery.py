"""The gallery: six templates with their pictures, what is filled in judged field by field, a draft with its scenarios."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session, sessionmaker

from rules.process_language import Language
from rules.process_scenario import judge_scenarios
from rules.process_templates import TEMPLATES
from storage import process as processes
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company

OpenBrowser = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]


@pytest.fixture
def elena(browser_of: OpenBrowser, company: Company) -> Browser:
    """Elena of the platform, who draws."""
    return browser_of(company.elena)


def texts(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.mark.parametrize("language", list(Language))
def test_every_template_is_shown_with_its_picture_in_both_languages(
    elena: Browser, language: Language
) -> None:
    page = elena.get(f"/processes/templates?language={language}").text
    for template in TEMPLATES.values():
        assert template.title[language] in html.unescape(page)
    assert page.count('class="process-drawing"') == len(TEMPLATES) == 6


@pytest.mark.parametrize("key", list(TEMPLATES))
def test_a_template_with_its_usual_values_is_a_draft_without_problems(
    elena: Browser, sessions: Sessions, key: str
) -> None:
    form = elena.get(f"/processes/templates/{key}").text
    assert "scenario" in texts(form)
    sent = {
        "key": key,
        "name": "",
        **{f"config.{each}": str(value) for each, value in TEMPLATES[key].usual.items()},
    }
    answer = elena.send(f"/processes/templates/{key}", sent)
    assert (answer.status_code, answer.location) == (303, f"/processes/{key}")
    with sessions.begin() as session:
        row, problems = processes.check(session, key, 1)
        assert (row.state, problems) == ("checked", ())
        assert judge_scenarios(row.process).is_complete


def test_what_is_filled_in_is_told_field_by_field_and_kept(elena: Browser) -> None:
    sent = {
        "key": "trips",
        "config.limit": "a lot",
        "config.deadline": "7 d",
        "config.reminder": "",
        "config.most_pending": "2",
    }
    answer = elena.send("/processes/templates/travel-expense", {"key": "trips", **sent})
    assert answer.status_code == 422
    said = texts(answer.text)
    assert "For example 500.00." in said
    assert "Reminded after is missing." in said
    assert 'value="a lot"' in answer.text


def test_a_key_that_is_taken_wrong_or_ours_is_refused_beside_it(elena: Browser) -> None:
    usual = {f"config.{each}": str(value) for each, value in TEMPLATES["travel-expense"].usual.items()}
    assert elena.send("/processes/templates/travel-expense", {"key": "travel", **usual}).status_code == 303
    for key, status, said in (
        ("travel", 409, "There is a process 'travel' already."),
        ("Not A Key", 422, "key"),
        ("templates", 422, "an address of ours"),
    ):
        answer = elena.send("/processes/templates/travel-expense", {"key": key, **usual})
        assert (answer.status_code, said in texts(answer.text)) == (status, True)


def test_what_is_filled_in_goes_into_the_process(elena: Browser, sessions: Sessions) -> None:
    usual = {f"config.{each}": str(value) for each, value in TEMPLATES["travel-expense"].usual.items()}
    sent = {"key": "viajes", "language": "es", "department": "it", **usual, "config.limit": "250.00"}
    assert elena.send("/processes/templates/travel-expense", sent).status_code == 303
    with sessions() as session:
        row = processes.draft(session, "viajes")
        assert row is not None
        small = row.process.node("small")
        assert small is not None
        assert (row.process.name, small.config["test"]["right"]) == ("Gasto de viaje", "250.00")
        assert processes.by_key(session, "viajes").department_id == "it"


def test_who_may_not_draw_finds_no_gallery_and_unknown_templates_are_not_there(
    elena: Browser, browser_of: OpenBrowser, company: Company
) -> None:
    assert browser_of(company.felix).get("/processes/templates").status_code == 403
    assert elena.get("/processes/templates/nothing").status_code == 404
