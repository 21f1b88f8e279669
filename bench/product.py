"""Drives the product as people do: over HTTP, through the form and the inbox."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import requests
from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from bench.loop import Timing, Watcher
from bench.stack import Stack
from local.vendor.catalogue import catalogue, simple_articles
from rules.flag import AUTOMATED_REVIEW, Level
from rules.person import Role
from storage import flag, policy
from storage.audit import SYSTEM
from storage.database import make_engine, make_sessions, psycopg_url
from storage.department import Department
from storage.person import PersonRow

PASSWORD = "measured, again and again"  # noqa: S105  (of people who exist for a minute)
LANES = 32
RULES = {
    "currency": "EUR",
    "max_amount": "500.00",
    "trusted_categories": ["electronics", "books", "office_supplies"],
    "min_previous_purchases": 0,
    "max_rejected_last_30_days": 1000,
    "department_limits": {},
    "vendor_whitelist": ["amazon.es"],
}
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass(frozen=True)
class Lane:
    """One browser of an employee and one of the manager."""

    employee: requests.Session
    employee_token: str
    manager: requests.Session
    manager_token: str


class Product:
    """The product under load; each lane has its own browsers."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        sessions = make_sessions(make_engine(stack.settings.database_url, 2))
        with sessions.begin() as session:
            hire(session)
        self._harmless, self._dear = _articles()
        self.watcher = Watcher(stack.settings.database_url)
        self._database = psycopg_url(stack.settings.database_url)
        self._kept = threading.local()
        self._lanes = [self._open_lane(number) for number in range(LANES)]
        for link in (self._harmless, self._dear):
            self._look_up(self._lanes[0], link)

    def _open_lane(self, number: int) -> Lane:
        employee, employee_token = self._log_in(f"employee{number}@bench.example")
        manager, manager_token = self._log_in(f"manager{number}@bench.example")
        return Lane(employee, employee_token, manager, manager_token)

    def _log_in(self, email: str) -> tuple[requests.Session, str]:
        browser = requests.Session()
        page = browser.get(f"{self._stack.url}/login", timeout=30)
        form = {"csrf_token": _token(page.text), "email": email, "password": PASSWORD}
        answer = browser.post(f"{self._stack.url}/login", data=form, timeout=30)
        if "/login" in answer.url:
            raise RuntimeError(f"{email} could not log in: {answer.status_code}")
        page = browser.get(f"{self._stack.url}/profile", timeout=30)
        return browser, _token(page.text)

    def _look_up(self, lane: Lane, link: str) -> None:
        form = {**_form(link, lane.employee_token), "act": "look_up"}
        lane.employee.post(f"{self._stack.url}/requests", data=form, timeout=30).raise_for_status()

    def approve_automatically(self, number: int) -> Timing:
        """One harmless request, from the form's POST to ordered."""
        began = time.perf_counter()
        request = self._submit(self._lanes[number], self._harmless)
        submitted = time.perf_counter()
        done = self.watcher.wait_for(self._id_of(request), "completed")
        return Timing(began, submitted, done)

    def approve_by_hand(self, number: int) -> Timing:
        """One request that a manager approves as soon as it waits."""
        lane = self._lanes[number]
        began = time.perf_counter()
        request = self._submit(lane, self._dear)
        submitted = time.perf_counter()
        request_id = self._id_of(request)
        self.watcher.wait_for(request_id, "awaiting_decision")
        self._decide(lane, request_id)
        done = self.watcher.wait_for(request_id, "completed")
        return Timing(began, submitted, done)

    def submit_only(self, number: int) -> float:
        """Seconds that the form's POST takes."""
        began = time.perf_counter()
        self._submit(self._lanes[number], self._harmless)
        return time.perf_counter() - began

    def submit_waiting(self, number: int) -> None:
        """One request that will wait for its manager."""
        self._submit(self._lanes[number], self._dear)

    def wait_until_waiting(self, count: int) -> None:
        """Return when so many requests wait for their managers."""
        with psycopg.connect(self._database, autocommit=True) as connection:
            query = "SELECT count(*) FROM request WHERE status = 'awaiting_decision'"
            while (connection.execute(query).fetchone() or (0,))[0] < count:
                time.sleep(1)

    def _submit(self, lane: Lane, link: str) -> str:
        answer = lane.employee.post(
            f"{self._stack.url}/requests",
            data=_form(link, lane.employee_token),
            allow_redirects=False,
            timeout=30,
        )
        if answer.status_code != 303:
            raise RuntimeError(f"submit answered {answer.status_code}: {answer.text[:2000]}")
        return answer.headers["Location"].rpartition("/")[2]

    def _look(self, query: str, key: str) -> tuple[Any, ...]:
        """One row; each thread keeps its connection, as the floor's do."""
        connection: psycopg.Connection[tuple[Any, ...]] | None = getattr(self._kept, "connection", None)
        if connection is None:
            connection = self._kept.connection = psycopg.connect(self._database, autocommit=True)
        row = connection.execute(query, (key,)).fetchone()
        assert row is not None
        return row

    def _id_of(self, number: str) -> str:
        return str(self._look("SELECT id::text FROM request WHERE number = %s", number)[0])

    def _decide(self, lane: Lane, request_id: str) -> None:
        row = self._look(
            "SELECT r.number, d.id::text, d.amount, d.currency, d.content_hash"
            " FROM decision d JOIN request r ON r.id = d.request_id WHERE r.id = %s",
            request_id,
        )
        number, decision, amount, currency, content = row
        form = {
            "csrf_token": lane.manager_token,
            "choice": "approve",
            "comment": "",
            "decision": decision,
            "amount": f"{amount:,.2f} {currency}",
            "content": content,
        }
        answer = lane.manager.post(
            f"{self._stack.url}/requests/{number}/decision", data=form, allow_redirects=False, timeout=30
        )
        if answer.status_code != 303:
            raise RuntimeError(f"deciding answered {answer.status_code}: {answer.text[:2000]}")


