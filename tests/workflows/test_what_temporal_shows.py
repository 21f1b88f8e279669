"""What an engineer sees of a request in Temporal's own pages: search, memo, summaries, state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.client import WorkflowExecutionDescription

from gateways.temporal import AMOUNT, AUTO_APPROVED, DEPARTMENT, REQUESTER, STATUS
from rules import messages
from rules.request import Status
from storage.request import RequestRow
from tests.workflows import journeys
from tests.workflows.desk import PATIENCE_SECONDS, Desk

Play = Callable[[Callable[[Desk], Awaitable[Any]]], Any]


async def _approve_and_describe(desk: Desk) -> tuple[RequestRow, WorkflowExecutionDescription]:
    row = await journeys.approved_automatically(desk)
    return row, await desk.handle(row).describe()


def test_a_request_is_found_by_what_people_search_for(desk: Desk, play: Play) -> None:
    row, seen = play(_approve_and_describe)
    found = seen.typed_search_attributes
    assert found[DEPARTMENT] == "marketing"
    assert found[STATUS] == "completed"
    assert found[REQUESTER] == str(desk.company.ana.id)
    assert found[AMOUNT] == float(row.amount)
    assert found[AUTO_APPROVED] is True


def test_the_human_number_is_in_the_memo_and_the_title(desk: Desk, play: Play) -> None:
    async def describe(desk: Desk) -> tuple[RequestRow, Any, str | None]:
        row, seen = await _approve_and_describe(desk)
        return row, await seen.memo(), await seen.static_summary()

    row, memo, summary = play(describe)
    assert memo == {"number": row.number}
    assert summary is not None
    assert summary.startswith(row.number)


def test_the_steps_say_in_words_what_they_do(desk: Desk, play: Play) -> None:
    async def history(desk: Desk) -> str:
        row = await journeys.expired_after_seven_days(desk)
        fetched = await desk.handle(row).fetch_history()
        payloads = [event.user_metadata.summary.data.decode() for event in fetched.events]
        return " ".join(payloads)

    words = play(history)
    for said in ("Check the product", "Automated review", "Ask a person", "then: remind", "then: escalate"):
        assert said in words


def test_its_state_can_be_asked_for(desk: Desk, play: Play) -> None:
    async def ask(desk: Desk) -> tuple[str, str]:
        async with desk.worker():
            row = desk.submit(desk.article(dearer_than=500, cheaper_than=2500))
            await desk.carry()
            await desk.until(row, Status.AWAITING_DECISION)
            handle = desk.handle(row)
            async with asyncio.timeout(PATIENCE_SECONDS):
                # Postgres knows before the workflow does; it is asked until it has heard.
                while (waiting := await handle.query(messages.QUERY_STATE)) != "awaiting_decision":
                    await asyncio.sleep(0.02)
            desk.withdraw(row)
            await desk.carry()
            await handle.result()
            return waiting, await handle.query(messages.QUERY_STATE)

    assert play(ask) == ("awaiting_decision", "withdrawn")
