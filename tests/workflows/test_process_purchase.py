"""Departments whose purchases follow a process of their own, on the real server: vendor, books and people agree."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import Flask, Response
from temporalio.testing import TimeSkipper

from local.vendor.catalogue import Article
from rules.decision import judge_answer
from rules.process_content import to_content
from rules.process_gallery import make_process
from rules.process_messages import ProcessResult, run_workflow_id
from rules.process_templates import TEMPLATES
from rules.request import Status
from storage import decision as decisions
from storage import department_process, inbox, process_purchase, process_run, process_step, process_task
from storage import order as orders
from storage import request as requests
from storage.audit import Actor
from storage.order import Standing
from storage.person import PersonRow
from storage.process_step import ProcessStepRow
from storage.process_task import ProcessTaskRow
from storage.request import RequestRow
from tests.app.browser import Browser
from tests.app.conftest import running
from tests.app.wishes import form
from tests.invariants import breaches, gather
from tests.process_purchases import buying, reviewed_first, side_by_side, two_steps
from tests.process_samples import deployed
from tests.workflows.desk import PATIENCE_SECONDS, Desk

Play = Callable[[Callable[[Desk], Awaitable[Any]]], Any]


def follow(desk: Desk, definition: dict[str, Any], department: str = "marketing") -> None:
    """Let a department follow a process: Carla proposes it, Diego agrees."""
    with desk.sessions.begin() as session:
        deployed(session, desk.company, definition)
        row = department_process.propose(
            session, department, definition["key"], desk.company.carla.id, "it fits us"
        )
        department_process.confirm(session, row.id, desk.company.diego.id)


def waiting_for(desk: Desk, person: PersonRow) -> list[str]:
    """The numbers of the requests in somebody's inbox."""
    with desk.sessions.begin() as session:
        return [each.request.number for each in inbox.mine(session, person.id)]


async def asked(desk: Desk, row: RequestRow, person: PersonRow) -> None:
    """Wait until a question about a request is in somebody's inbox."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while row.number not in await asyncio.to_thread(waiting_for, desk, person):
            await asyncio.sleep(0.02)


async def ended(desk: Desk, row: RequestRow) -> ProcessResult:
    """Wait for the end of a request's run."""
    handle = desk.client.get_workflow_handle(run_workflow_id(str(row.run_id)), result_type=ProcessResult)
    async with asyncio.timeout(PATIENCE_SECONDS):
        result: ProcessResult = await handle.result()
    return result


def step(desk: Desk, row: RequestRow, node: str) -> ProcessStepRow:
    """What became of a node of a request's run."""
    assert row.run_id is not None
    with desk.sessions.begin() as session:
        return next(each for each in process_step.of_run(session, row.run_id) if each.node == node)


def open_browser(app: Flask, desk: Desk, person: PersonRow) -> Browser:
    """Somebody's browser, logged in."""
    opened = Browser(app, Response, use_cookies=True)
    opened.log_in(person, desk.sessions)
    return opened


def send_form(browser: Browser, desk: Desk, article: Article, quantity: int) -> RequestRow:
    """Ask for an article through the form."""
    amount = article.unit_price * quantity
    answer = browser.send(
        "/requests",
        form(
            product_link=f"https://{article.host}/dp/{article.asin}",
            quantity=str(quantity), amount=str(amount), suggested=str(amount),
        ),
    )  # fmt: skip
    assert answer.status_code == 303, answer.text
    with desk.sessions.begin() as session:
        found = requests.by_number(session, answer.location.rpartition("/")[2])
    assert found is not None
    return found


def agree(browser: Browser, row: RequestRow, comment: str) -> str:
    """Approve what a request's page asks; what is said then."""
    page = browser.get(f"/requests/{row.number}").text
    shown = dict(re.findall(r'name="(decision|amount|content)" value="([^"]*)"', page))
    answer = browser.send(
        f"/requests/{row.number}/decision", {**shown, "choice": "approve", "comment": comment}
    )
    assert answer.status_code == 303, answer.text
    return browser.get(answer.location).text


