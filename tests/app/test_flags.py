"""The page of flags: who may set what, why it must be said, what the story tells, and who gets what."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from rules.flag import AUTOMATED_REVIEW, Level
from storage import flag, flag_proposal, flag_use
from storage.database import now
from storage.flag_use import FlagUseRow
from storage.outbox import OutboxRow
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.questions import trail

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]
URL = "/flags/automated-review"
STRICTNESS_URL = "/flags/review-strictness"


def _form(**changes: str) -> dict[str, str]:
    return {"target": "everyone", "mail": "", "value": "on", "why": "The pilot begins", **changes}


def _overrides(sessions: Sessions) -> dict[tuple[Level, str], bool]:
    with sessions.begin() as session:
        return {key: one.value for key, one in flag.read_truth(session).of(AUTOMATED_REVIEW).items()}


def _answer(browser: Browser, sessions: Sessions, answer: str) -> list[int]:
    """Answer everything that waits; the statuses."""
    with sessions.begin() as session:
        waiting = [(one.key, one.id) for one in flag_proposal.open_ones(session)]
    return [
        browser.send(f"/flags/{key}/proposals/{number}", {"answer": answer}).status_code
        for key, number in waiting
    ]


def _agree(browser: Browser, sessions: Sessions) -> list[int]:
    return _answer(browser, sessions, "agree")


def _outcome(page: str) -> str:
    """What the look-up says, as text in one line."""
    found = page.split('id="lookup"')[1].split("</ol>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", found).split())


@pytest.mark.parametrize(
    ("target", "mail", "key"),
    [
        ("everyone", "", (Level.EVERYONE, "")),
        ("department:it", "", (Level.DEPARTMENT, "it")),
        ("person", "ANA@vistobueno.example ", (Level.PERSON, "ana")),
    ],
)
@pytest.mark.parametrize(("typed", "value"), [("on", True), ("off", False)])
def test_the_platform_sets_a_flag_for_everyone_a_department_or_a_person(
    target: str,
    mail: str,
    key: tuple[Level, str],
    typed: str,
    value: bool,
    browser_of: BrowserOf,
    company: Company,
    sessions: Sessions,
) -> None:
    answer = browser_of(company.elena).send(URL, _form(target=target, mail=mail, value=typed))
    assert answer.status_code == 303
    assert _agree(browser_of(company.carla), sessions) == ([303] if value else [])
    subject = str(company.ana.id) if key[1] == "ana" else key[1]
    assert _overrides(sessions) == {(key[0], subject): value}


def test_a_change_is_audited_with_its_reason_and_spread(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    browser_of(company.elena).send(URL, _form(value="off"))
    entry = trail(sessions, "flag.set")[0]
    assert entry.actor_id == company.elena.id
    assert entry.detail == {
        "key": "automated-review",
        "level": "everyone",
        "subject": "",
        "value": False,
        "before": None,
        "until": None,
        "why": "The pilot begins",
    }
    with sessions.begin() as session:
        assert list(session.scalars(select(OutboxRow.kind))) == ["spread_flags"]


def test_what_is_set_can_be_taken_away(browser_of: BrowserOf, company: Company, sessions: Sessions) -> None:
    elena = browser_of(company.elena)
    elena.send(URL, _form(target="department:it", value="off"))
    elena.send(URL, _form(target="department:it", value="clear", why="Back to the others"))
    assert _overrides(sessions) == {}
    story = elena.get(URL).text.split("How it came so")[1]
    assert story.index("Back to the others") < story.index("The pilot begins")


def test_the_story_names_who_when_why_and_what_stood_before(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    elena.send(URL, _form(value="on"))
    _agree(browser_of(company.carla), sessions)
    elena.send(URL, _form(value="off", why="Something is wrong"))
    rows = elena.get(URL).text.split("How it came so")[1].split("<tbody>")[1].split("</tr>")
    off, on = (" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows[:2])
    moment = r"\d+ \w+ \d{4}, \d\d:\d\d UTC"
    assert re.fullmatch(moment + " Elena Esteban Everyone on off Something is wrong", off)
    assert re.fullmatch(
        moment + f" Elena Esteban {company.carla.name} agreed Everyone not set on The pilot begins", on
    )


def test_a_repeated_click_changes_nothing_more(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    assert [elena.send(URL, _form()).status_code for _ in range(3)] == [303, 303, 303]
    assert len(trail(sessions, "flag.proposed")) == 1
    assert [elena.send(URL, _form(value="off")).status_code for _ in range(3)] == [303, 303, 303]
    assert len(trail(sessions, "flag.set")) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"why": ""}, "say why"),
        ({"why": "x" * 501}, "at most 500"),
        ({"why": "a\x00b"}, "cannot be shown"),
        ({"value": ""}, "choose on, off"),
        ({"value": "true"}, "choose on, off"),
        ({"value": "2"}, "choose on, off"),
        ({"target": ""}, "whom it is for"),
        ({"target": "department:"}, "whom it is for"),
        ({"target": "department:__proto__"}, "whom it is for"),
        ({"target": "department:it' OR 1=1"}, "whom it is for"),
        ({"target": "person"}, "Nobody has this mail address"),
        ({"target": "person", "mail": "nobody@vistobueno.example"}, "Nobody has this mail address"),
        ({"target": "person", "mail": "a\x00b"}, "Nobody has this mail address"),
    ],
)
def test_a_change_that_makes_no_sense_is_told_at_its_field(
    changes: dict[str, str], said: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    refused = browser_of(company.elena).send(URL, _form(**changes))
    assert refused.status_code == 422
    assert said in refused.text
    assert _overrides(sessions) == {}


@pytest.mark.parametrize("key", ["automated-reviews", "..", "a b", "x" * 300, "__proto__", "constructor"])
def test_an_unknown_flag_does_not_exist(key: str, browser_of: BrowserOf, company: Company) -> None:
    assert browser_of(company.elena).send(f"/flags/{key}", _form()).status_code == 404


@pytest.mark.parametrize("reader", ["carla", "felix"])
def test_finance_and_auditors_read_and_cannot_set(
    reader: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    browser = browser_of(getattr(company, reader))
    page = browser.get(URL)
    assert page.status_code == 200
    assert "Change it" not in page.text
    assert browser.send(URL, _form()).status_code == 403
    assert _overrides(sessions) == {}


def test_somebody_who_flips_without_end_is_stopped(browser_of: BrowserOf, company: Company) -> None:
    elena = browser_of(company.elena)
    statuses = [elena.send(URL, _form(value="clear" if n % 2 else "off")).status_code for n in range(31)]
    assert statuses == [303] * 30 + [429]


def test_the_look_up_says_what_a_person_gets_and_why(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    look = f"{URL}?who=ana@vistobueno.example"
    assert "Ana Alonso off nothing is set" in _outcome(elena.get(look).text)
    carla = browser_of(company.carla)
    elena.send(URL, _form())
    _agree(carla, sessions)
    assert "Ana Alonso on set for everyone" in _outcome(elena.get(look).text)
    elena.send(URL, _form(target="department:marketing", value="off"))
    assert "Ana Alonso off set for department" in _outcome(elena.get(look).text)
    elena.send(URL, _form(target="person", mail="ana@vistobueno.example"))
    _agree(carla, sessions)
    assert "Ana Alonso on set for person" in _outcome(elena.get(look).text)


def test_looking_up_nobody_is_told_plainly(browser_of: BrowserOf, company: Company) -> None:
    assert "Nobody has this mail address" in browser_of(company.felix).get(f"{URL}?who=x%00y").text


# The list


def _row(page: str, key: str) -> str:
    """A flag's row in the list, as text in one line."""
    row = next(row for row in page.split("<tr>") if f"<code>{key}</code>" in row)
    return " ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", row, flags=re.S).split())