def hire(session: Session) -> None:
    """A manager and an employee for each lane, rules under which the cheap article is harmless, the flag on."""
    session.add(Department(id="it", name="IT"))
    session.flush()
    for number in range(LANES):
        manager = person(f"manager{number}", [Role.EMPLOYEE, Role.MANAGER])
        session.add(manager)
        session.flush()
        employee = person(f"employee{number}", [Role.EMPLOYEE])
        employee.manager_id = manager.id
        session.add(employee)
    policy.save_version(session, policy.DEFAULT, RULES, SYSTEM, replaces_version=0)
    flag.set_value(session, flag.Change(AUTOMATED_REVIEW, Level.EVERYONE, "", True, "measuring"), SYSTEM)


def person(name: str, roles: list[Role]) -> PersonRow:
    """Somebody of IT who logs in as name@bench.example, with PASSWORD."""
    return PersonRow(
        name=name,
        email=f"{name}@bench.example",
        password_hash=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD),
        roles=[role.value for role in roles],
        department_id="it",
    )


def _articles() -> tuple[str, str]:
    """Links to a harmless article and to one that needs a person."""
    sold = simple_articles()
    cheap = next(a for a in sold if 20 < a.unit_price < 200 and a.unspsc.startswith("4321"))
    dear = next(a for a in sold if a.unit_price > 500)
    return f"https://www.amazon.es/dp/{cheap.asin}", f"https://www.amazon.es/dp/{dear.asin}"


def _form(link: str, token: str) -> dict[str, str]:
    return {
        "csrf_token": token,
        "key": uuid4().hex,
        "product_link": link,
        "quantity": "1",
        "currency": "EUR",
        "amount": str(_price(link)),
        "reason": "measured",
        "needed_by": "",
    }


def _price(link: str) -> object:
    return next(a.unit_price for a in catalogue() if link.endswith(a.asin))


def _token(page: str) -> str:
    found = _TOKEN.search(page)
    if found is None:
        raise RuntimeError("the page has no form token")
    return found.group(1)
