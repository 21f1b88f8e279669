"""Drill: everything is killed at one moment in the middle of much work, and started again on the same data."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

import requests as http
from sqlalchemy import func, select
from temporalio.client import WorkflowExecutionStatus

from local.demo.company import read_company
from local.drills.browser import Browser, People
from local.drills.catalogue import Pace
from local.drills.office import (
    APPROVALS_READY,
    CONTROL_READY,
    DEAR,
    HARMLESS,
    Office,
    article_of,
    open_office,
)
from local.drills.stage import Stage
from local.drills.story import Check, Story, Verdict, judged
from local.plan import HOST
from rules.request import ENDED, Status
from storage.order import SETTLED, OrderRow
from storage.request import RequestRow

#: Every part, in the order in which they are started again.
SERVERS: Final = ("postgres", "valkey", "temporal", "vendor", "mailbox")
WORKERS: Final = {"control": CONTROL_READY, "approvals-one": APPROVALS_READY}
PARTS: Final = (*SERVERS, *WORKERS, "web")
TITLES: Final = {
    "postgres": "Postgres",
    "valkey": "Valkey",
    "temporal": "Temporal",
    "vendor": "the vendor's shop",
    "mailbox": "the mailbox",
    "control": "the control worker",
    "approvals-one": "the approvals worker",
    "web": "the web server",
}
BUYERS: Final = ("ana", "kwame", "sofia")
#: So many orders shall be on their way, taken by the vendor, with the answer not yet here, when the power fails.
IN_THE_AIR: Final = 2
LESSON: Final = (
    "Nothing here was saved in time. What anybody was told had been committed before; what was begun stands in Temporal's"
    " histories and in Postgres; and an order carries our own key, so that after any silence one asks instead of buying."
)


@dataclass(frozen=True)
class Cut:
    """What the books said when the servers were back and no worker was.

    Attributes:
        in_work: status -> requests, of those that had not ended.
        in_the_air: orders that stood in the vendor's ledger and of which Postgres did not know the outcome.
    """

    in_work: Mapping[str, int]
    in_the_air: int


@dataclass(frozen=True)
class Facts:
    """What was read back when all was over.

    Attributes:
        parts: part -> its process ids, before each cut and at the end.
        forms: keys of forms that people sent, each -> how often; told: numbers that they were answered.
        lost: those numbers that Postgres does not have.
        requests: rows in Postgres; completed: of these; runs: their runs that Temporal calls completed.
        bought: orders that the vendor has taken for a request -> number of requests; orders: all that it has taken.
        paid, charged: the sum of the vendor's ledger, and what Postgres thinks that it cost.
    """

    parts: Mapping[str, tuple[int, ...]]
    cuts: tuple[Cut, ...]
    forms: Mapping[str, int]
    told: tuple[str, ...]
    lost: tuple[str, ...]
    requests: int
    completed: int
    runs: int
    bought: Mapping[int, int]
    orders: int
    paid: Decimal
    charged: Decimal


def judge(facts: Facts) -> Verdict:
    """The claims of this drill, each on the record."""
    killed = [name for name, ids in facts.parts.items() if len(ids) > 1 and len(set(ids)) == len(ids)]
    return judged(
        LESSON,
        Check(
            "Every part was killed, and runs as another process now",
            len(killed) == len(facts.parts) == len(PARTS),
            f"Process ids: {len(killed)} of {len(PARTS)} parts have another one",
        ),
        Check(
            "The power failed in the middle of work",
            bool(facts.cuts) and all(sum(cut.in_work.values()) > 0 for cut in facts.cuts),
            f"Postgres, when it was back: {'; then '.join(_say(cut.in_work) for cut in facts.cuts)}",
        ),
        Check(
            "Some orders were in the air: bought, and nobody here knew",
            bool(facts.cuts) and all(cut.in_the_air >= IN_THE_AIR for cut in facts.cuts),
            "Vendor's ledger against Postgres at that moment: "
            + "; then ".join(f"{cut.in_the_air} orders" for cut in facts.cuts),
        ),
        Check(
            "Whatever anybody was told is there",
            len(facts.told) > 0 and not facts.lost,
            f"Postgres: {len(facts.told) - len(facts.lost)} of {len(facts.told)} numbers that browsers were answered",
        ),
        Check(
            "A form that was sent again and again became one request",
            len(facts.forms) == facts.requests == len(set(facts.told)) > 0,
            f"{len(facts.forms)} forms, sent {sum(facts.forms.values())} times; Postgres: {facts.requests} requests",
        ),
        Check(
            "Every request went on to its end",
            facts.completed == facts.runs == facts.requests > 0,
            f"Postgres: {facts.completed} of {facts.requests} completed; Temporal: {facts.runs} runs completed",
        ),
        Check(
            "Nothing was bought twice, and nothing was forgotten",
            facts.requests == facts.orders > 0 and dict(facts.bought) == {1: facts.requests},
            f"Vendor's ledger: {facts.orders} orders, one each for {facts.bought.get(1, 0)} of {facts.requests} requests",
        ),
        Check(
            "The money agrees to the cent",
            facts.paid == facts.charged > 0,
            f"Vendor's ledger: {facts.paid:.2f} EUR; Postgres: {facts.charged:.2f} EUR",
        ),
    )  # fmt: skip


def _say(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()) or "none"


async def run(story: Story, stage: Stage, pace: Pace) -> Verdict:
    """Play it; see `judge` for what it shows."""
    cuts, before = pace.choose(quick=1, long=2), pace.choose(quick=10, long=40)
    parts: dict[str, tuple[int, ...]] = dict.fromkeys(PARTS, ())
    story.chapter("Everything at work")
    story.next(
        "The whole product comes up, with every commit written to the disk before it counts, as in production. Three"
        " people log in on the pages and ask for one thing after the other; every third is dear and waits for Lucía."
        " The vendor is a nasty one today: an order that reaches it twice it delivers twice."
    )
    async with open_office(stage, lasting=True) as office:
        await asyncio.gather(office.start_control(), office.start_build("one"), _start_web(office))
        await office.until_current("one")
        people = await _open_browsers(office, pace)
        told: list[Cut] = []
        for number in range(cuts):
            parts = {name: (*ids, stage.pid(name)) for name, ids in parts.items()}
            told.append(await _cut(story, office, people, before * (number + 1), number))
        parts = {name: (*ids, stage.pid(name)) for name, ids in parts.items()}
        story.table(
            "Every part, by process id", ("part", *("before" for _ in range(cuts)), "now"),
            [[TITLES[name], *ids] for name, ids in parts.items()],
        )  # fmt: skip
        await story.let_read()
        await _finish(story, office)
        return judge(await _read_back(office, people, parts, tuple(told)))


async def _start_web(office: Office) -> None:
    env = office.stage.environment
    command = [
        *(
            sys.executable,
            "-m",
            "gunicorn",
            "--bind",
            f"{HOST}:{env['WEB_PORT']}",
            "--worker-class",
            "gthread",
        ),
        *("--workers", "1", "--threads", "8", "--no-control-socket", "--log-level", "warning", "wsgi:app"),
    ]
    await office.stage.start("web", command)
    await office.stage.answers("web")


async def _open_browsers(office: Office, pace: Pace) -> People:
    url = f"http://{HOST}:{office.stage.environment['WEB_PORT']}"
    browsers = [Browser(url) for _ in BUYERS]
    password = read_company().password
    for browser, login in zip(browsers, BUYERS, strict=True):
        await asyncio.to_thread(browser.log_in, office.people[login].email, password)
    articles = [article_of(HARMLESS), article_of(HARMLESS), article_of(DEAR)]
    return People(browsers, articles, pace.choose(quick=0.2, long=1.0))


def _fault(office: Office, scenario: str, **wish: object) -> None:
    url = f"{office.stage.environment['VENDOR_URL']}/sandbox/faults"
    http.post(url, json={"scenario": scenario, **wish}, timeout=30).raise_for_status()


async def _cut(story: Story, office: Office, people: People, enough: int, number: int) -> Cut:
    """Let people work, cut the power, bring it back; what the books say of the moment of the cut."""
    _fault(office, "repeat_second_order", always=True)
    working = asyncio.create_task(people.work())

    async def asked() -> int:
        if working.done():
            await working  # people stop before they are told to only where something is wrong
        return len(people.told)

    await office.until(asked, lambda count: count >= enough, "people have asked for enough")
    story.happened(
        f"{len(people.told)} requests were asked for and answered with a number. People go on pressing."
    )
    story.chapter("The power fails" if number == 0 else "The power fails again")
    story.next(
        "The vendor gets slow: it takes orders and does not say so. In that moment comes kill -9, for every process at"
        " once: no goodbye, no last write, nothing is finished."
    )
    await story.let_read()
    _fault(office, "slow", operation="order", count=IN_THE_AIR + 1, seconds=60)
    await office.until(
        lambda: _in_the_air(office), lambda count: count >= IN_THE_AIR, "orders are in the air"
    )
    began = time.monotonic()
    await office.stage.kill(*PARTS)
    people.go_home()  # whoever has a form open presses, gets no answer, and presses again until there is one
    story.happened(
        f"{len(PARTS)} parts are dead. On the screens: no answer. People press the same button again."
    )
    for name in SERVERS:
        await office.stage.start_again(name)
    for name in SERVERS:
        await office.stage.answers(name)
    _fault(office, "repeat_second_order", always=True)
    return await _restart(story, office, working, time.monotonic() - began)


async def _restart(story: Story, office: Office, working: asyncio.Task[None], dark: float) -> Cut:
    """Look into the books before any worker is there, then start the rest."""
    counts, in_the_air = _statuses(office), await _in_the_air(office)
    story.table(
        "The books when the servers were back, before any worker was",
        ("requests that stood at", "how many"),
        [
            *((status.replace("_", " "), count) for status, count in counts.items()),
            ("at the vendor's, and nobody here knew", in_the_air),
        ],
    )
    story.happened(
        f"Each request stands where it stood. {in_the_air} things were bought, and the worker died before it heard of it."
    )
    story.why(
        "Ordering these again would buy them twice. So an order is written down before it is sent, under a key of our"
        " own, and after such a silence the vendor is asked for that key first."
    )
    await story.let_read()
    began = time.monotonic()
    await asyncio.gather(
        *(office.stage.start_again(name, ready) for name, ready in WORKERS.items()), office.stage.start_again("web")
    )  # fmt: skip
    await office.stage.answers("web")
    await working
    story.happened(
        f"Everything serves again, after {dark + time.monotonic() - began:.0f} s without power, and every button that was"
        " pressed has been answered."
    )
    return Cut({status: count for status, count in counts.items() if Status(status) not in ENDED}, in_the_air)


def _rows(office: Office) -> Sequence[RequestRow]:
    with office.sessions.begin() as session:
        return session.scalars(select(RequestRow).order_by(RequestRow.number)).all()


def _statuses(office: Office) -> dict[str, int]:
    """Status -> how many requests stand there now."""
    with office.sessions.begin() as session:
        query = (
            select(RequestRow.status, func.count()).group_by(RequestRow.status).order_by(RequestRow.status)
        )
        return {str(status): int(count) for status, count in session.execute(query)}


async def _in_the_air(office: Office) -> int:
    """Orders in the vendor's ledger of which Postgres does not know the outcome."""
    bought = await asyncio.to_thread(office.bought)
    with office.sessions.begin() as session:
        settled = set(session.scalars(select(OrderRow.external_id).where(OrderRow.state.in_(SETTLED))))
    return len(set(bought) - settled)


