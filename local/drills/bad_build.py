"""Drill: a build with a mistake is given to a tenth of all requests; figures catch it, and it is taken back by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from gateways import temporal_builds, temporal_runs
from local.code_copy import changed_code
from local.drills.catalogue import Pace
from local.drills.office import STEPS, Office, open_office, order_of
from local.drills.stage import Stage, StageBroke
from local.drills.story import Check, Story, Verdict, judged
from rules.evidence import FIRES_AT
from rules.request import Status
from rules.rollout import ENDED, Kind, Plan, State, Step
from storage import build, build_return, rollout
from storage.audit import Actor
from storage.build_return import BuildReturnRow
from storage.outcome import FAILED, OutcomeRow
from storage.request import RequestRow
from storage.rollout import RolloutRow
from storage.route import RouteRow

#: The mistake: whatever the review is asked, it fails.
REVIEW: Final = "    def review_request(self, given: RequestStep) -> ReviewStepResult:\n"
MISTAKE: Final = '        raise RuntimeError("a mistake in the new review")\n'
SHARE: Final = Decimal(10)
#: To a tenth of all requests, whoever asks; longer than this drill takes. Limits are those that ship.
PLAN: Final = Plan((Step(SHARE, min_seconds=600, max_seconds=3600),), check_seconds=1)

LESSON: Final = (
    "A build that passes every test may still be bad. Given to a few first and watched by figures that may be looked at"
    " at any time, it harms a few for seconds; and since runs live at Temporal and not in workers, they go on elsewhere."
)


@dataclass(frozen=True)
class Facts:
    """What was read back when all was over.

    Attributes:
        drawn, submitted: requests that were routed to the bad build, and all.
        ran_on_bad: requests that ever had a step on it, by the notes of its workers.
        moves: (actor, state) of each move of the rollout, in their order.
        bad, seen, evidence: how many of its requests failed, of how many, when the monitor fired; and its evidence.
        current, ramping, rejected: where new requests go, and whether the build is marked as bad.
        after, after_on_bad: requests submitted after the route was back, and of these those that ever ran on it.
        held: runs that are still held on it.
        completed, bought_once: of all requests, by Postgres and by the vendor's ledger.
        finished_on_good: of those that it ran, how many were ordered by the good build.
    """

    passed_gate: bool
    drawn: int
    submitted: int
    ran_on_bad: int
    strays: int
    moves: tuple[tuple[str, str], ...]
    bad: int
    seen: int
    evidence: float
    current: str
    ramping: str
    rejected: bool
    after: int
    after_on_bad: int
    held: int
    completed: int
    bought_once: int
    finished_on_good: int


def judge(facts: Facts) -> Verdict:
    """The claims of this drill, each on the record."""
    by_itself = facts.moves[1:] and {actor for actor, _ in facts.moves[1:]} == {"system"}
    return judged(
        LESSON,
        Check(
            "The gate before any traffic had not seen the mistake",
            facts.passed_gate,
            "Postgres: the gate's row says passed" if facts.passed_gate else "Postgres: the gate was not passed",
        ),
        Check(
            "Only requests that were drawn ever ran on the new build, and they were few",
            facts.strays == 0 and 0 < facts.drawn < facts.submitted / 2,
            f"Routes: {facts.drawn} of {facts.submitted} drawn; workers' notes: {facts.strays} others ran there",
        ),
        Check(
            "The monitor caught it by its figures",
            facts.bad >= 3 and facts.evidence >= FIRES_AT,
            f"Figures of that moment: {facts.bad} of {facts.seen} ended with an error, evidence {facts.evidence:,.0f},"
            f" enough from {FIRES_AT}",
        ),
        Check(
            "It was taken back by itself, nobody pressed anything",
            bool(by_itself) and facts.moves[-1][1] == State.RETURNED,
            "Rollout: " + " → ".join(f"{state} ({actor})" for actor, state in facts.moves),
        ),
        Check(
            "New requests go to the old build again, and the new one is marked as bad",
            (facts.current, facts.ramping, facts.rejected) == ("one", "", True),
            f"Temporal: current {facts.current}, ramping {facts.ramping or 'none'};"
            f" Postgres: {'rejected' if facts.rejected else 'not rejected'}",
        ),
        Check(
            "After it was taken back, no new request reached it",
            facts.after > 0 and facts.after_on_bad == 0,
            f"Workers' notes: {facts.after_on_bad} of {facts.after} later requests ran there",
        ),
        Check(
            "Its runs were moved away and finished on the old build",
            facts.held == 0 and facts.finished_on_good == facts.ran_on_bad > 0,
            f"Temporal: {facts.held} held there; workers' notes: {facts.finished_on_good} of {facts.ran_on_bad} that it"
            " had begun were ordered by build one",
        ),
        Check(
            "Every request was completed, and each was bought once",
            facts.completed == facts.bought_once == facts.submitted > 0,
            f"Postgres: {facts.completed} of {facts.submitted} completed; the vendor: {facts.bought_once} bought once",
        ),
    )  # fmt: skip


async def run(story: Story, stage: Stage, pace: Pace) -> Verdict:
    """Play it; see `judge` for what it shows."""
    bad = changed_code(stage.folder / "builds" / "two", "activities/review.py", (REVIEW, REVIEW + MISTAKE))
    story.chapter("A good build at work, a bad one beside it")
    story.next(
        "The whole product comes up. Build one is what everybody gets. Build two starts beside it; in its automated"
        " review there is a mistake: it raises an error, whatever it is asked. Nobody knows that yet."
    )
    async with open_office(stage) as office:
        await asyncio.gather(office.start_control(), office.start_build("one"))
        await office.until_current("one")
        await office.start_build("two", bad)
        story.happened("Both builds serve. Everything new goes to build one; build two has nothing to do.")
        await story.let_read()
        row = await _begin(story, office)
        rows = await _load(story, office, row, pace)
        back = await _back(story, office, row, rows)
        await _heal(story, office, rows, back)
        return judge(await _read_back(office, row, rows, back))


async def _begin(story: Story, office: Office) -> RolloutRow:
    """Yuki begins the rollout; wait until a tenth is given to it."""
    story.chapter("One request in ten")
    story.next(
        "Yuki, who runs the platform, begins a rollout of build two: a tenth of all requests first. Before the first"
        " one gets there, the gate tries the build: do its workers live, does its code replay the histories of what"
        " waits, does the old code replay what the new one leaves behind, does a trial run come through?"
    )
    with office.sessions.begin() as session:
        yuki = Actor.person(office.people["yuki"].id)
        row = rollout.begin(session, Kind.BUILD, "two", PLAN, yuki, "A faster review")
    row = await office.until(lambda: _look(office, row), lambda seen: seen.carried, "the share is given")
    story.happened(
        "The gate was passed: replays look at the order of steps, and the mistake sits inside of one. From now on each"
        f" new request draws a lot; {SHARE} in 100 are started on build two and held there."
    )
    await story.let_read()
    return row


async def _load(story: Story, office: Office, row: RolloutRow, pace: Pace) -> list[RequestRow]:
    """Requests come in, fast until enough were drawn, until the rollout has left its step."""
    story.chapter("People ask, figures are watched")
    story.next(
        "Harmless requests come in, one after the other; each should be approved and bought within a second. Every step"
        " that a worker finishes or fails leaves a row, and once a second the rollout looks at these rows."
    )
    rows: list[RequestRow] = []
    enough, pause = pace.choose(quick=4, long=8), pace.choose(quick=0.1, long=0.4)
    async with asyncio.timeout(300):
        while (seen := await _look(office, row)).state in {State.STEP, State.BAKE}:
            rows.append(office.submit(BUYERS[len(rows) % len(BUYERS)]))
            if len(rows) % pace.choose(quick=50, long=20) == 0:
                _tell_figures(story, seen, len(rows))
            await asyncio.sleep(pause if len(_drawn(office, rows)) < enough else 1.0)
    story.happened(f"After {len(rows)} requests the rollout left its step by itself: {seen.why}")
    return rows


#: Who asks, by turns.
BUYERS: Final = ("ana", "kwame", "sofia", "mateo", "priya", "hassan", "marta", "jonas")


def _tell_figures(story: Story, seen: RolloutRow, count: int) -> None:
    error = _error_of(seen.figures)
    if error:
        story.happened(
            f"{count} requests so far; on build two {error['bad']} of {error['total']} ended with an error."
        )


def _error_of(figures: dict[str, Any]) -> dict[str, Any]:
    return next((each for each in figures.get("metrics", ()) if each["metric"] == "error"), {})


async def _look(office: Office, row: RolloutRow) -> RolloutRow:
    with office.sessions.begin() as session:
        return rollout.by_id(session, row.id)


def _drawn(office: Office, rows: Collection[RequestRow]) -> set[UUID]:
    """Those of these requests that were routed to build two."""
    with office.sessions.begin() as session:
        query = select(RouteRow.request_id).where(
            RouteRow.build == "two", RouteRow.request_id.in_([row.id for row in rows])
        )
        return set(session.scalars(query))


async def _back(story: Story, office: Office, row: RolloutRow, rows: Sequence[RequestRow]) -> BuildReturnRow:
    """Wait until the way back is done, and tell it with its times."""
    story.chapter("Taken back")
    ended = await office.until(lambda: _look(office, row), lambda seen: State(seen.state) in ENDED, "it ends")
    with office.sessions.begin() as session:
        back, moves = build_return.of_rollout(session, row.id), rollout.events(session, row.id)
    if back is None or back.routed_at is None:
        raise StageBroke(f"The rollout ended as {ended.state}, with no way back: {ended.why}")
    moved = next(each for each in moves if each.to_state == State.RETURNING)
    metrics = [each for each in moved.detail["metrics"] if each["total"]]
    story.table(
        "What the monitor saw when it fired",
        ("figure", "on build two", "allowed", "evidence", "says"),
        [
            [each["title"], f"{each['bad']} of {each['total']}", _share(each["allowed"]),
             f"{each['e_value']:,.1f}", each["verdict"]]
            for each in metrics
        ],
    )  # fmt: skip
    drawn = _drawn(office, rows)
    began = min((each.submitted_at for each in rows if each.id in drawn), default=moved.at)
    times = [
        ("the first request goes to build two", began),
        ("the monitor fires", moved.at),
        ("no new request can reach build two", back.routed_at),
        ("its runs are free", back.ended_at or ended.ended_at),
    ]
    story.table(
        "When", ("what", "after"), [[what, f"{(at - began).total_seconds():.1f} s"] for what, at in times if at]
    )  # fmt: skip
    story.why(
        f"Evidence is a number that may be looked at every second without crying wolf: {FIRES_AT} is enough, and three"
        " failures of three reach it. The route is one entry at Temporal, so taking it back is one call, and it does"
        " not matter whether the bad workers still answer."
    )
    await story.let_read()
    return back


def _share(allowed: float | None) -> str:
    return "—" if allowed is None else f"{allowed:.1%}"


async def _heal(story: Story, office: Office, rows: Sequence[RequestRow], back: BuildReturnRow) -> None:
    """The requests that it spoiled are with a manager now; the good build goes on with them."""
    story.chapter("What becomes of its runs")
    found = await office.until_status(rows, Status.AWAITING_DECISION, Status.COMPLETED)
    waiting = [row for row in rows if found[row.id] is Status.AWAITING_DECISION]
    report = back.report
    story.happened(
        f"{len(waiting)} requests came to a manager, as a review that fails three times leaves it to a person: harmed,"
        f" but not lost. Moved off build two: {report['moved']} that waited, {len(report['reset'])} that were stuck and"
        " set back to their last good step."
    )
    story.next("The worker of build two is killed for good. The managers approve what came to them.")
    await office.stage.kill("approvals-two")
    managers = {person.id: login for login, person in office.people.items()}
    for row in waiting:
        office.approve(row, managers[office.decisions(row)[-1].asked_ids[0]])
    await office.until_status(rows, Status.COMPLETED)
    story.happened(
        f"All {len(rows)} requests are completed. Two of them, step by step, one of which was drawn:"
    )
    await _tell_two(story, office, rows, waiting)
    await story.let_read()


async def _tell_two(
    story: Story, office: Office, rows: Sequence[RequestRow], waiting: Sequence[RequestRow]
) -> None:
    """A request that was drawn and one that was not, as the workers wrote them down."""
    lucky = next(row for row in rows if row not in waiting)
    chosen = {lucky.id: lucky.number} | ({waiting[0].id: waiting[0].number} if waiting else {})

    async def notes() -> list[OutcomeRow]:
        return [each for each in office.outcomes() if each.request_id in chosen]

    found = await office.until(
        notes,
        lambda seen: {each.request_id for each in seen if each.stage == "tell_people"} == set(chosen),
        "the steps are written down",
    )
    story.table(
        "Who carried out which step",
        ("request", "step", "build", "attempt", "how it went"),
        [
            [chosen[each.request_id], STEPS.get(each.stage, each.stage), each.build_id, each.attempt,
             f"failed: {each.error}" if each.outcome == FAILED else "done"]
            for each in sorted(found, key=lambda each: (list(chosen).index(each.request_id), *order_of(each)))
        ],
    )  # fmt: skip


async def _read_back(
    office: Office, row: RolloutRow, rows: Sequence[RequestRow], back: BuildReturnRow
) -> Facts:
    later = [office.submit() for _ in range(5)]
    everything = [*rows, *later]
    found = await office.until_status(everything, Status.COMPLETED)
    route = (await temporal_builds.describe(office.client)).route
    drawn, outcomes = _drawn(office, everything), office.outcomes()
    on_bad = {each.request_id for each in outcomes if each.build_id == "two"}
    on_good = {each.request_id for each in outcomes if (each.build_id, each.stage) == ("one", "place_order")}
    bought = office.bought_for(everything)
    ended = await _look(office, row)
    after = {each.id for each in everything if back.routed_at and each.submitted_at > back.routed_at}
    with office.sessions.begin() as session:
        rejected = build.by_id(session, "two").rejected_at is not None
        moves = rollout.events(session, row.id)
    fired = next((_error_of(each.detail) for each in moves if each.to_state == State.RETURNING), {})
    return Facts(
        passed_gate=bool((ended.gate or {}).get("passed")),
        drawn=len(drawn),
        submitted=len(everything),
        ran_on_bad=len(on_bad),
        strays=len(on_bad - drawn),
        moves=tuple((each.actor_kind, each.to_state) for each in moves if each.from_state != each.to_state),
        bad=fired.get("bad", 0),
        seen=fired.get("total", 0),
        evidence=fired.get("e_value", 0.0),
        current=route.current or "",
        ramping=route.ramping or "",
        rejected=rejected,
        after=len(after),
        after_on_bad=len(after & on_bad),
        held=len(await temporal_runs.pinned_runs(office.client, "two")),
        completed=sum(each is Status.COMPLETED for each in found.values()),
        bought_once=sum(count == 1 for count in bought.values()),
        finished_on_good=len(on_bad & on_good),
    )
