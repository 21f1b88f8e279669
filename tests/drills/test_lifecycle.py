"""The small workflow of the drills: what a run says of itself, and its worker and client as commands of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from local.drills import __main__ as commands
from local.drills import lifecycle_client
from local.drills.history import Who, who
from local.drills.lifecycle import STEPS, Order, Receipt, fails_at, journey_of, with_photograph
from local.drills.lifecycle_worker import READY, Post
from local.drills.retries import policy_wait
from local.program import PATIENCE_SECONDS, ROOT, Program
from local.room import Room
from tests.loop import elsewhere


def receipts(builds: str) -> list[Receipt]:
    """One receipt for every letter, of the build of this name."""
    return [Receipt(step, "0", "w", build, 1, 1) for step, build in zip(STEPS, builds, strict=False)]


@pytest.mark.parametrize(
    ("builds", "used", "changes", "rollout"),
    [
        ("", (), (), False),
        ("AAA", ("A",), (), False),
        ("AAB", ("A", "B"), ("pick → pack: A → B",), True),
        ("ABA", ("A", "B"), ("reserve → pick: A → B", "pick → pack: B → A"), True),
    ],
)
def test_a_run_reads_off_its_receipts_which_builds_were_at_work(
    builds: str, used: tuple[str, ...], changes: tuple[str, ...], rollout: bool
) -> None:
    journey = journey_of("order-1", receipts(builds))
    assert journey.worker_versions_used == used
    assert journey.version_changes_detected == changes
    assert journey.rollout_detected is rollout


def test_newer_builds_take_a_photograph_before_they_weigh() -> None:
    assert with_photograph(STEPS) == ("reserve", "pick", "pack", "photograph", "weigh", "ship", "bill")
    assert with_photograph(("reserve", "bill")) == ("reserve", "bill")


def test_only_the_slow_step_takes_longer() -> None:
    order = Order("order-1", step_seconds=2, slow="pack")
    assert [order.seconds(step) for step in ("pick", "pack")] == [2, 10]


@pytest.mark.parametrize("post", [Post("west", "", False), Post("a-1@b", "B_2", True)])
def test_a_worker_is_known_again_by_its_signature(post: Post) -> None:
    assert who(post.identity) == Who(post.name, post.build, os.getpid())


@pytest.mark.parametrize("identity", ["", "4711@host", "temporal-cli:root@host"])
def test_whoever_is_no_worker_of_the_drills_is_not_taken_for_one(identity: str) -> None:
    with pytest.raises(ValueError, match="no worker of the drills"):
        who(identity)


def test_waits_double_until_they_are_long_enough() -> None:
    assert [policy_wait(number) for number in range(1, 7)] == [
        timedelta(seconds=seconds) for seconds in (1, 2, 4, 8, 10, 10)
    ]


def test_a_worker_can_only_fail_at_a_step_that_there_is() -> None:
    assert fails_at(["ship", "photograph"]) == {"ship", "photograph"}
    with pytest.raises(ValueError, match="--fails: there is no step sing"):
        fails_at(["ship", "sing"])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["worker"], "--build"),
        (["worker", "--build", "a.b"], "--build: A build id has"),
        (["worker", "--build", "A", "--slots", "0"], "--slots: must be at least 1"),
        (["worker", "--unversioned", "--fails", "sing"], "--fails: there is no step sing"),
        (["quick", "--build", ""], "--build: A build id has"),
        (["run", "nothing"], "nothing"),
        (["page", "--port", "99999"], "--port: must be a port from 0 to 65535"),
        (["page", "--port", "-1"], "--port"),
    ],
)
def test_a_command_that_makes_no_sense_is_told_why(
    arguments: list[str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["drills", *arguments])
    with pytest.raises(SystemExit) as ended:
        commands.main()
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.fixture
def environment(temporal_address: str, temporal_namespace: str) -> dict[str, str]:
    """What a worker and a client of the drills get: where Temporal is, and nothing else of the product."""
    passed = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**passed, "TEMPORAL_ADDRESS": temporal_address, "TEMPORAL_NAMESPACE": temporal_namespace}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path / "room")
    assert room.become_owner() is not None
    yield room
    room.end_processes(patience_seconds=0)


def hired(room: Room, env: dict[str, str], name: str, *arguments: str) -> Program:
    command = [sys.executable, "-m", "local.drills", "worker", "--name", name, *arguments]
    worker = Program(name, command, env, room)
    worker.start()
    worker.wait_for_words(READY)
    return worker


def ask(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local.drills", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )


@pytest.mark.whole
@pytest.mark.flaky(reruns=1)
def test_a_run_is_begun_and_followed_by_one_command(environment: dict[str, str], room: Room) -> None:
    worker = hired(room, environment, "west", "--unversioned", "--build", "A")
    done = ask(environment, "quick")
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("reserve", "bill", "west", "worker_versions_used", "rollout_detected"):
        assert words in done.stdout
    assert re.search(r"worker_versions_used +\| A ", done.stdout)
    worker.end()
    assert "told to end" in worker.words
    assert "west: ended" in worker.words


@pytest.mark.whole
@pytest.mark.flaky(reruns=1)
def test_a_run_is_held_on_the_build_that_is_named(environment: dict[str, str], room: Room) -> None:
    refused = ask(environment, "quick", "--build", "B")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "--build: no worker of build B has asked for work yet\n"
    workers = [hired(room, environment, f"of-{build}", "--build", build) for build in "AB"]
    for build in "AB":
        known = ask(environment, "quick", "--build", build)
        while (
            "has asked for work yet" in known.stderr
        ):  # the server learns of a build a moment after its first poll
            known = ask(environment, "quick", "--build", build)
        assert known.returncode == 0, known.stderr
        assert re.search(rf"worker_versions_used +\| {build} ", known.stdout)
        assert known.stdout.count(f"of-{build}") == 2
    for worker in workers:
        worker.end()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"TEMPORAL_ADDRESS": "nowhere"}, "TEMPORAL_ADDRESS"),
        ({"TEMPORAL_ADDRESS": "127.0.0.1:1"}, "TEMPORAL_ADDRESS: nobody answers there"),
        ({"TEMPORAL_TLS": "perhaps"}, "TEMPORAL_TLS"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_in_a_line(
    changes: dict[str, str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[object] = []
    assert elsewhere(lambda: lifecycle_client.main("quick", "", changes, shown.append)) != 0
    said = capsys.readouterr().err
    assert complaint in said
    assert (said.count("\n"), shown) == (1, [])