async def _finish(story: Story, office: Office) -> None:
    story.chapter("Everything goes on")
    story.next("Lucía approves what waits for her; the rest goes on by itself from where its history ends.")
    done: set[UUID] = set()

    async def look() -> Counter[str]:
        rows = _rows(office)
        for row in rows:
            if row.status == Status.AWAITING_DECISION and row.id not in done:
                office.approve(row)
                done.add(row.id)
        return Counter(row.status for row in rows)

    ends = await office.until(look, lambda found: set(found) <= set(ENDED), "all requests have ended")
    story.happened(f"All have ended: {_say(ends)}.")
    await story.let_read()


async def _read_back(
    office: Office, people: People, parts: Mapping[str, tuple[int, ...]], cuts: tuple[Cut, ...]
) -> Facts:
    rows = _rows(office)
    await asyncio.gather(*(office.handle(row).result() for row in rows))
    ends = [(await office.handle(row).describe()).status for row in rows]
    numbers = {row.number for row in rows}
    ledger = http.get(f"{office.stage.environment['VENDOR_URL']}/sandbox/ledger", timeout=30).json()["orders"]
    with office.sessions.begin() as session:
        charged = session.scalar(select(func.sum(OrderRow.charged_total))) or Decimal(0)
    return Facts(
        parts=parts,
        cuts=cuts,
        forms={told.key: told.presses for told in people.told},
        told=tuple(told.number for told in people.told),
        lost=tuple(told.number for told in people.told if told.number not in numbers),
        requests=len(rows),
        completed=sum(row.status == Status.COMPLETED for row in rows),
        runs=sum(status is WorkflowExecutionStatus.COMPLETED for status in ends),
        bought=Counter(office.bought_for(rows).values()),
        orders=len(ledger),
        paid=sum((Decimal(str(order["total"])) for order in ledger), Decimal(0)),
        charged=charged,
    )
