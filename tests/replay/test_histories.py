"""Recorded histories of every journey, of rollouts and of the gate replay with the code as it is: none is stranded."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from rules import messages
from rules.messages import PurchaseInput, PurchaseResult, RequestStep, RolloutInput, RolloutResult
from tests.loop import ThreadRunner
from workflows import registry, rollout_steps, steps
from workflows.purchase_approval import REVIEW_PATCH

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))
#: See test_process_histories.py.
OF_PROCESSES = sorted((Path(__file__).parent / "processes").glob("*.json"))


def replay(paths: Sequence[Path], *workflows: type) -> dict[str, BaseException | None]:
    """Name of a history -> the failure of replaying it as in production with these workflows, None where it replays."""
    replayer = Replayer(workflows=list(workflows), workflow_runner=registry.fast())

    async def histories() -> AsyncIterator[WorkflowHistory]:
        for path in paths:
            yield WorkflowHistory.from_json(path.stem, path.read_text())

    async def failures() -> dict[str, BaseException | None]:
        async with replayer.workflow_replay_iterator(histories()) as results:
            return {each.history.workflow_id: each.replay_failure async for each in results}

    with closing(ThreadRunner()) as runner:
        return runner.run(failures())


@pytest.fixture(scope="module")
def replayed() -> dict[str, BaseException | None]:
    """All histories, replayed once with the code as it is."""
    return replay(HISTORIES, *registry.APPROVALS, *registry.TRIALS, *registry.CONTROL)


def events(path: Path) -> list[dict[str, Any]]:
    """The events of a recorded history."""
    recorded: list[dict[str, Any]] = json.loads(path.read_text())["events"]
    return recorded


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_recorded_history_replays_with_the_code_as_it_is(
    path: Path, replayed: dict[str, BaseException | None]
) -> None:
    assert replayed[path.stem] is None


def test_every_journey_has_a_recorded_history() -> None:
    source = (Path(__file__).parents[1] / "workflows" / "journeys.py").read_text()
    journeys = [line.split("(")[0].removeprefix("async def ") for line in source.split("@journey\n")[1:]]
    played = re.findall(
        r"^@records\((.+)\)$", (Path(__file__).parent / "rollouts.py").read_text(), re.MULTILINE
    )
    rollouts = [name for names in played for name in re.findall(r'"(\w+)"', names)]
    assert journeys
    assert rollouts
    assert sorted(path.stem for path in HISTORIES) == sorted(journeys + rollouts)


def test_every_workflow_that_a_worker_serves_has_a_recorded_history() -> None:
    names = {workflow_type(path) for path in [*HISTORIES, *OF_PROCESSES]}
    served = {*registry.APPROVALS, *registry.TRIALS, *registry.CONTROL}
    assert names == {each.__name__ for each in served}


def workflow_type(path: Path) -> str:
    """Which workflow a history is of."""
    began: dict[str, Any] = events(path)[0]["workflowExecutionStartedEventAttributes"]
    return str(began["workflowType"]["name"])


def test_there_are_histories_from_before_the_review_and_from_after() -> None:
    patched = {path.stem for path in HISTORIES if REVIEW_PATCH in _patches(path)}
    assert "before_the_review_approved" not in patched
    assert "before_the_review_expired" not in patched
    assert "begun_before_the_review_and_finished_after" not in patched
    assert "approved_automatically" in patched


def _patches(path: Path) -> str:
    markers = [
        each for each in events(path) if each["eventType"] == "EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"
    ]
    fields = [
        marker["upsertWorkflowSearchAttributesEventAttributes"]["searchAttributes"]["indexedFields"]
        for marker in markers
    ]
    return " ".join(
        base64.b64decode(each["TemporalChangeVersion"]["data"]).decode()
        for each in fields
        if "TemporalChangeVersion" in each
    )


@workflow.defn(name=messages.PURCHASE_APPROVAL)
class AskedNobody:
    """What a careless change would look like: the review is gone, without a patch."""

    @workflow.run
    async def run(self, given: PurchaseInput) -> PurchaseResult:
        checked = await steps.validate_product(RequestStep(given.request_id))
        return PurchaseResult(checked.status)


def test_a_careless_change_of_the_steps_does_not_replay() -> None:
    one = next(path for path in HISTORIES if path.stem == "approved_automatically")
    assert replay([one], AskedNobody)[one.stem] is not None


@workflow.defn(name=messages.ROLLOUT)
class Unwatched:
    """A careless change of the rollout: it gives the new one to all without a look."""

    @workflow.run
    async def run(self, given: RolloutInput) -> RolloutResult:
        await rollout_steps.make_stable(given)
        return RolloutResult("promoted")


def test_a_careless_change_of_the_rollout_does_not_replay() -> None:
    ends = [path for path in HISTORIES if workflow_type(path) == messages.ROLLOUT]
    failures = replay(ends, Unwatched)
    assert ends
    assert None not in failures.values()


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("rollout_promoted_after_two_steps", ["pass_gate", "carry_share", "carry_share", "make_stable"]),
        ("rollout_returned_by_evidence", ["pass_gate", "carry_share", "take_back"]),
        ("rollout_aborted", ["pass_gate", "carry_share", "take_back"]),
        ("rollout_paused_resumed_and_promoted", ["pass_gate", "carry_share", "make_stable"]),
        ("rollout_aborted_before_its_gate", ["pass_gate"]),
    ],
)
def test_the_recorded_rollouts_went_the_way_that_they_are_named_for(name: str, steps: list[str]) -> None:
    path = next(path for path in HISTORIES if path.stem == name)
    scheduled = [
        each["activityTaskScheduledEventAttributes"]["activityType"]["name"]
        for each in events(path)
        if each["eventType"] == "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED"
    ]
    assert [each for each in scheduled if each != "look_at_rollout"] == steps


def test_no_history_names_the_machine_it_was_recorded_on() -> None:
    for path in HISTORIES:
        text = path.read_text()
        said = [
            base64.b64decode(each).decode(errors="replace") for each in re.findall(r'"data": "([^"]+)"', text)
        ]
        for word in ("site-packages", str(Path.home()), "/tmp/", ".py"):  # noqa: S108
            assert word not in text, path.stem
            assert not [each for each in said if word in each], path.stem
