"""The grid of rule sets: edited in place, every save a version, none ever lost; and the try-out box."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy.orm import Session, sessionmaker

from rules.policy import RuleSet
from storage import policy
from storage.audit import SYSTEM
from storage.person import PersonRow
from storage.policy import DEFAULT, RuleSetRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.app.questions import trail

BrowserOf = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]
HTMX = {"HX-Request": "true"}

RULES = RuleSet(
    currency="EUR",
    max_amount=Decimal("500.00"),
    trusted_categories=("electronics", "books", "office_supplies"),
    min_previous_purchases=3,
    max_rejected_last_30_days=1,
    department_limits=(("finance", Decimal("200.00")), ("marketing", Decimal("300.00"))),
    vendor_whitelist=("amazon.es", "amazon.com"),
)


def _put(sessions: Sessions, department_id: str, rules: RuleSet, replaces: int = 0, note: str = "") -> UUID:
    with sessions.begin() as session:
        row = policy.save_version(
            session, department_id, rules.to_content(), SYSTEM, replaces_version=replaces, note=note
        )
        return row.id


def _newest(sessions: Sessions, department_id: str) -> RuleSetRow:
    with sessions.begin() as session:
        return policy.versions(session, department_id)[0]


def _form(replaces: int = 1, **changes: object) -> dict[str, object]:
    form: dict[str, object] = {
        "replaces_version": str(replaces),
        "max_amount": "500.00",
        "currency": "EUR",
        "trusted_categories": ["electronics", "books", "office_supplies"],
        "min_previous_purchases": "3",
        "max_rejected_last_30_days": "1",
        "limit-finance": "200.00",
        "limit-marketing": "300.00",
        "vendor_whitelist": "amazon.es, amazon.com",
        "note": "The new budget",
    }
    return {**form, **changes}


def test_the_grid_has_a_row_for_every_department_and_says_who_uses_the_default(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    _put(sessions, DEFAULT, RULES)
    _put(sessions, "it", replace(RULES, max_amount=Decimal("1000.00")))
    page = browser_of(company.carla).get("/policy").text
    rows = {
        name: page.split(f'id="rules-{name}"')[1].split("</tbody>")[0]
        for name in ("default", "it", "marketing")
    }
    assert "500.00" in rows["default"]
    assert "1000.00" in rows["it"]
    assert "uses default" in rows["marketing"]
    assert "Give it its own" in rows["marketing"]
    assert page.index('id="rules-default"') < page.index('id="rules-finance"') < page.index('id="rules-it"')


def test_without_any_rules_the_grid_says_that_a_person_decides_everything(
    browser_of: BrowserOf, company: Company
) -> None:
    assert "a person decides everything" in browser_of(company.carla).get("/policy").text


@pytest.mark.parametrize("reader", ["bruno", "felix"])
def test_managers_and_auditors_read_and_cannot_write(
    reader: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    _put(sessions, DEFAULT, RULES)
    browser = browser_of(getattr(company, reader))
    page = browser.get("/policy")
    assert page.status_code == 200
    assert "/edit" not in page.text
    assert browser.send("/policy/default", _form()).status_code == 403
    assert browser.get("/policy/default/edit").status_code == 403
    assert _newest(sessions, DEFAULT).version == 1


def test_saving_a_row_is_a_new_version_in_force_from_now_on(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    _put(sessions, DEFAULT, RULES)
    carla = browser_of(company.carla)
    answer = carla.send("/policy/default", _form(max_amount="650.00"))
    assert answer.status_code == 303
    row = _newest(sessions, DEFAULT)
    assert (row.version, row.content["max_amount"], row.note, row.created_by) == (
        2,
        "650.00",
        "The new budget",
        company.carla.id,
    )
    assert "Default: version 2 is in force from now on." in carla.get("/policy").text
    saved = trail(sessions, "policy.saved")[-1]
    assert (saved.actor_id, saved.detail["version"], saved.detail["note"]) == (
        company.carla.id,
        2,
        "The new budget",
    )


def test_a_department_gets_its_own_rules_from_the_default(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    _put(sessions, DEFAULT, RULES)
    carla = browser_of(company.carla)
    opened = carla.get("/policy/marketing/edit", headers=HTMX).text
    assert 'value="500.00"' in opened
    assert 'name="replaces_version" value="0"' in opened
    assert "<html" not in opened
    assert carla.send("/policy/marketing", _form(0, max_amount="250.00")).status_code == 303
    assert _newest(sessions, "marketing").content["max_amount"] == "250.00"
    assert _newest(sessions, DEFAULT).content["max_amount"] == "500.00"


def test_without_scripts_the_row_opens_on_the_whole_page(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    _put(sessions, DEFAULT, RULES)
    page = browser_of(company.carla).get("/policy/default/edit").text
    assert "<html" in page
    assert 'name="max_amount" value="500.00"' in page


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("max_amount", "1,000.00", "without separators"),
        ("max_amount", "NaN", "plain number"),
        ("max_amount", "-5", "plain number"),
        ("max_amount", "0", "more than zero"),
        ("max_amount", "10.005", "digits after the point"),
        ("max_amount", "99999999999", "at most"),
        ("currency", "BTC", "choose a currency"),
        ("trusted_categories", ["electronics", "weapons"], "is not a category"),
        ("trusted_categories", ["books", "books"], "twice"),
        ("min_previous_purchases", "-1", "whole number"),
        ("min_previous_purchases", "1.5", "whole number"),
        ("min_previous_purchases", "٣", "whole number"),
        ("max_rejected_last_30_days", "1001", "whole number"),
        ("limit-marketing", "a lot", "plain number"),
        ("vendor_whitelist", "amazon.es, аmazon.com", "is not a vendor host"),
        ("vendor_whitelist", "https://amazon.es/", "is not a vendor host"),
        ("note", "  ", "say why"),
        ("note", "a\x00b", "cannot be shown"),
    ],
)
def test_what_is_wrong_is_said_at_its_cell_and_nothing_is_saved(
    field: str, typed: object, said: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    _put(sessions, DEFAULT, RULES)
    refused = browser_of(company.carla).send("/policy/default", _form() | {field: typed}, headers=HTMX)
    assert refused.status_code == 422
    column = "department_limits" if field.startswith("limit-") else field
    if field == "note":
        cell = refused.text.split('name="note"')[1]
    else:
        cell = refused.text.split(f'id="problem-default-{column}"')[1].split("</td>")[0]
    assert said in cell.split("<button")[0]
    assert _newest(sessions, DEFAULT).version == 1


def test_a_cell_is_judged_by_itself_while_it_is_typed(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    _put(sessions, DEFAULT, RULES)
    carla = browser_of(company.carla)
    wrong = _form(max_amount="12,5", min_previous_purchases="-1")
    assert "separators" in carla.send("/policy/default/check/max_amount", wrong, headers=HTMX).text
    assert "problem" not in carla.send("/policy/default/check/currency", wrong, headers=HTMX).text
    assert _newest(sessions, DEFAULT).version == 1
    assert carla.send("/policy/default/check/status", wrong).status_code == 404
    assert carla.send("/policy/nowhere/check/max_amount", wrong).status_code == 404


def test_two_editors_at_once_the_second_sees_both_versions_and_chooses(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    _put(sessions, DEFAULT, RULES)
    carla, diego = browser_of(company.carla), browser_of(company.diego)
    carla.send("/policy/default", _form(max_amount="600.00", note="Carla's reason"))
    mine = _form(max_amount="700.00", note="Diego's reason")
    clash = diego.send("/policy/default", mine, headers=HTMX)
    assert clash.status_code == 409
    assert "Carla Cruz saved version 2 while you were editing version 1." in clash.text
    theirs, ours = clash.text.split("What yours would change on top of it")
    assert "<del>500.00</del>" in theirs
    assert "<ins>600.00</ins>" in theirs
    assert "<del>600.00</del>" in ours
    assert "<ins>700.00</ins>" in ours
    assert 'name="max_amount" value="700.00"' in clash.text, "what was typed is still there"
    assert _newest(sessions, DEFAULT).version == 2
    assert diego.send("/policy/default", mine | {"on_top_of": "2"}).status_code == 303
    row = _newest(sessions, DEFAULT)
    assert (row.version, row.content["max_amount"]) == (3, "700.00")


def test_saving_twice_by_a_double_click_makes_one_version(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    _put(sessions, DEFAULT, RULES)
    carla = browser_of(company.carla)
    assert carla.send("/policy/default", _form(max_amount="650.00")).status_code == 303
    assert carla.send("/policy/default", _form(max_amount="650.00")).status_code == 409
    assert _newest(sessions, DEFAULT).version == 2


def test_saving_what_stands_already_is_refused(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    _put(sessions, DEFAULT, RULES)
    refused = browser_of(company.carla).send("/policy/default", _form())
    assert refused.status_code == 422
    assert "Nothing was changed" in refused.text


@pytest.mark.parametrize("version", ["", "one", "-1", "99999999999999999999"])
def test_a_form_that_does_not_say_what_it_changes_saves_nothing(
    version: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    _put(sessions, DEFAULT, RULES)
    form = _form(max_amount="650.00") | {"replaces_version": version}
    assert browser_of(company.carla).send("/policy/default", form).status_code == 422
    assert _newest(sessions, DEFAULT).version == 1


def test_every_version_stays_readable_with_what_it_changed(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    first = _put(sessions, "it", RULES)
    _put(
        sessions,
        "it",
        replace(RULES, max_amount=Decimal("900.00"), trusted_categories=("electronics", "software")),
        1,
        "More software",
    )
    carla = browser_of(company.carla)
    versions = carla.get("/policy/it/versions").text
    assert versions.index("Version 2") < versions.index("Version 1")
    for said in ("More software", "<del>books</del>", "<ins>software</ins>", "<ins>900.00</ins>"):
        assert said in versions
    old = carla.get(f"/policy/versions/{first}")
    assert old.status_code == 200
    assert "no longer in force" in old.text
    assert "electronics, books, office supplies" in old.text
    assert carla.get(f"/policy/versions/{UUID(int=7)}").status_code == 404
    assert carla.get("/policy/nowhere/versions").status_code == 404


def test_the_download_holds_the_grid_and_no_formula(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    _put(sessions, DEFAULT, RULES, note="=HYPERLINK(evil)")
    answer = browser_of(company.felix).get("/policy.csv")
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert [row["Department"] for row in rows] == ["Default", "Finance", "IT", "Marketing"]
    assert rows[0]["Highest amount"] == "500.00"
    assert rows[0]["Why"] == "'=HYPERLINK(evil)"
    assert rows[1]["Rules"] == "default"


SAMPLE = {
    "version": "",
    "amount": "120.00",
    "currency": "EUR",
    "category": "electronics",
    "vendor": "amazon.es",
    "department": "marketing",
    "completed": "5",
    "rejected": "0",
}


def _try(browser: Browser, **changes: str) -> str:
    answer = browser.get("/policy/try", query_string={**SAMPLE, **changes}, headers=HTMX)
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize(
    ("changes", "columns", "risk"),
    [
        ({}, "", "0.1"),
        ({"amount": "300.00"}, "", "0.1"),
        ({"amount": "500.01"}, "max_amount", "0.8"),
        ({"category": "furniture"}, "trusted_categories", "0.6"),
        ({"unreadable": "yes"}, "min_previous_purchases max_rejected_last_30_days", "0.7"),
        ({"completed": "2"}, "min_previous_purchases", "0.5"),
        ({"rejected": "2"}, "max_rejected_last_30_days", "0.5"),
        ({"amount": "300.01"}, "department_limits", "0.4"),
        ({"vendor": "amazon.de"}, "vendor_whitelist", "0.3"),
        ({"currency": "USD"}, "currency", "1.0"),
    ],
)
def test_the_box_lights_the_column_that_decides(
    changes: dict[str, str],
    columns: str,
    risk: str,
    browser_of: BrowserOf,
    company: Company,
    sessions: Sessions,
) -> None:
    version = _put(sessions, DEFAULT, RULES)
    result = _try(browser_of(company.bruno), **changes)
    assert f'data-tried="{version}" data-columns="{columns}"' in result
    assert f"<dt>Risk</dt><dd>{risk}</dd>" in result
    assert ("Approved at once" in result) is (columns == "")
    if columns not in {"", "currency"}:
        assert result.count("is-lit") == 1


def test_any_version_can_be_tried_also_one_that_is_long_gone(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    strict = _put(sessions, DEFAULT, replace(RULES, max_amount=Decimal("10.00"), department_limits=()))
    _put(sessions, DEFAULT, RULES, 1)
    carla = browser_of(company.carla)
    assert "Approved at once" in _try(carla)
    assert "allowed is at most 10.00 EUR" in _try(carla, version=str(strict))


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("amount", "", "give an amount"),
        ("amount", "1e5", "plain number"),
        ("currency", "usd", "choose a currency"),
        ("category", "weapons", "choose a category"),
        ("vendor", "", "fill this in"),
        ("vendor", "a\x00b", "cannot be shown"),
        ("department", "nowhere", "choose a department"),
        ("completed", "-1", "whole number"),
        ("rejected", "9999", "whole number"),
        ("version", "the best", "choose a version"),
    ],
)
def test_a_sample_that_makes_no_sense_is_told_at_its_field(
    field: str, typed: str, said: str, browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    _put(sessions, DEFAULT, RULES)
    result = _try(browser_of(company.carla), **{field: typed})
    assert said in result
    assert "verdict" not in result


def test_trying_saves_nothing(browser_of: BrowserOf, company: Company, sessions: Sessions) -> None:
    _put(sessions, DEFAULT, RULES)
    _try(browser_of(company.carla))
    assert _newest(sessions, DEFAULT).version == 1
    assert len(trail(sessions, "policy.saved")) == 1


def test_without_scripts_the_box_answers_on_the_whole_page(
    browser_of: BrowserOf, company: Company, sessions: Sessions
) -> None:
    _put(sessions, DEFAULT, RULES)
    page = browser_of(company.carla).get("/policy", query_string={**SAMPLE, "amount": "900.00"}).text
    assert "<html" in page
    assert "A person decides" in page
