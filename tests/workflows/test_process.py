"""What people and systems do with running processes, on the real server: answers, signals, incidents, time, restarts."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError

from local.vendor.catalogue import catalogue
from rules.errors import AlreadyDecided, NotFound
from rules.person import Role
from rules.process import Edge, EdgeType, Node, Process
from rules.process_money import NobodyAgreed
from rules.process_people import NotYourTask
from rules.process_schedule import NoIncident
from rules.process_signal import SignalCameTooLate
from storage import process_incident, process_message, process_run, process_task
from storage.audit import Actor
from storage.person import PersonRow
from storage.process_run import KeyReusedForAnotherRun, RunHasEnded
from tests.app.people import make_person
from tests.process_samples import Content, content, travel
from tests.workflows.process_hall import PATIENCE_SECONDS, Hall
from tests.workflows.process_play import Play, begun, put
from tests.workflows.process_play import play as play

END: Content = {"type": "end"}


async def answer(
    hall: Hall, run_id: UUID, who: PersonRow, agrees: bool, node: str = "ask", seat: int = 0
) -> None:
    """Answer a seat as the page does, and carry that over."""
    await hall.until_step(run_id, node, "running")
    answer_now(hall, run_id, who, agrees, seat, node)
    await hall.carry()


def answer_now(hall: Hall, run_id: UUID, who: PersonRow, agrees: bool, seat: int, node: str = "ask") -> None:
    [task] = [each for each in hall.tasks(run_id) if each.node == node and each.seat == seat]
    with hall.sessions.begin() as session:
        process_task.answer(session, task.id, who.to_person(), agrees, "as I see it")


async def signal(hall: Hall, run_id: UUID, name: str, outcome: str = "satisfied", **more: Any) -> None:
    """Send a signal as the API does, and carry it over."""
    with hall.sessions.begin() as session:
        process_message.send(session, run_id, name, outcome, {"said": name}, None, **more)
    await hall.carry()


async def operate(hall: Hall, run_id: UUID, node: str, act: str, **more: Any) -> None:
    """Speak of an incident as an operator does, and carry that over."""
    await hall.until_step(run_id, node, "incident")
    with hall.sessions.begin() as session:
        process_incident.operate(session, run_id, node, hall.company.elena.id, act, **more)
    await hall.carry()


def waiting(**config: Any) -> Content:
    return content(
        "pallet",
        {"wait": {"type": "wait_for_signal", "config": {"signal": "delivered", "deadline": "7 d", **config}},
         "yes": {"type": "end", "config": {"result": "satisfied"}},
         "no": {"type": "end", "config": {"result": "not_satisfied"}}},
        ">wait, wait true>yes, wait false>no",
    )  # fmt: skip


@pytest.mark.parametrize(("agrees", "outcome"), [(True, "satisfied"), (False, "not_satisfied")])
def test_the_manager_is_asked_and_the_run_ends_as_answered(play: Play, agrees: bool, outcome: str) -> None:
    async def journey(hall: Hall) -> None:
        ana, bruno = hall.company.ana, hall.company.bruno
        run_id = await begun(hall, travel(), {"amount": "320.00"})
        await answer(hall, run_id, bruno, agrees)
        ended = await hall.result(run_id)
        assert (ended.result, ended.outcome) == ("completed", outcome)
        run = hall.look(run_id)
        assert (run.status, run.outcome, run.given["requester"]) == ("completed", outcome, str(ana.id))
        [told] = hall.told(run_id)
        assert told == (bruno.id, "task_asked", "Please decide: Travel, Manager")
        step = next(row for row in hall.steps(run_id) if row.node == "ask")
        assert (step.output["decided_by"], step.output["note"]) == (["Bruno Blanco"], "as I see it")
        assert step.given["question"] == f"May {ana.id} travel for 320.00 EUR?"
        assert [task.question for task in hall.tasks(run_id)] == [f"May {ana.name} travel for 320.00 EUR?"]

    play(journey)


def test_nobody_else_answers_and_nobody_answers_twice(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        run_id = await begun(hall, travel(), {"amount": "320.00"})
        with pytest.raises(NotYourTask):
            await answer(hall, run_id, hall.company.carla, True)
        with pytest.raises(NotYourTask):
            await answer(hall, run_id, hall.company.ana, True)
        await answer(hall, run_id, hall.company.bruno, True)
        await hall.result(run_id)
        with pytest.raises(AlreadyDecided, match="Bruno Blanco agreed"):
            answer_now(hall, run_id, hall.company.bruno, False, 0)

    play(journey)


def test_two_of_finance_have_to_be_two_people(play: Play) -> None:
    both = travel(
        who=[{"role": "finance", "group": "a"}, {"role": "finance", "group": "b"}], policy="per_group"
    )

    async def journey(hall: Hall) -> None:
        run_id = await begun(hall, both, {"amount": "1"})
        await answer(hall, run_id, hall.company.carla, True, seat=0)
        with pytest.raises(NotYourTask, match="second"):
            await answer(hall, run_id, hall.company.carla, True, seat=1)
        await answer(hall, run_id, hall.company.diego, True, seat=1)
        assert (await hall.result(run_id)).outcome == "satisfied"

    play(journey)


def test_one_is_reminded_another_asked_too_and_at_the_deadline_it_is_over(play: Play) -> None:
    timed = travel(deadline="7 d", reminders=["2 d"], escalate_after="5 d", escalate_to=[{"role": "finance"}])

    async def journey(hall: Hall) -> None:
        run_id = await begun(hall, timed, {"amount": "1"})
        await hall.until_step(run_id, "ask", "running")
        await hall.pass_time(run_id, timedelta(days=2, hours=1))
        await hall.until(run_id, lambda run: len(hall.told(run_id)) == 2)
        await hall.pass_time(run_id, timedelta(days=3))
        await hall.until(run_id, lambda run: "finance" in run.awaiting)
        await hall.pass_time(run_id, timedelta(days=2))
        assert (await hall.result(run_id)).outcome == "not_satisfied"
        step = next(row for row in hall.steps(run_id) if row.node == "ask")
        assert step.outcome == "timeout"
        assert [kind for _, kind, _ in hall.told(run_id)] == [
            "task_asked", "task_reminded", "task_escalated", "task_escalated",
        ]  # fmt: skip
        assert not [task for task in hall.tasks(run_id) if task.is_open]

    play(journey)


def test_a_signal_lets_the_run_go_on(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        run_id = await begun(hall, waiting())
        await hall.until_step(run_id, "wait", "running")
        await signal(hall, run_id, "delivered", message_key="k")
        await signal(hall, run_id, "delivered", message_key="k")
        assert (await hall.result(run_id)).outcome == "satisfied"
        assert hall.steps(run_id)[0].output == {"said": "delivered"}
        with pytest.raises(RunHasEnded):
            await signal(hall, run_id, "delivered")

    play(journey)


def test_a_signal_is_kept_for_a_node_that_has_not_started(play: Play) -> None:
    later = content(
        "later",
        {**{each["id"]: {k: v for k, v in each.items() if k != "id"} for each in waiting()["nodes"]},
         "first": {"type": "wait_for_signal", "config": {"signal": "packed", "deadline": "1 d"}}},
        ">first, first true>wait, first false>no, wait true>yes, wait false>no",
    )  # fmt: skip

    async def journey(hall: Hall) -> None:
        run_id = await begun(hall, later)
        await signal(hall, run_id, "delivered", "not_satisfied")
        await signal(hall, run_id, "packed")
        assert (await hall.result(run_id)).outcome == "not_satisfied"

    play(journey)


def test_a_signal_for_a_node_that_was_skipped_is_refused(play: Play) -> None:
    either = content(
        "either",
        {"ask": {"type": "wait_for_signal", "config": {"signal": "choice", "deadline": "1 d"}},
         "wait": {"type": "wait_for_signal", "config": {"signal": "delivered", "deadline": "1 d"}},
         "rest": {"type": "wait", "config": {"duration": "3 d"}}, "end": END},
        ">ask, ask true>wait, ask false>rest, wait always>end, rest>end",
    )  # fmt: skip

    async def journey(hall: Hall) -> None:
        run_id = await begun(hall, either)
        await signal(hall, run_id, "choice", "not_satisfied")
        skipped = await hall.until_step(run_id, "wait", "skipped")
        assert skipped.why is not None
        assert skipped.why["dead"][0]["edge"] == "ask-true_branch>wait"
        with pytest.raises(SignalCameTooLate, match="skipped"):
            await signal(hall, run_id, "delivered")
        with pytest.raises(NotFound):
            await signal(hall, run_id, "never heard of")
        await hall.pass_time(run_id, timedelta(days=3, minutes=1))
        assert (await hall.result(run_id)).result == "completed"

    play(journey)


def broken(**more: Any) -> Content:
    """A notice to nobody who is known, beside a wait."""
    return content(
        "broken",
        {"fork": {"type": "set", "config": {"values": {"n": 1}}},
         "tell": {"type": "notify", "config": {"to": [{"person": "{{input.whom}}"}], "subject": "Hello"}, **more},
         "wait": {"type": "wait_for_signal", "config": {"signal": "go", "deadline": "9 d"}},
         "end": END},
        ">fork, fork parallel>tell, fork parallel>wait, tell>end, wait always>end",
        inputs=[{"name": "whom", "kind": "text"}],
    )  # fmt: skip


def test_an_incident_parks_its_node_while_other_branches_go_on(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        run_id = await begun(hall, broken(), {"whom": "nobody@nowhere.example"})
        parked = await hall.until_step(run_id, "tell", "incident")
        assert "nobody@nowhere.example" in parked.error
        await signal(hall, run_id, "go")
        await hall.until_step(run_id, "wait", "completed")
        assert hall.look(run_id).status == "open"
        await operate(hall, run_id, "tell", "skip", reason="she knows")
        assert (await hall.result(run_id)).result == "completed"
        with pytest.raises(RunHasEnded):
            _operate_now(hall, run_id)

    play(journey)


def _operate_now(hall: Hall, run_id: UUID) -> None:
    with hall.sessions.begin() as session:
        process_incident.operate(session, run_id, "tell", hall.company.elena.id, "retry")


def test_an_incident_is_tried_again_when_its_cause_is_mended(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        run_id = await begun(hall, broken(), {"whom": "nina@vistobueno.example"})
        await signal(hall, run_id, "go")
        await hall.until_step(run_id, "tell", "incident")
        with hall.sessions.begin() as session:
            session.add(_nina())
        await operate(hall, run_id, "tell", "retry")
        assert (await hall.result(run_id)).result == "completed"
        told = [kind for _, kind, _ in hall.told(run_id)]
        step = next(row for row in hall.steps(run_id) if row.node == "tell")
        assert (told, step.attempt, step.status) == (["notice"], 2, "completed")

    play(journey)


def _nina() -> PersonRow:
    return make_person("Nina Nadal", "it", Role.EMPLOYEE)


def test_an_incident_that_is_given_up_fails_the_run_and_what_waits_is_withdrawn(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        run_id = await begun(hall, broken(), {"whom": "x"})
        await hall.until_step(run_id, "wait", "running")
        await operate(hall, run_id, "tell", "fail")
        ended = await hall.result(run_id)
        assert (ended.result, ended.failed_by) == ("failed", "tell")
        assert "'x'" in ended.error
        assert {row.node: row.status for row in hall.steps(run_id)} == {
            "fork": "completed", "tell": "failed", "wait": "cancelled",
        }  # fmt: skip

    play(journey)


def test_two_operators_do_not_both_act_on_one_incident(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        run_id = await begun(hall, broken(), {"whom": "x"})
        await hall.until_step(run_id, "tell", "incident")
        _operate_now(hall, run_id)
        with pytest.raises(NoIncident):
            _operate_now(hall, run_id)

    play(journey)


def test_an_approval_that_failed_cannot_be_skipped_as_agreed(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        run_id = await begun(
            hall, travel(who=[{"person": "{{input.requester}}"}]), {"amount": "1", "requester": "x"}
        )
        with pytest.raises(NobodyAgreed):
            await operate(hall, run_id, "ask", "skip", outcome="satisfied")
        await operate(hall, run_id, "ask", "skip", outcome="not_satisfied")
        assert (await hall.result(run_id)).outcome == "not_satisfied"

    play(journey)


def test_a_run_that_is_called_off_withdraws_what_it_asked(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        run_id = await begun(hall, travel(), {"amount": "1"})
        await hall.until_step(run_id, "ask", "running")
        with hall.sessions.begin() as session:
            process_run.cancel(session, run_id, hall.company.elena.id, "no trips this year")
        await hall.carry()
        assert (await hall.result(run_id)).result == "cancelled"
        assert (hall.look(run_id).status, hall.look(run_id).awaiting) == ("cancelled", [])
        [task] = hall.tasks(run_id)
        assert task.withdrawn_at is not None

    play(journey)


def test_a_run_cancelled_at_the_server_is_cancelled_in_postgres_too(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        run_id = await begun(hall, travel(), {"amount": "1"})
        await hall.until_step(run_id, "ask", "running")
        await hall.handle(run_id).cancel()
        with pytest.raises(WorkflowFailureError):
            await hall.result(run_id)
        assert hall.look(run_id).status == "cancelled"
        assert not [task for task in hall.tasks(run_id) if task.is_open]

    play(journey)


def test_one_wish_makes_one_run(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        key, by = put(hall, travel()), Actor.person(hall.company.ana.id)
        with hall.sessions.begin() as session:
            first = process_run.begin(session, key, {"amount": "1"}, by, start_key="wish")
            again = process_run.begin(session, key, {"amount": "1"}, by, start_key="wish")
            assert first.id == again.id
            with pytest.raises(KeyReusedForAnotherRun):
                process_run.begin(session, key, {"amount": "2"}, by, start_key="wish")

    play(journey)


def test_another_worker_goes_on_where_one_has_stopped(play: Play) -> None:
    async def journey(hall: Hall) -> UUID:
        run_id = await begun(hall, two_asked(), {})
        await answer(hall, run_id, hall.company.carla, True, node="first")
        await hall.until(run_id, lambda run: run.awaiting == ["platform"])
        return run_id

    run_id = play(journey)

    async def goes_on(hall: Hall) -> None:
        await answer(hall, run_id, hall.company.elena, True, node="second")
        assert (await hall.result(run_id)).outcome == "satisfied"

    play(goes_on)


def two_asked() -> Content:
    def ask(role: str) -> Content:
        return {"type": "approval", "config": {"who": [{"role": role}], "deadline": "7 d"}}

    return content(
        "two",
        {"fork": {"type": "set", "config": {"values": {"n": 1}}},
         "first": ask("finance"), "second": ask("platform"),
         "yes": {"type": "end", "config": {"result": "satisfied"}}, "no": END},
        ">fork, fork parallel>first, fork parallel>second, first true>yes, second true>yes, first false>no,"
        " second false>no",
    )  # fmt: skip


def test_a_run_is_continued_as_new_between_two_branches_and_forgets_nothing(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        run_id = await begun(hall, two_asked(), most_events=25)
        await answer(hall, run_id, hall.company.carla, True, node="first")
        await hall.until(run_id, lambda run: run.awaiting == ["platform"])
        await answer(hall, run_id, hall.company.elena, True, node="second")
        assert (await hall.result(run_id)).outcome == "satisfied"
        [*earlier, _] = [
            each async for each in hall.client.list_workflows(f"WorkflowId = 'process-{run_id}'")
        ]
        assert earlier
        names = {row.node: row.outcome for row in hall.steps(run_id) if row.status == "completed"}
        assert names == {"fork": "completed", "first": "satisfied", "second": "satisfied", "yes": "completed"}

    play(journey)


def test_deadlines_outlive_a_run_that_is_continued_as_new(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        run_id = await begun(hall, two_asked(), most_events=25)
        await answer(hall, run_id, hall.company.carla, True, node="first")
        await hall.until(run_id, lambda run: run.awaiting == ["platform"])
        await hall.pass_time(run_id, timedelta(days=7, minutes=1))
        assert (await hall.result(run_id)).result == "completed"
        assert {row.node: row.outcome for row in hall.steps(run_id)}["second"] == "timeout"

    play(journey)


def test_a_part_runs_as_a_process_of_its_own_and_gives_out_what_it_set(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        part = put(hall, content(
            "part",
            {"sum": {"type": "set", "config": {"values": {"total": "{{input.amount}}"}}},
             "end": {"type": "end", "config": {"result": "satisfied"}}},
            ">sum, sum>end", inputs=[{"name": "amount", "kind": "amount"}],
        ))  # fmt: skip
        whole = content(
            "whole",
            {"part": {"type": "sub_process", "config": {"process": part, "input": {"amount": "7.50"}}},
             "keep": {"type": "set", "config": {"values": {"total": "{{part.total}}"}}}, "end": END},
            ">part, part true>keep, part false>end, keep>end",
        )  # fmt: skip
        run_id = await begun(hall, whole)
        assert (await hall.result(run_id)).variables == {"total": "7.50"}
        with hall.sessions.begin() as session:
            child = process_run.part_of(session, run_id, "part", 1)
            assert child is not None
            assert (child.status, child.chain[-1], child.depth) == ("completed", part, 2)

    play(journey)


def test_a_large_value_is_kept_aside_and_templates_still_lead_into_it(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        large = {"rows": ["x" * 60_000, "found"], "name": "list"}
        whole = content(
            "large",
            {"keep": {"type": "set", "config": {"values": {"name": "{{input.sheet.rows.1}}"}}}, "end": END},
            ">keep, keep>end", inputs=[{"name": "sheet", "kind": "object"}],
        )  # fmt: skip
        run_id = await begun(hall, whole, {"sheet": large})
        assert (await hall.result(run_id)).variables == {"name": "found"}
        assert hall.look(run_id).given["sheet"].keys() == {"$reference", "bytes"}

    play(journey)


def test_the_server_can_be_asked_who_is_awaited(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        run_id = await begun(hall, two_asked())
        await hall.until(run_id, lambda run: sorted(run.awaiting) == ["finance", "platform"])
        async with asyncio.timeout(PATIENCE_SECONDS):  # the server hears of it a moment after Postgres
            while True:
                seen = (await hall.handle(run_id).describe()).search_attributes
                if sorted(map(str, seen.get("AwaitingRole", []))) == ["finance", "platform"]:
                    break
                await asyncio.sleep(0.02)
        assert seen["ProcessVersion"] == [1]

    play(journey)


def test_a_plain_condition_costs_no_event_of_its_history(play: Play) -> None:
    check = {"type": "condition", "config": {"test": {"left": "{{input.n}}", "op": "gt", "right": 3}}}
    nodes = {**{f"c{number}": check for number in range(6)}, "yes": END, "no": END}
    edges = ", ".join([">c0", *(f"c{n} true>c{n + 1}" for n in range(5)), "c5 true>yes", "c5 false>no"])
    falls = ", ".join(f"c{number} false>no" for number in range(5))

    async def journey(hall: Hall) -> None:
        checks = content("checks", nodes, f"{edges}, {falls}", inputs=[{"name": "n", "kind": "number"}])
        run_id = await begun(hall, checks, {"n": 5})
        assert (await hall.result(run_id)).result == "completed"
        kinds = [each.event_type async for each in hall.handle(run_id).fetch_history_events()]
        assert kinds.count(EventType.EVENT_TYPE_MARKER_RECORDED) == 2  # load, and tell
        assert EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED not in kinds
        shown = next(row for row in hall.steps(run_id) if row.node == "c0")
        assert shown.output["tests"] == [{"left": 5, "operator": "gt", "right": 3, "holds": True, "note": ""}]

    play(journey)


def test_a_product_is_checked_with_the_vendor(play: Play) -> None:
    def looked_up(url: str) -> Content:
        return content(
            "shop",
            {"look": {"type": "validate_product", "config": {"url": url}},
             "keep": {"type": "set", "config": {"values": {"price": "{{look.unit_price}}"}}},
             "yes": {"type": "end", "config": {"result": "satisfied"}},
             "no": {"type": "end", "config": {"result": "not_satisfied"}}},
            ">look, look true>keep, look false>no, keep>yes",
        )  # fmt: skip

    async def journey(hall: Hall) -> None:
        article = next(each for each in catalogue() if each.in_stock and each.guidance == "NONE")
        there = await begun(hall, looked_up(f"https://www.{article.host}/dp/{article.asin}"))
        gone = await begun(hall, looked_up("https://www.amazon.es/dp/B0NOSUCHXX"))
        ended = await hall.result(there)
        assert (ended.outcome, ended.variables) == ("satisfied", {"price": str(article.unit_price)})
        assert (await hall.result(gone)).outcome == "not_satisfied"

    play(journey)


def test_nothing_is_ordered_that_nobody_agreed_to_whatever_the_definition_says(play: Play) -> None:
    order = {"product": "x", "unit_price": "1", "currency": "EUR"}
    nodes = (Node("buy", "place_order", config=order), Node("end", "end"))
    edges = (Edge(None, "buy", EdgeType.START), Edge("buy", "end"))

    async def journey(hall: Hall) -> None:
        hall.put_in_force(Process("greedy", nodes=nodes, edges=edges))
        run_id = await hall.start("greedy")
        assert (await hall.until_step(run_id, "buy", "incident")).error == "Nobody has agreed to buy."
        [step] = hall.steps(run_id)
        assert step.given == {}  # no step was ever asked to do it

    play(journey)