def test_a_request_follows_the_process_of_its_department_from_form_to_order(desk: Desk, play: Play) -> None:
    async def journey(desk: Desk) -> None:
        follow(desk, two_steps())
        people = desk.company
        with running(desk.settings) as app:
            ana, bruno, diego = (
                open_browser(app, desk, each) for each in (people.ana, people.bruno, people.diego)
            )
            async with desk.worker():
                row = await asyncio.to_thread(send_form, ana, desk, desk.article(), 2)
                assert row.run_id is not None
                await desk.carry()
                await asked(desk, row, people.bruno)
                page = await asyncio.to_thread(lambda: ana.get(f"/requests/{row.number}").text)
                assert "Path: Two steps, version 1" in page
                assert "Waiting for Bruno Blanco" in page
                assert f"/runs/{row.run_id}" in page
                said = await asyncio.to_thread(agree, bruno, row, "We need it.")
                assert "Your answer is recorded" in said
                await desk.carry()
                await asked(desk, row, people.diego)
                assert waiting_for(desk, people.bruno) == []
                await asyncio.to_thread(agree, diego, row, "The budget is there.")
                await desk.carry()
                assert (await ended(desk, row)).outcome == "satisfied"
            page = await asyncio.to_thread(lambda: ana.get(f"/requests/{row.number}").text)
        now = desk.look(row)
        assert (now.status, now.auto_approved) == (Status.COMPLETED, False)
        [bought], [order] = desk.ledger(row), desk.orders(row)
        assert order.vendor_order_ids == [bought["order_id"]]
        assert step(desk, row, "order").output["order"] == bought["order_id"]
        assert all(
            words in page
            for words in (bought["order_id"], "Approved by Bruno Blanco", "Approved by Diego Duran")
        )
        assert [(each.outcome, each.decided_by) for each in desk.decisions(row)] == [
            ("approved", people.bruno.id),
            ("approved", people.diego.id),
        ]
        assert desk.told(row, people.ana) == ["completed"]
        assert desk.audit(row) == [
            "request.submitted", "process.followed", "request.in_review", "request.awaiting_decision",
            "decision.approved", "decision.asked", "decision.approved", "request.ordering", "order.sent",
            "request.completed",
        ]  # fmt: skip

    play(journey)


def test_every_law_holds_for_what_processes_bought_refused_and_gave_back(desk: Desk, play: Play) -> None:
    async def journey(desk: Desk) -> None:
        follow(desk, two_steps())
        people = desk.company
        async with desk.worker():
            bought, refused, withdrawn = desk.submit(), desk.submit(), desk.submit()
            await desk.carry()
            for row in (bought, refused, withdrawn):
                await asked(desk, row, people.bruno)
            desk.answer(bought, "approve")
            desk.answer(refused, "reject", "No.")
            desk.withdraw(withdrawn)
            await desk.carry()
            await asked(desk, bought, people.carla)
            desk.answer(bought, "approve", by=people.carla)
            await desk.carry()
            for row in (bought, refused, withdrawn):
                await ended(desk, row)
        facts = await gather(desk.settings.database_url, desk.settings.vendor_url, desk.client)
        assert breaches(facts) == []
        doctored = replace(facts, consents=[], questions=[])
        assert "I22" in {each.law for each in breaches(doctored)}

    play(journey)


def test_what_one_step_refuses_is_rejected_and_never_ordered(desk: Desk, play: Play) -> None:
    async def journey(desk: Desk) -> None:
        follow(desk, two_steps())
        async with desk.worker():
            row = desk.submit()
            await desk.carry()
            await asked(desk, row, desk.company.bruno)
            desk.answer(row, "reject", "We own two already.")
            await desk.carry()
            assert (await ended(desk, row)).outcome == "not_satisfied"
        now = desk.look(row)
        assert (now.status, now.closed_reason) == (Status.REJECTED, "We own two already.")
        assert (desk.orders(row), desk.ledger(row)) == ([], [])
        assert desk.told(row, desk.company.ana) == ["rejected"]

    play(journey)


def test_a_request_can_be_withdrawn_while_its_process_asks(desk: Desk, play: Play) -> None:
    async def journey(desk: Desk) -> None:
        follow(desk, two_steps())
        async with desk.worker():
            row = desk.submit()
            await desk.carry()
            await asked(desk, row, desk.company.bruno)
            desk.withdraw(row)
            await desk.carry()
            assert (await ended(desk, row)).result == "cancelled"
        assert desk.look(row).status == Status.WITHDRAWN
        assert [each.outcome for each in desk.decisions(row)] == ["withdrawn"]
        assert waiting_for(desk, desk.company.bruno) == []
        assert desk.ledger(row) == []

    play(journey)


def test_what_nobody_answers_in_time_expires_as_the_process_says(desk: Desk, play: Play) -> None:
    async def journey(desk: Desk) -> None:
        follow(desk, two_steps())
        async with desk.worker():
            row = desk.submit()
            await desk.carry()
            await asked(desk, row, desk.company.bruno)
            handle = desk.client.get_workflow_handle(run_workflow_id(str(row.run_id)))
            await TimeSkipper(desk.client).fast_forward(handle, timedelta(days=7, minutes=1))
            assert (await ended(desk, row)).outcome == "not_satisfied"
        assert desk.look(row).status == Status.EXPIRED
        assert [(each.outcome, each.decided_by) for each in desk.decisions(row)] == [("expired", None)]

    play(journey)


