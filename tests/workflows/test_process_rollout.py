"""A run that was given a new version of its process, on the real server: it stays on it when the rollout goes back."""

from __future__ import annotations

from uuid import UUID

from rules.process import Outcome
from storage import process_message, rollout
from storage.audit import SYSTEM
from tests.process_samples import Content, content, deployed
from tests.storage.some_first import begin_process, checked, expose, plan
from tests.workflows.process_hall import Hall
from tests.workflows.process_play import Play
from tests.workflows.process_play import play as play


def parcel(result: Outcome) -> Content:
    """Something is waited for; in the end it says which version it was."""
    wait = {"type": "wait_for_signal", "config": {"signal": "there", "deadline": "7 d"}}
    end = {"type": "end", "config": {"result": result.value}}
    return content("parcel", {"wait": wait, "end": end}, ">wait, wait true>end, wait false>end")


async def signalled(hall: Hall, run_id: UUID) -> str:
    """How a run ends after its signal."""
    await hall.until_step(run_id, "wait", "running")
    with hall.sessions.begin() as session:
        process_message.send(session, run_id, "there", "satisfied", {}, None)
    await hall.carry()
    return (await hall.result(run_id)).outcome


def test_a_run_that_was_given_a_version_ends_by_it_and_the_next_one_by_the_deployed_one(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        with hall.sessions.begin() as session:
            deployed(session, hall.company, parcel(Outcome.NOT_SATISFIED))
            version = checked(session, hall.company, parcel(Outcome.SATISFIED))
            running = expose(session, begin_process(session, hall.company, version, plan("100"))).id
        chosen = await hall.start("parcel")
        await hall.until_step(chosen, "wait", "running")
        with hall.sessions.begin() as session:
            rollout.send_back(session, rollout.by_id(session, running, lock=True), SYSTEM, "it is slow")
        after = await hall.start("parcel")
        assert (hall.look(chosen).version, hall.look(after).version) == (2, 1)
        assert await signalled(hall, chosen) == Outcome.SATISFIED
        assert await signalled(hall, after) == Outcome.NOT_SATISFIED

    play(journey)
