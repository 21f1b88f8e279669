"""Accounts: roles, locks, and that nobody changes their own."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy.orm import Session, sessionmaker

from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.questions import trail

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]


def _row(sessions: Sessions, person: PersonRow) -> PersonRow:
    with sessions.begin() as session:
        return session.get_one(PersonRow, person.id)


def test_everybody_is_listed_and_can_be_searched(browser_of: BrowserOf, company: Company) -> None:
    greta = browser_of(company.greta)
    page = greta.get("/people").text
    assert all(name in page for name in ("Ana Alonso", "Hugo Herrera", "Marketing"))
    found = greta.get("/people?q=BLANCO").text
    assert "Bruno Blanco" in found
    assert "Ana Alonso" not in found.replace("Bruno Blanco", "")


def test_new_roles_count_at_once_and_end_every_session(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    ana = browser_of(company.ana)
    assert ana.get("/inbox").status_code == 403
    form = {"roles": ["employee", "manager"], "why": "Leads the team now"}
    answer = browser_of(company.greta).send(f"/people/{company.ana.id}/roles", form)
    assert answer.status_code == 303
    assert sorted(_row(sessions, company.ana).roles) == ["employee", "manager"]
    assert ana.get("/profile").status_code == 303, "the old session is over"
    assert browser_of(company.ana).get("/inbox").status_code == 200
    entry = trail(sessions, "person.roles_changed")[0]
    assert entry.actor_id == company.greta.id
    assert entry.detail == {
        "person": str(company.ana.id),
        "granted": ["manager"],
        "revoked": [],
        "why": "Leads the team now",
    }


def test_the_same_roles_again_change_nothing(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    ana, greta = browser_of(company.ana), browser_of(company.greta)
    form = {"roles": ["employee"], "why": "To be sure"}
    assert greta.send(f"/people/{company.ana.id}/roles", form).status_code == 303
    assert ana.get("/profile").status_code == 200
    assert trail(sessions, "person.roles_changed") == []


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"roles": ["employee", "auditor"], "why": "x"}, "must not be in one hand"),
        ({"roles": ["admin", "finance"], "why": "x"}, "must not be in one hand"),
        ({"roles": ["owner"], "why": "x"}, "no such role"),
        ({"roles": [], "why": "x"}, "at least one role"),
        ({"roles": ["employee", "manager"], "why": "  "}, "say why"),
        ({"roles": ["employee", "manager"], "why": "a\x00b"}, "cannot be shown"),
    ],
)
def test_roles_that_must_not_meet_and_nonsense_are_refused(
    form: dict[str, object], said: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    refused = browser_of(company.greta).send(f"/people/{company.ana.id}/roles", form)
    assert refused.status_code == 422
    assert said in refused.text
    assert _row(sessions, company.ana).roles == ["employee"]


@pytest.mark.parametrize("act", ["roles", "lock", "unlock"])
def test_nobody_changes_their_own_account(
    act: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    form = {"roles": ["platform"], "why": "Because I can"}
    refused = browser_of(company.greta).send(f"/people/{company.greta.id}/{act}", form)
    assert refused.status_code == 403
    row = _row(sessions, company.greta)
    assert (row.roles, row.locked_at) == (["admin"], None)
    assert "only another administrator" in browser_of(company.greta).get(f"/people/{company.greta.id}").text


def test_a_locked_account_is_out_at_once_and_in_again_when_unlocked(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    ana, greta = browser_of(company.ana), browser_of(company.greta)
    assert greta.send(f"/people/{company.ana.id}/lock", {"why": "Lost the laptop"}).status_code == 303
    assert ana.get("/profile").status_code == 303
    assert "locked" in greta.get("/people?q=ana").text
    assert greta.send(f"/people/{company.ana.id}/unlock", {"why": "Found it"}).status_code == 303
    assert _row(sessions, company.ana).locked_at is None
    assert browser_of(company.ana).get("/profile").status_code == 200
    assert [entry.detail["why"] for entry in trail(sessions, "person.locked")] == ["Lost the laptop"]
    assert [entry.detail["why"] for entry in trail(sessions, "person.unlocked")] == ["Found it"]


def test_locking_without_a_reason_locks_nobody(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    refused = browser_of(company.greta).send(f"/people/{company.ana.id}/lock", {"why": ""})
    assert refused.status_code == 422
    assert _row(sessions, company.ana).locked_at is None


def test_somebody_who_does_not_exist_cannot_be_changed(browser_of: BrowserOf, company: Company) -> None:
    greta = browser_of(company.greta)
    assert greta.get(f"/people/{UUID(int=7)}").status_code == 404
    assert greta.send(f"/people/{UUID(int=7)}/lock", {"why": "x"}).status_code == 404


@pytest.mark.parametrize("person", ["ana", "bruno", "carla", "elena", "felix"])
def test_only_administrators_manage_people(person: str, browser_of: BrowserOf, company: Company) -> None:
    browser = browser_of(getattr(company, person))
    assert browser.get("/people").status_code == 403
    assert browser.send(f"/people/{company.ana.id}/lock", {"why": "x"}).status_code == 403
