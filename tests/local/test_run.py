"""`make run`: what stands in the way is one line; all ends together; a killed run is swept up and its data found."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from local import locks
from local.plan import DATABASE, HOST, OWNER_ROLE, PARTS, PORTS, CannotRun, Part, Plan
from local.program import free_port
from local.run import check_folders, check_ports, run
from settings import Settings

ROOT = Path(__file__).parents[2]
READY = "Ctrl-C ends everything"


def plan_in(folder: Path, **env: str) -> Plan:
    ports = {variable: str(free_port()) for variable in PORTS}
    return Plan({**ports, "VISTOBUENO_STATE": str(folder), "PATH": os.environ["PATH"], **env})


def parts_of(plan: Plan) -> set[str]:
    return {part.name for part in plan.parts}


def test_without_a_wish_every_part_is_ours(tmp_path: Path) -> None:
    assert parts_of(plan_in(tmp_path)) == {part.name for part in PARTS}


@pytest.mark.parametrize("part", [part for part in PARTS if part.own], ids=lambda part: part.name)
def test_a_part_whose_address_is_given_is_not_started(tmp_path: Path, part: Part) -> None:
    others = {each.name for each in PARTS} - {part.name}
    for variable in (part.own, f"{part.own}_FILE"):
        assert parts_of(plan_in(tmp_path, **{str(variable): "mine"})) == others


def test_the_environment_of_a_run_makes_sense_to_the_settings(tmp_path: Path) -> None:
    plan = plan_in(tmp_path)
    settings = Settings.from_environment(plan.environment)
    assert settings.mode == "local"
    assert settings.web_port == plan.port("WEB_PORT")
    assert settings.public_url == f"http://localhost:{plan.port('WEB_PORT')}"
    assert settings.migration_database_url.startswith(f"postgresql://{OWNER_ROLE}:")
    assert settings.database_url != settings.migration_database_url


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    first, second = plan_in(tmp_path), plan_in(tmp_path)
    assert first.environment["SECRET_KEY"] == second.environment["SECRET_KEY"]
    assert first.secret("a") != first.secret("b")
    for path in (tmp_path / "secrets").iterdir():
        assert path.stat().st_mode & 0o077 == 0


def test_a_taken_port_is_one_line_with_port_part_and_variable(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotRun) as refused:
            check_ports(plan_in(tmp_path, MAILBOX_PORT=str(port)))
    line = str(refused.value)
    assert f"Port {port} for the mailbox is not free" in line
    assert f"process {os.getpid()}" in line
    assert f"make run MAILBOX_PORT={port + 1}" in line
    assert "\n" not in line


def test_two_parts_on_one_port_are_refused_by_their_variables(tmp_path: Path) -> None:
    port = str(free_port())
    with pytest.raises(CannotRun, match=f"VENDOR_PORT and VALKEY_PORT are both {port}"):
        check_ports(plan_in(tmp_path, VENDOR_PORT=port, VALKEY_PORT=port))


def test_a_port_that_is_none_is_refused_by_its_variable(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="WEB_PORT: must be a port from 1 to 65535, not 'eight'"):
        check_ports(plan_in(tmp_path, WEB_PORT="eight"))


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CannotRun, match=f"No permission to write {tmp_path}/file"):
        check_folders(plan_in(tmp_path / "file" / "state"))


def test_a_second_run_names_the_first(tmp_path: Path) -> None:
    plan = plan_in(tmp_path)
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(plan.room.folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with other:
        assert other.stdout
        assert other.stdout.readline() == b"owning\n"
        with pytest.raises(CannotRun, match=f"It runs already, as process {other.pid}"):
            run(plan)
        other.communicate()


HOLD = """
import sys
from pathlib import Path
from local.room import Room
assert Room(Path(sys.argv[1])).become_owner() is not None
print("owning", flush=True)
sys.stdin.read()
"""


#: What nobody may read after Ctrl-C.
TROUBLES = ("One part has ended", "Error", "***", "Traceback", "Had to kill")
COMMAND = [sys.executable, "-m", "local.run"]


@contextmanager
def running(env: Mapping[str, str], command: Sequence[str] = COMMAND) -> Iterator[subprocess.Popen[str]]:
    """`make run`'s program, ready, in a session of its own; killed at the end if it is still there."""
    program = subprocess.Popen(
        command,
        cwd=ROOT,
        env=env,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert program.stdout
    said: list[str] = []
    try:
        for line in program.stdout:
            said.append(line)
            if line.startswith(READY):
                break
        else:
            pytest.fail(f"it ended before it was ready:\n{''.join(said)}")
        yield program
    finally:
        program.kill()
        program.wait()
        program.stdout.close()


def make(folder: Path) -> list[str]:
    """`make run` without what a fresh machine needs."""
    recipe = folder / "Makefile"
    recipe.write_text(f"run:\n\t@{' '.join(COMMAND)}\n")
    return ["make", "--no-print-directory", "-f", str(recipe), "run"]


@pytest.mark.parametrize("trap", ["", "trap '' INT;"], ids=["from a terminal", "in the background"])
def test_an_interrupt_of_everybody_in_the_terminal_ends_it_quietly(tmp_path: Path, trap: str) -> None:
    with socket.create_server((HOST, 0)) as silent:  # it is waited for: a moment to interrupt
        url = f"postgresql://a:b@{HOST}:{silent.getsockname()[1]}/c"
        own = {part.own: "mine" for part in PARTS if part.own} | {
            "DATABASE_URL": url, "MIGRATION_DATABASE_URL": url, "REDIS_URL": f"redis://{HOST}:1/0",
            "SMTP_URL": f"smtp://{HOST}:1", "VENDOR_URL": f"http://{HOST}:1", "TEMPORAL_ADDRESS": f"{HOST}:1",
        }  # fmt: skip
        plan = plan_in(tmp_path / "state", **own)
        program = subprocess.Popen(
            ["sh", "-c", f"{trap} exec {shlex.join(make(tmp_path))}"],
            cwd=ROOT, env={**os.environ, **plan.given}, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        with silent.accept()[0]:
            os.killpg(program.pid, signal.SIGINT)  # as a terminal does
            said, _ = program.communicate()
    assert program.returncode in {0, -signal.SIGINT}, said
    assert said.endswith("Ending everything ...\nStopped\n")
    for trouble in TROUBLES:
        assert trouble not in said
    assert plan.room.processes() == {}


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_a_killed_run_leaves_nothing_and_the_next_finds_its_data(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    plan = plan_in(tmp_path / "state")
    env = {**os.environ, **plan.given}
    with running(env) as first:
        left = plan.room.processes()
        assert left.keys() == parts_of(plan)
        first.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(left.values(), timeout=60)
    assert alive == []
    with running(env, make(tmp_path)) as second:
        with psycopg.connect(plan.database_url(OWNER_ROLE, DATABASE)) as connection:
            people = connection.execute("SELECT count(*) FROM person").fetchone()
        assert people
        assert people[0] >= 20
        left = plan.room.processes()
        os.killpg(second.pid, signal.SIGINT)  # as a terminal does: to everybody in the foreground
        assert second.stdout
        rest = second.stdout.read()
        assert second.wait() in {0, -signal.SIGINT}, rest
    assert rest.endswith("Stopped\n"), rest
    for trouble in TROUBLES:
        assert trouble not in rest
    assert plan.room.processes() == {}
    assert not [process for process in left.values() if process.is_running()]
    owner = plan.room.become_owner()
    assert owner is not None
    locks.release(owner)