def test_a_run_that_an_operator_calls_off_orders_nothing_and_rejects_its_request(
    desk: Desk, play: Play
) -> None:
    async def journey(desk: Desk) -> None:
        follow(desk, two_steps())
        async with desk.worker():
            row = desk.submit()
            assert row.run_id is not None
            await desk.carry()
            await asked(desk, row, desk.company.bruno)
            with desk.sessions.begin() as session:
                process_run.cancel(session, row.run_id, desk.company.elena.id, "a wrong process")
            await desk.carry()
            assert (await ended(desk, row)).result == "cancelled"
        assert desk.look(row).status == Status.REJECTED
        assert [each.outcome for each in desk.decisions(row)] == ["withdrawn"]
        assert desk.told(row, desk.company.ana) == ["rejected"]
        facts = await gather(desk.settings.database_url, desk.settings.vendor_url, desk.client)
        assert breaches(facts) == []

    play(journey)


def test_two_may_be_asked_at_once_and_each_answers_their_own_question(desk: Desk, play: Play) -> None:
    async def journey(desk: Desk) -> None:
        follow(desk, side_by_side())
        people = desk.company
        async with desk.worker():
            row = desk.submit()
            await desk.carry()
            await asked(desk, row, people.bruno)
            await asked(desk, row, people.carla)
            for person in (people.carla, people.bruno):
                with desk.sessions.begin() as session:
                    question = inbox.latest(session, row.id, person.id)
                    assert question is not None
                    shown = {"decision": str(question.decision.id)}
                    decisions.answer(
                        session, question.request, person.to_person(), judge_answer("approve", ""), shown
                    )
                assert waiting_for(desk, person) == []
            await desk.carry()
            assert (await ended(desk, row)).outcome == "satisfied"
        assert desk.look(row).status == Status.COMPLETED
        assert len(desk.ledger(row)) == 1
        facts = await gather(desk.settings.database_url, desk.settings.vendor_url, desk.client)
        assert breaches(facts) == []

    play(journey)


def test_the_template_of_two_steps_buys_for_a_department_as_many_as_were_asked_for(
    desk: Desk, play: Play
) -> None:
    async def journey(desk: Desk) -> None:
        template = make_process(TEMPLATES["two-step-purchase"], "of-the-gallery", "", {})
        follow(desk, to_content(template))
        people = desk.company
        async with desk.worker():
            row = desk.submit(quantity=3)
            await desk.carry()
            for person in (people.bruno, people.carla):
                await asked(desk, row, person)
                desk.answer(row, "approve", by=person)
                await desk.carry()
            assert (await ended(desk, row)).outcome == "satisfied"
        [bought] = desk.ledger(row)
        assert (desk.look(row).status, bought["quantity"]) == (Status.COMPLETED, 3)

    play(journey)


def test_what_a_released_review_approves_is_ordered_without_anybody(desk: Desk, play: Play) -> None:
    async def journey(desk: Desk) -> None:
        follow(desk, reviewed_first())
        async with desk.worker():
            row = desk.submit()
            await desk.carry()
            assert (await ended(desk, row)).outcome == "satisfied"
        now = desk.look(row)
        assert (now.status, now.auto_approved) == (Status.COMPLETED, True)
        assert desk.decisions(row) == []
        assert step(desk, row, "review").output["approved"] is True
        assert step(desk, row, "manager").status == "skipped"
        facts = await gather(desk.settings.database_url, desk.settings.vendor_url, desk.client)
        assert breaches(facts) == []

    play(journey)


def test_a_review_that_is_switched_off_leaves_it_to_a_person_in_a_process_too(desk: Desk, play: Play) -> None:
    async def journey(desk: Desk) -> None:
        follow(desk, reviewed_first())
        desk.switch_review(False)
        async with desk.worker():
            row = desk.submit()
            await desk.carry()
            await asked(desk, row, desk.company.bruno)
            assert step(desk, row, "review").output["why"] == "The automated review is switched off here."
            desk.answer(row, "approve")
            await desk.carry()
            assert (await ended(desk, row)).outcome == "satisfied"
        assert (desk.look(row).status, desk.look(row).auto_approved) == (Status.COMPLETED, False)

    play(journey)


