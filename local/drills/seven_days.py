"""Drill: seven days of waiting for a person pass in moments, while the worker is killed: reminders, escalation, expiry."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.testing import TimeSkipper

from local.drills.catalogue import Pace
from local.drills.office import APPROVALS_READY, STEPS, Office, open_office
from local.drills.stage import Stage
from local.drills.story import Check, Story, Verdict, judged
from local.mailbox import Mailbox
from rules.decision import DECISION_TIME, ESCALATION, REMINDERS
from rules.notification import Channel
from rules.request import Status
from storage.notification import NotificationRow
from storage.request import RequestRow

#: A little more than whole days, so that what is due on a day has come when the day is over.
SLACK: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
#: Timers by what the workflow does when they ring.
ALARMS: Final = ("remind_approver", "escalate_decision", "expire_decision")
#: What rings while nobody answers, as the rules have it.
ALL_ALARMS: Final = tuple(
    sorted(
        [
            *((after.days, "remind_approver") for after in REMINDERS),
            (ESCALATION.days, "escalate_decision"),
            (DECISION_TIME.days, "expire_decision"),
        ]
    )
)

LESSON: Final = (
    "A workflow may simply wait for a week. Its timers are kept by Temporal, not by a process, so that nothing has to"
    " stay alive for them; and a test may let a run's own time pass in a moment, with the real code and the real server."
)


@dataclass(frozen=True)
class Waited:
    """What is on record about one request.

    Attributes:
        requester: login of who asked.
        alarms: (day, activity) of each alarm that rang, by the times in its run's history.
        days: from the first to the last event of its history.
        status, seconds: how it ended in Postgres, and how long it waited there by the clock on the wall.
        bought: how many orders the vendor has taken for it.
        mailed: (kind, login) of each mail about it that has left.
    """

    requester: str
    alarms: tuple[tuple[int, str], ...]
    days: float
    status: str
    seconds: float
    bought: int
    mailed: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Facts:
    """What was read back: one request that nobody answered, one answered late, one answered by the next in line.

    Attributes:
        workers: how many different worker processes ran the code of the unanswered one, by its history.
        mails: how many mails about these requests lie in the mailbox.
    """

    nobody: Waited
    late: Waited
    next_in_line: Waited
    workers: int
    mails: int

    @property
    def all(self) -> tuple[Waited, ...]:
        """The three of them."""
        return self.nobody, self.late, self.next_in_line


def judge(facts: Facts) -> Verdict:
    """The claims of this drill, each on the record."""
    nobody, late, following = facts.all
    told, mailed = Counter(nobody.mailed), sum(len(each.mailed) for each in facts.all)
    wanted = {("reminded", "lucia"): len(REMINDERS), ("escalated", "isabel"): 1, ("expired", "ana"): 1}
    return judged(
        LESSON,
        Check(
            "While nobody answered: reminded on days 3 and 6, escalated on day 5, rejected on day 7",
            nobody.alarms == ALL_ALARMS,
            f"History: {_say(nobody.alarms)}",
        ),
        Check(
            "Seven days passed for the run, and moments for everybody else",
            nobody.days >= DECISION_TIME.days and 0 < nobody.seconds < DAY.total_seconds(),
            f"History: {nobody.days:.1f} days from its first to its last event; Postgres: {nobody.seconds:.1f} s",
        ),
        Check(
            "The request that nobody answered was rejected by the system, and nothing was bought for it",
            (nobody.status, nobody.bought) == (Status.EXPIRED, 0),
            f"Postgres: {nobody.status}; vendor's ledger: {nobody.bought} orders",
        ),
        Check(
            "After a manager's answer on day 4 nothing more rang",
            late.alarms == ALL_ALARMS[:1] and (late.status, late.bought) == (Status.COMPLETED, 1),
            f"History: {_say(late.alarms)}; Postgres: {late.status}; vendor's ledger: {late.bought} order",
        ),
        Check(
            "The next one in line could answer after the escalation",
            following.alarms == ALL_ALARMS[:2] and (following.status, following.bought) == (Status.COMPLETED, 1),
            f"History: {_say(following.alarms)}; Postgres: {following.status}; vendor's ledger: {following.bought} order",
        ),
        Check(
            "Lucía was reminded twice, Isabel was asked, Ana was told the end: each once, by mail",
            all(told[each] == times for each, times in wanted.items()) and facts.mails == mailed > 0,
            f"Postgres: {', '.join(f'{kind} to {login} {told[kind, login]}x' for kind, login in wanted)}; of"
            f" {mailed} mails in all {facts.mails} lie in the mailbox",
        ),
        Check(
            "The worker was another one in the end, and nobody noticed",
            facts.workers == 2,
            f"History: {facts.workers} worker processes ran the code of the unanswered request",
        ),
    )  # fmt: skip


def _say(alarms: Sequence[tuple[int, str]]) -> str:
    return "; ".join(f"day {day}: {STEPS[what]}" for day, what in alarms) or "nothing rang"


async def run(story: Story, stage: Stage, pace: Pace) -> Verdict:
    """Play it; see `judge` for what it shows."""
    story.chapter("Three requests wait for Lucía")
    story.next(
        "The whole product comes up. Ana, Kwame and Sofia each ask for something dear, so that the review leaves it to"
        " Lucía, who manages all three. The rules: remind her after 3 and 6 days, ask her manager, too, after 5, and"
        " reject by itself after 7."
    )
    async with open_office(stage) as office:
        await asyncio.gather(office.start_control(), office.start_build("one"))
        await office.until_current("one")
        rows = {login: office.submit(login, dear=True) for login in ("ana", "kwame", "sofia")}
        await office.until_status(list(rows.values()), Status.AWAITING_DECISION)
        story.happened(
            "All three wait. In each run's history stands a timer: three days. No process counts them down; the server"
            " has an entry that says when to wake the run."
        )
        await story.let_read()
        await _pass_three_days(story, office, rows)
        await _pass_the_rest(story, office, rows)
        return judge(await _read_back(story, office, rows))


async def _pass(office: Office, rows: Sequence[RequestRow], duration: timedelta) -> float:
    """Let the time of these runs pass; returns when it has, with the seconds that it took."""
    skipper, began = TimeSkipper(office.client), time.monotonic()
    await asyncio.gather(*(skipper.fast_forward(office.handle(row), duration) for row in rows))
    return time.monotonic() - began


async def _pass_three_days(story: Story, office: Office, rows: Mapping[str, RequestRow]) -> None:
    story.chapter("Three days in a moment, and a dead worker")
    story.next(
        "Temporal can be told that a run's time has passed. What is due in between happens in its order, with the real"
        " code: nothing is shortened in the product for it."
    )
    took = await _pass(office, list(rows.values()), 3 * DAY + SLACK)
    await _until_told(office, rows, "reminded", 3)
    story.happened(f"Day 3, after {took:.1f} s: Lucía is reminded of all three.")
    story.next(
        "Now the only worker is killed with kill -9, in the middle of the waiting, and a new one is started."
    )
    await office.stage.kill("approvals-one")
    await office.stage.start_again("approvals-one", APPROVALS_READY)
    story.happened(
        "The new process knows nothing of the three runs, and need not: when one of them wakes, the worker gets its"
        " history, runs the code along it up to where it waits, and goes on from there."
    )
    await story.let_read()


async def _pass_the_rest(story: Story, office: Office, rows: Mapping[str, RequestRow]) -> None:
    story.chapter("Days four to seven")
    ana, kwame, sofia = rows.values()
    await _pass(office, [ana, kwame, sofia], DAY)
    office.approve(kwame)
    await office.until_status([kwame], Status.COMPLETED)
    story.happened(
        "Day 4: Lucía finds the reminder and approves Kwame's request. It is bought; his timers are gone."
    )
    await _pass(office, [ana, sofia], DAY)
    await _until_told(office, rows, "escalated", 2)
    story.happened(
        "Day 5: the other two are put before Isabel, Lucía's manager, too. Lucía may still answer."
    )
    office.approve(sofia, "isabel")
    await office.until_status([sofia], Status.COMPLETED)
    story.happened("Isabel approves Sofia's request. It is bought.")
    await _pass(office, [ana], DAY)
    story.happened("Day 6: those who are asked about Ana's request are reminded again.")
    took = await _pass(office, [ana], DAY)
    await office.until_status([ana], Status.EXPIRED)
    await asyncio.gather(*(office.handle(row).result() for row in rows.values()))
    story.happened(
        f"Day 7, another day in {took:.1f} s: nobody has answered. Ana's request is rejected by itself, and she is told why."
    )
    await story.let_read()


async def _until_told(office: Office, rows: Mapping[str, RequestRow], kind: str, least: int) -> None:
    async def look() -> int:
        return sum(each.kind == kind for row in rows.values() for each in _mails_about(office, row))

    await office.until(look, lambda found: found >= least, f"{least} are {kind}")


def _mails_about(office: Office, row: RequestRow) -> Sequence[NotificationRow]:
    with office.sessions.begin() as session:
        query = select(NotificationRow).where(
            NotificationRow.request_id == row.id, NotificationRow.channel == Channel.MAIL.value
        )
        return session.scalars(query.order_by(NotificationRow.id)).all()


async def _read_back(story: Story, office: Office, rows: Mapping[str, RequestRow]) -> Facts:
    async def unsent() -> list[NotificationRow]:
        return [each for row in rows.values() for each in _mails_about(office, row) if each.sent_at is None]

    await office.until(unsent, lambda found: not found, "all mails have left")
    waited = {login: await _waited(office, login, row) for login, row in rows.items()}
    history = await office.handle(rows["ana"]).fetch_history()
    workers = {
        each.workflow_task_started_event_attributes.identity
        for each in history.events
        if each.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
    }
    mailbox = Mailbox(office.stage.plan.folder("mailbox"))
    numbers = [row.number for row in rows.values()]
    mails = [mailbox.mail(name) for name in mailbox.names()]
    about = [mail for mail in mails if any(number in f"{mail.subject} {mail.text}" for number in numbers)]
    _tell(story, office, rows, waited)
    await story.let_read()
    return Facts(waited["ana"], waited["kwame"], waited["sofia"], len(workers), len(about))


async def _waited(office: Office, login: str, row: RequestRow) -> Waited:
    events = list((await office.handle(row).fetch_history()).events)
    now, asked = office.look(row), office.decisions(row)[0]
    logins = {person.id: each for each, person in office.people.items()}
    mailed = [
        (each.kind, _login(logins, each.recipient_id)) for each in _mails_about(office, row) if each.sent_at
    ]
    return Waited(
        login,
        _alarms(events),
        (_at(events[-1]) - _at(events[0])) / DAY.total_seconds(),
        now.status,
        (now.status_since - asked.asked_at).total_seconds(),
        office.bought_for([row])[row.id],
        tuple(mailed),
    )


def _login(logins: Mapping[UUID, str], person_id: UUID | None) -> str:
    return logins[person_id] if person_id else "nobody"


def _alarms(events: Sequence[HistoryEvent]) -> tuple[tuple[int, str], ...]:
    """Of each timer that fired: on which day since the first one began, and what the workflow did then."""
    rang: list[tuple[int, str]] = []
    began: float | None = None
    fired: float | None = None
    for each in events:
        match each.event_type:
            case EventType.EVENT_TYPE_TIMER_STARTED:
                began = _at(each) if began is None else began
            case EventType.EVENT_TYPE_TIMER_FIRED:
                fired = _at(each)
            case EventType.EVENT_TYPE_MARKER_RECORDED if fired is not None and began is not None:
                done = next(
                    (what for what in ALARMS if what in str(each.marker_recorded_event_attributes)), ""
                )
                rang += [(round((fired - began) / DAY.total_seconds()), done)] if done else []
                fired = None if done else fired
    return tuple(rang)


def _at(event: HistoryEvent) -> float:
    return event.event_time.ToDatetime().timestamp()


def _tell(story: Story, office: Office, rows: Mapping[str, RequestRow], waited: Mapping[str, Waited]) -> None:
    names = {login: person.name for login, person in office.people.items()}
    story.table(
        "What rang on which day, by the histories of the runs",
        ("", *(names[login] for login in waited)),
        [
            *(
                [
                    f"day {day}",
                    *(STEPS[what] if (day, what) in each.alarms else "—" for each in waited.values()),
                ]
                for day, what in ALL_ALARMS
            ),
            ["in the end", *(each.status for each in waited.values())],
            ["on the wall, with reading", *(f"{each.seconds:.1f} s" for each in waited.values())],
        ],
    )
    story.table(
        f"Mails about {rows['ana'].number}, the one that nobody answered",
        ("what for", "to"),
        [[kind, names[login]] for kind, login in waited["ana"].mailed],
    )
    story.why(
        "Rules that take days to show their mistakes are tried here as often as one likes, against the real server, the"
        " real database and the real mailbox."
    )