def test_the_list_names_every_flag_with_what_it_says_for_most(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    elena.send(STRICTNESS_URL, _form(value="strict"))
    elena.send(URL, _form(target="department:it", value="off"))
    page = elena.get("/flags").text
    assert "off by default 1 department or person not yet" in _row(page, "automated-review")
    assert "strict nobody not yet" in _row(page, "review-strictness")


def test_a_flag_that_nobody_reads_for_30_days_is_called_unused(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    with sessions.begin() as session:
        flag_use.note_reads(session, {"automated-review"})
        session.execute(update(FlagUseRow).values(counted_since=now(session) - timedelta(days=31)))
    page = browser_of(company.felix).get("/flags").text
    assert "unused for 30 days" in _row(page, "review-strictness")
    assert "unused" not in _row(page, "automated-review")


# The second person


def test_switching_it_on_waits_for_a_second_person_who_sees_it_in_the_menu(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena, carla = browser_of(company.elena), browser_of(company.carla)
    assert "agrees" in elena.send(URL, _form(), follow_redirects=True).text
    assert _overrides(sessions) == {}
    assert "1 change waits for a second person" in _row(carla.get("/flags").text, "automated-review")
    page = carla.get(URL).text
    assert "Elena Esteban" in page
    assert ">Agree<" in page
    assert _agree(carla, sessions) == [303]
    assert _overrides(sessions) == {(Level.EVERYONE, ""): True}


def test_who_proposed_can_take_it_back_and_not_agree(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    elena.send(URL, _form())
    page = elena.get(URL).text
    assert ">Agree<" not in page
    assert "Take it back" in page
    assert _agree(elena, sessions) == [403]
    assert _answer(elena, sessions, "decline") == [303]
    assert "Waits for a second person" not in elena.get(URL).text
    assert _overrides(sessions) == {}


def test_an_auditor_sees_what_waits_and_answers_nothing(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    browser_of(company.elena).send(URL, _form())
    felix = browser_of(company.felix)
    page = felix.get(URL).text
    assert "Waits for a second person" in page
    assert ">Agree<" not in page
    assert _agree(felix, sessions) == [403]


@pytest.mark.parametrize("answer", ["", "yes", "on"])
def test_an_answer_that_says_neither_is_refused(
    answer: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    browser_of(company.elena).send(URL, _form())
    assert _answer(browser_of(company.carla), sessions, answer) == [422]
    assert _overrides(sessions) == {}


def test_what_was_answered_meanwhile_is_told(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena, carla, diego = map(browser_of, (company.elena, company.carla, company.diego))
    elena.send(URL, _form())
    with sessions.begin() as session:
        number = flag_proposal.open_ones(session)[0].id
    path = f"{URL}/proposals/{number}"
    assert carla.send(path, {"answer": "decline"}).status_code == 303
    assert diego.send(path, {"answer": "agree"}).status_code == 409
    assert diego.send(f"{URL}/proposals/{UUID(int=1)}", {"answer": "agree"}).status_code == 404
    assert _overrides(sessions) == {}


def test_a_more_lenient_review_is_proposed_and_a_stricter_one_is_set(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    elena.send(STRICTNESS_URL, _form(value="lenient"))
    assert [entry.detail["value"] for entry in trail(sessions, "flag.proposed")] == ["lenient"]
    elena.send(STRICTNESS_URL, _form(target="department:it", value="strict"))
    assert [entry.detail["value"] for entry in trail(sessions, "flag.set")] == ["strict"]


# Ends, and two at once


def test_a_setting_may_end_by_itself(browser_of: BrowserOf, company: Company, sessions: Sessions) -> None:
    elena = browser_of(company.elena)
    elena.send(URL, _form(target="department:it", value="off", until="2090-05-06T07:08"))
    with sessions.begin() as session:
        setting = flag.read_truth(session).of(AUTOMATED_REVIEW)[Level.DEPARTMENT, "it"]
    assert setting.until == datetime(2090, 5, 6, 7, 8, tzinfo=UTC)
    assert "6 May 2090, 07:08 UTC" in elena.get(URL).text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"until": "2020-01-01T00:00"}, "has to be in the future"),
        ({"until": "tomorrow"}, "a day and a time"),
        ({"until": "2090-05-06T07:08", "value": "clear"}, "needs no end"),
    ],
)
def test_an_end_that_makes_no_sense_is_told_at_its_field(
    changes: dict[str, str], said: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    refused = browser_of(company.elena).send(URL, _form(**{"value": "off", **changes}))
    assert refused.status_code == 422
    assert said in refused.text
    assert _overrides(sessions) == {}


def test_of_two_who_saw_the_same_state_the_second_is_told(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena = browser_of(company.elena)
    seen = re.search(r'name="seen" value="(\d+)"', elena.get(URL).text)
    assert seen is not None
    assert elena.send(URL, _form(value="off", seen=seen[1])).status_code == 303
    late = elena.send(URL, _form(value="clear", seen=seen[1], why="No need of it"))
    assert late.status_code == 409
    assert "a moment ago" in late.text
    assert _overrides(sessions) == {(Level.EVERYONE, ""): False}


def test_who_is_late_keeps_what_was_typed_sees_the_other_change_and_saves_on_top(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    elena, other = browser_of(company.elena), browser_of(company.elena)
    elena.send(STRICTNESS_URL, _form(value="strict", seen="0", why="Elena is careful"))
    late = other.send(
        STRICTNESS_URL, _form(value="strict", seen="0", until="2099-01-01T10:00", why="Peter, too")
    )
    assert late.status_code == 409
    clash = " ".join(re.sub(r"<[^>]+>", " ", late.text.split('id="clash"')[1].split("</form")[0]).split())
    assert f"{company.elena.name} " in clash
    assert "strict . Elena is careful" in clash
    for typed in ('value="2099-01-01T10:00"', 'value="Peter, too"', 'value="strict" checked'):
        assert typed in late.text
    seen = re.search(r'name="seen" value="(\d+)"', late.text)
    assert seen is not None
    again = other.send(STRICTNESS_URL, _form(value="standard", target="department:it", seen=seen[1]))
    assert again.status_code == 303


def test_what_somebody_else_proposed_already_keeps_what_was_typed(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    browser_of(company.elena).send(URL, _form())
    late = browser_of(company.elena).send(URL, _form(until="2099-01-01T10:00", why="Until then"))
    assert late.status_code == 409
    assert 'id="target-problem"' in late.text
    assert 'value="2099-01-01T10:00"' in late.text


def test_what_waits_is_counted_once_a_page_and_by_the_database(
    browser_of: BrowserOf, company: Company
) -> None:
    browser_of(company.elena).send(URL, _form())
    diego = browser_of(company.diego)
    asked = [one for one in diego.statements("/builds") if "FROM flag_proposal" in one]
    assert len(asked) == 1
    assert asked[0].startswith("SELECT count(*)")
    page = diego.get("/builds").text
    assert page.count('>1<span class="visually-hidden"> waiting</span>') == 2  # the entry and its tab