class Restock:
    """A run of `buying` up to its order."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.article = desk.article()
        with desk.sessions.begin() as session:
            deployed(session, desk.company, buying())
            given = {
                "requester": str(desk.company.ana.id),
                "url": f"https://{self.article.host}/dp/{self.article.asin}",
                "price": str(self.article.unit_price),
            }
            self.run = process_run.begin(session, "restock", given, Actor.person(desk.company.ana.id))

    async def agree(self) -> RequestRow:
        """Finance agrees; the request that the node then orders."""
        desk = self.desk
        await desk.carry()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (seats := await asyncio.to_thread(self._seats)):
                await asyncio.sleep(0.02)
        with desk.sessions.begin() as session:
            process_task.answer(session, seats[0].id, desk.company.carla.to_person(), True, "")
        await desk.carry()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (row := await asyncio.to_thread(self._ordered)) is None:
                await asyncio.sleep(0.02)
        return row

    def _seats(self) -> Sequence[ProcessTaskRow]:
        with self.desk.sessions.begin() as session:
            return process_task.of_run(session, self.run.id)

    def _ordered(self) -> RequestRow | None:
        with self.desk.sessions.begin() as session:
            return process_purchase.ordered_by(session, (self.run.id, "order", 1))

    async def pass_time(self, duration: timedelta) -> None:
        """Let the run's time pass on the real server."""
        handle = self.desk.client.get_workflow_handle(run_workflow_id(str(self.run.id)))
        await TimeSkipper(self.desk.client).fast_forward(handle, duration)


def test_a_run_without_a_request_orders_in_the_name_of_whoever_it_is_for(desk: Desk, play: Play) -> None:
    async def journey(desk: Desk) -> None:
        async with desk.worker():
            restock = Restock(desk)
            row = await restock.agree()
            assert (await ended(desk, row)).outcome == "satisfied"
        now = desk.look(row)
        assert (now.status, now.requester_id, now.quantity) == (Status.COMPLETED, desk.company.ana.id, 1)
        assert len(desk.ledger(row)) == 1
        facts = await gather(desk.settings.database_url, desk.settings.vendor_url, desk.client)
        assert breaches(facts) == []

    play(journey)


def test_an_order_whose_answer_was_lost_is_read_back_and_not_sent_again(desk: Desk, play: Play) -> None:
    async def journey(desk: Desk) -> None:
        async with desk.worker():
            restock = Restock(desk)
            desk.fault("lost_answer")
            row = await restock.agree()
            assert (await ended(desk, row)).outcome == "satisfied"
        assert len(desk.ledger(row)) == 1
        [order] = desk.orders(row)
        assert (order.sends, order.unknown_since is not None) == (1, True)

    play(journey)


def test_a_vendor_that_is_busy_is_asked_again_and_nobody_is_bothered(desk: Desk, play: Play) -> None:
    async def journey(desk: Desk) -> None:
        async with desk.worker():
            restock = Restock(desk)
            desk.fault("busy", operation="order")
            row = await restock.agree()
            assert (await ended(desk, row)).outcome == "satisfied"
        assert len(desk.ledger(row)) == 1
        [order] = desk.orders(row)
        assert (order.sends, order.unknown_since) == (1, None)

    play(journey)


def test_what_the_vendor_cannot_take_for_a_day_is_for_finance(desk: Desk, play: Play) -> None:
    async def journey(desk: Desk) -> None:
        async with desk.worker():
            restock = Restock(desk)
            desk.fault("busy", operation="order", always=True)
            row = await restock.agree()
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await asyncio.to_thread(desk.orders, row):
                    await asyncio.sleep(0.02)
            with desk.sessions.begin() as session:
                order = orders.lock(session, desk.orders(row)[0].id)
                order.intended_at -= timedelta(days=1)
            await restock.pass_time(timedelta(hours=1))
            await desk.until(row, Status.ORDER_UNKNOWN)
            assert "order_unknown" in desk.told(row, desk.company.carla)

    play(journey)


def test_a_price_that_rose_is_asked_about_and_ordered_once_at_the_new_one(desk: Desk, play: Play) -> None:
    async def journey(desk: Desk) -> None:
        async with desk.worker():
            restock = Restock(desk)
            desk.fault("price_above_expectation")
            row = await restock.agree()
            await desk.until(row, Status.AWAITING_DECISION)
            assert desk.ledger(row) == []
            desk.answer(row, "approve")
            await desk.carry()
            assert (await ended(desk, row)).outcome == "satisfied"
        assert [each.state for each in desk.orders(row)] == [Standing.PRICE_CHANGED, Standing.PLACED]
        assert len(desk.ledger(row)) == 1
        facts = await gather(desk.settings.database_url, desk.settings.vendor_url, desk.client)
        assert breaches(facts) == []

    play(journey)


def test_what_nobody_can_tell_of_is_settled_by_finance(desk: Desk, play: Play) -> None:
    async def journey(desk: Desk) -> None:
        async with desk.worker():
            restock = Restock(desk)
            desk.fault("lost_answer")
            desk.fault("error_500", operation="read", always=True)
            row = await restock.agree()
            await desk.until(row, Status.ORDER_UNKNOWN)
            [bought] = desk.ledger(row)
            desk.settle(row, bought["order_id"])
            await desk.carry()
            assert (await ended(desk, row)).outcome == "satisfied"
        assert step(desk, row, "order").output["order"] == bought["order_id"]

    play(journey)
