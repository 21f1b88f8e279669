"""Drill: the code of a workflow changes while requests wait for people; a patch lets old and new go on side by side."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from temporalio.api.enums.v1 import EventType

from gateways import temporal_builds, temporal_gate, temporal_pollers
from gateways.temporal_pollers import QueueRoute
from local.code_copy import changed_code
from local.drills.catalogue import Pace
from local.drills.office import PATIENCE_SECONDS, STEPS, Office, open_office
from local.drills.stage import Stage, StageBroke
from local.drills.story import Check, Story, Verdict, judged
from local.program import ROOT
from rules.gate_messages import RunRef
from rules.request import Status
from storage.outcome import OK
from storage.request import RequestRow
from workflows.purchase_approval import REVIEW_PATCH

WORKFLOW: Final = "workflows/purchase_approval.py"
PATCHED: Final = "        if not workflow.patched(REVIEW_PATCH):\n"
NOT_YET: Final = "        if True:  # the automated review is not written yet\n"
CARELESS: Final = "        if False:  # all requests are reviewed, also those that wait already\n"

LESSON: Final = (
    "A run may wait for a person for days, and meanwhile the code changes. A patch keeps the old branch for runs that"
    " began on it, and replaying the histories of what waits, before the new build gets anything, says whether it does."
)


@dataclass(frozen=True)
class Carried:
    """What is on record about one request.

    Attributes:
        status, auto_approved, asked: how it stands in Postgres, and how many questions were put to people.
        patched: whether its history says that it took the patch's new branch.
        bought: how many orders the vendor has taken for it.
        done_by: step -> the builds that carried it out, as their workers wrote down.
    """

    number: str
    before: bool
    status: str
    auto_approved: bool | None
    asked: int
    patched: bool
    bought: int
    done_by: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Replayed:
    """How many histories were replayed by some code, and which it could not follow."""

    count: int
    refused: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """What was read back.

    Attributes:
        waiting: how many requests waited for a person when the build changed, by Postgres.
        careless, rehearsed: their histories under the change without and with the patch, before anything was deployed.
        replayed: all histories under the new code, at the end.
    """

    requests: tuple[Carried, ...]
    waiting: int
    careless: Replayed
    rehearsed: Replayed
    replayed: Replayed


def judge(facts: Facts) -> Verdict:
    """The claims of this drill, each on the record."""
    old = [each for each in facts.requests if each.before]
    new = [each for each in facts.requests if not each.before]
    done = Counter(each.status for each in facts.requests)
    bought = Counter(each.bought for each in facts.requests)
    return judged(
        LESSON,
        Check(
            "Requests waited for a person when the code changed",
            facts.waiting == len(old) > 0,
            f"Postgres: {facts.waiting} of {len(old)} were awaiting a decision",
        ),
        Check(
            "The same change without a patch is caught before it harms anybody",
            facts.careless.count == len(facts.careless.refused) == len(old) > 0,
            f"Replay: {len(facts.careless.refused)} of {facts.careless.count} histories do not fit that code",
        ),
        Check(
            "The change with a patch fits everything that waits",
            facts.rehearsed == Replayed(len(old), ()) and bool(old),
            f"Replay: {_fit(facts.rehearsed)}",
        ),
        Check(
            "Every request from before the change kept the old branch",
            bool(old) and all(not each.patched and each.asked == 1 for each in old),
            f"Histories: {sum(each.patched for each in old)} of {len(old)} took the new branch",
        ),
        Check(
            "Every request after the change took the new branch",
            bool(new) and all(each.patched and each.auto_approved and not each.asked for each in new),
            f"Histories: {sum(each.patched for each in new)} of {len(new)} took the new branch, without a question",
        ),
        Check(
            "What the old build began, the new build finished",
            bool(old) and all(_passed_over(each) for each in old),
            f"Workers' notes: {sum(map(_passed_over, old))} of {len(old)} were asked on build one, ordered on build two",
        ),
        Check(
            "All were completed, and each was bought once",
            done == Counter({Status.COMPLETED: len(facts.requests)})
            and bought == Counter({1: len(facts.requests)}),
            f"Postgres: {done[Status.COMPLETED]} of {len(facts.requests)} completed; the vendor: {bought[1]} bought once",
        ),
        Check(
            "All histories replay under the new code",
            facts.replayed == Replayed(len(facts.requests), ()),
            f"Replay: {_fit(facts.replayed)}",
        ),
    )  # fmt: skip


def _passed_over(each: Carried) -> bool:
    return each.done_by.get("ask_approver") == ("one",) and each.done_by.get("place_order") == ("two",)


def _fit(replayed: Replayed) -> str:
    return f"{replayed.count - len(replayed.refused)} of {replayed.count} histories fit"


async def run(story: Story, stage: Stage, pace: Pace) -> Verdict:
    """Play it; see `judge` for what it shows."""
    builds = stage.folder / "builds"
    before = changed_code(builds / "one", WORKFLOW, (PATCHED, NOT_YET))
    careless = changed_code(builds / "careless", WORKFLOW, (PATCHED, CARELESS))
    story.chapter("A company at work on the old build")
    story.next(
        "The whole product comes up: Postgres, Valkey, Temporal, the shop, the mailbox, and two workers. The approvals"
        " worker runs build one. In its code there is no automated review yet: whatever is asked for, a manager decides."
    )
    async with open_office(stage) as office:
        await asyncio.gather(office.start_control(), office.start_build("one", before))
        await office.until_current("one")
        old = [office.submit(dear=number % 2 == 1) for number in range(pace.choose(quick=3, long=8))]
        await office.until_status(old, Status.AWAITING_DECISION)
        story.happened(
            f"Ana has asked for {len(old)} things. Each became a run of the workflow PurchaseApproval, and each waits for"
            " Lucía, her manager. Nothing of that occupies a worker: a run that waits is a history at Temporal, a list"
            " of what has happened to it so far."
        )
        await story.let_read()
        unpatched, patched = await _rehearse(story, office, old, careless)
        new, waiting = await _change(story, office, old, pace)
        await _finish(story, office, old, new)
        return judge(await _read_back(story, office, old, new, waiting, unpatched, patched))


async def _rehearse(
    story: Story, office: Office, old: Sequence[RequestRow], careless: Path
) -> tuple[Replayed, Replayed]:
    """Replay what waits with both ways of making the change."""
    story.chapter("The change, rehearsed on what waits")
    story.next(
        "The new code puts an automated review before the manager: what is harmless needs nobody. But a run that is"
        " taken up again runs its code from the top, with the history as its memory, and must come to the same steps"
        " in the same order. So both ways of writing the change are tried first, on the histories of what waits."
    )
    await story.let_read()
    unpatched = await _replay(office, old, careless, "careless")
    patched = await _replay(office, old, ROOT, "patched")
    rows = [
        ["straight away", unpatched.count, len(unpatched.refused), "would be stuck"],
        [f'if patched("{REVIEW_PATCH}")', patched.count, len(patched.refused), "may go on"],
    ]
    story.table(
        "The change in the code",
        ("how the code asks for a review", "histories", "do not fit", "the runs"),
        rows,
    )
    story.why(
        "Without the patch the code asks for a review at the point where the history has a question to a manager, takes"
        " the one for the other and goes astray: its task would fail again and again, and the request would hang. With"
        " the patch, a run that was past this point is told no there and keeps the old branch; a new run is told yes,"
        " and that is written into its history."
    )
    story.aside("The same by hand: python -m workflows.replay FOLDER, where FOLDER holds histories as JSON.")
    await story.let_read()
    return unpatched, patched


async def _replay(office: Office, rows: Sequence[RequestRow], code: Path, name: str) -> Replayed:
    """The histories of these requests as they are now, replayed by the code in a folder."""
    folder = office.stage.folder / "histories" / name
    folder.mkdir(parents=True)
    found = [await office.handle(row).describe() for row in rows]
    refs = [RunRef(each.id, each.run_id) for each in found]
    await temporal_gate.write_histories(office.client, refs, folder)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workflows.replay", str(folder), "--json"),
        cwd=code, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, complaints = await process.communicate()
    try:
        result: dict[str, Any] = json.loads(said)
    except ValueError as nothing:
        raise StageBroke(f"workflows.replay did not work in {code}: {complaints.decode()}") from nothing
    return Replayed(result["count"], tuple(each["workflow_id"] for each in result["failures"]))


async def _change(
    story: Story, office: Office, old: Sequence[RequestRow], pace: Pace
) -> tuple[list[RequestRow], int]:
    """Bring the new build in; returns the requests of after it, and how many waited then."""
    story.chapter("The new build takes over")
    story.next(
        "A worker with build two starts beside the first. Then new work is routed to it: one call to Temporal."
    )
    await office.start_build("two")
    waiting = Counter(office.statuses(old).values())[Status.AWAITING_DECISION]
    await temporal_builds.set_current(office.client, "two")
    late = await temporal_pollers.await_route(
        office.client, QueueRoute("two", None, Decimal(0)), PATIENCE_SECONDS
    )
    if late:
        raise StageBroke(f"Queues that never heard of the new route: {late}")
    await office.stage.end("approvals-one")
    story.happened(
        f"Build two is current, and the worker of build one has ended: its code is nowhere on this stage any more."
        f" {waiting} requests still wait for Lucía."
    )
    new = [office.submit() for _ in range(pace.choose(quick=2, long=6))]
    await office.until_status(new, Status.COMPLETED)
    story.happened(
        f"Ana asks for {len(new)} harmless things more: approved and bought without a question to anybody."
    )
    await story.let_read()
    return new, waiting


async def _finish(story: Story, office: Office, old: Sequence[RequestRow], new: Sequence[RequestRow]) -> None:
    """Lucía decides; the new build ends what the old one began."""
    story.chapter("The manager comes back to her desk")
    story.next("Lucía approves what waits for her. Who carries that out? Only build two is there.")
    for row in old:
        office.approve(row)
    await office.until_status([*old, *new], Status.COMPLETED)
    await asyncio.gather(*(office.handle(row).result() for row in [*old, *new]))
    story.happened("All of it is bought. This is what the workers wrote down, step by step:")


async def _read_back(
    story: Story,
    office: Office,
    old: Sequence[RequestRow],
    new: Sequence[RequestRow],
    waiting: int,
    unpatched: Replayed,
    patched: Replayed,
) -> Facts:
    done_by = await _done_by(office, [*old, *new])
    whose = {"a request of before": old[0], "a request of after": new[0]}
    story.table(
        "Who carried out which step",
        ("step", *whose),
        [
            [words, *(_builds(done_by[row.id].get(step)) for row in whose.values())]
            for step, words in STEPS.items()
            if any(step in done_by[row.id] for row in whose.values())
        ],
    )
    story.why(
        "The request of before was asked about on build one and bought on build two, on the branch of the code that it"
        " began with. Nobody had to wait until the old requests were through, and no old worker had to be kept."
    )
    await story.let_read()
    story.chapter("The proof: every history, replayed")
    story.next("Every history of this drill is replayed once more with the new code, the finished ones, too.")
    requests = tuple([await _carried(office, row, row in old, done_by[row.id]) for row in [*old, *new]])
    facts = Facts(requests, waiting, unpatched, patched, await _replay(office, [*old, *new], ROOT, "all"))
    story.happened(f"{_fit(facts.replayed)} the new code.")
    await story.let_read()
    return facts


def _builds(builds: tuple[str, ...] | None) -> str:
    return ", ".join(f"build {each}" for each in builds) if builds else "—"


async def _done_by(office: Office, rows: Sequence[RequestRow]) -> dict[UUID, dict[str, tuple[str, ...]]]:
    """Request -> step -> the builds that carried it out, when every worker has written all of it down."""

    async def look() -> dict[UUID, dict[str, tuple[str, ...]]]:
        found: dict[UUID, dict[str, tuple[str, ...]]] = {row.id: {} for row in rows}
        for each in office.outcomes():
            if each.outcome == OK and each.request_id in found:
                steps = found[each.request_id]
                steps[each.stage] = tuple(dict.fromkeys((*steps.get(each.stage, ()), each.build_id)))
        return found

    return await office.until(
        look, lambda found: all("tell_people" in steps for steps in found.values()), "the steps are written down"
    )  # fmt: skip


async def _carried(
    office: Office, row: RequestRow, before: bool, done_by: Mapping[str, tuple[str, ...]]
) -> Carried:
    now = office.look(row)
    history = await office.handle(row).fetch_history()
    markers = [each for each in history.events if each.event_type == EventType.EVENT_TYPE_MARKER_RECORDED]
    return Carried(
        now.number,
        before,
        now.status,
        now.auto_approved,
        len(office.decisions(row)),
        any(REVIEW_PATCH in str(each.marker_recorded_event_attributes) for each in markers),
        office.bought_for([row])[row.id],
        done_by,
    )
