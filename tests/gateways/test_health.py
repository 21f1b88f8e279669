"""The door of a worker: alive while its loop turns, ready while it serves and what it needs answers."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread

import pytest

from gateways import health
from gateways.health import CannotListen, Door, ask, open_door
from local.plan import HOST
from local.program import free_port
from tests.loop import elsewhere

ROOT = Path(__file__).parents[2]


@pytest.fixture
def address() -> str:
    return f"{HOST}:{free_port()}"


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that turns by itself on another thread, as a worker's does."""
    turning: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def turn() -> None:
        stop = asyncio.Event()
        turning.set_result((asyncio.get_running_loop(), stop))
        await stop.wait()
        while len(asyncio.all_tasks()) > 1:  # whoever was answered last has its connection closed
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    thread = Thread(target=lambda: asyncio.run(turn()))
    thread.start()
    loop, stop = turning.result()
    yield loop
    loop.call_soon_threadsafe(stop.set)
    thread.join()


@pytest.fixture
def door(address: str, loop: asyncio.AbstractEventLoop) -> Iterator[Door]:
    opening = open_door(address)
    yield asyncio.run_coroutine_threadsafe(opening.__aenter__(), loop).result()
    asyncio.run_coroutine_threadsafe(opening.__aexit__(None, None, None), loop).result()


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


def test_a_process_is_alive_before_it_serves_and_ready_only_while_it_does(address: str, door: Door) -> None:
    ready, alive = f"http://{address}/readyz", f"http://{address}/healthz"
    assert ask(alive) == ""
    assert "503" in ask(ready)
    with door.serving(yes):
        assert ask(ready) == ""
    assert "503" in ask(ready)
    assert ask(alive) == ""


def test_a_process_that_misses_what_it_needs_is_alive_but_not_ready(address: str, door: Door) -> None:
    with door.serving(no):
        assert "503" in ask(f"http://{address}/readyz")
        assert ask(f"http://{address}/healthz") == ""


def test_there_is_nothing_else_behind_the_door(address: str, door: Door) -> None:
    with door.serving(yes):
        for path in ("/", "/readyz/", "/healthz?x=1"):
            assert "404" in ask(f"http://{address}{path}")


@pytest.mark.parametrize(
    "said", [b"", b"\r\n\r\n", b"GET\r\n\r\n", b"\xff \xff \xff\r\n\r\n", b"x" * 200_000]
)
def test_nonsense_at_the_door_does_not_close_it(address: str, door: Door, said: bytes) -> None:
    host, port = address.split(":")
    with ExitStack() as closing:
        talking = closing.enter_context(socket.create_connection((host, int(port)), timeout=5))
        closing.callback(talking.close)
        try:
            talking.sendall(said)
        except ConnectionError:
            assert len(said) > 100_000  # refused before the end of it
    assert ask(f"http://{address}/healthz") == ""


def test_a_loop_that_stands_still_is_not_alive(
    address: str, door: Door, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.3)
    stands, goes_on = Event(), Event()

    async def stand_still() -> None:
        stands.set()
        goes_on.wait(60)

    asyncio.run_coroutine_threadsafe(stand_still(), loop)
    assert stands.wait(60)
    try:
        assert "timed out" in ask(f"http://{address}/healthz")
    finally:
        goes_on.set()
    monkeypatch.undo()
    assert ask(f"http://{address}/healthz") == ""  # and whoever hung up meanwhile was let in and out before


def test_the_command_that_asks_ends_with_its_answer(address: str, door: Door) -> None:
    def exit_code(url: str) -> int:
        asking = [sys.executable, "-m", "gateways.health", url]
        return subprocess.run(asking, cwd=ROOT, capture_output=True, timeout=60, check=False).returncode

    assert exit_code(f"http://{address}/healthz") == 0
    assert exit_code(f"http://{address}/readyz") == 1
    assert exit_code("nonsense") == 1


def test_without_an_address_nobody_listens() -> None:
    async def opens() -> bool:
        async with open_door(None) as door:
            return isinstance(door, Door)

    assert elsewhere(lambda: asyncio.run(opens()))


def test_an_address_of_no_machine_of_ours_is_refused() -> None:
    async def opens() -> None:
        async with open_door("192.0.2.1:8081"):
            pass

    with pytest.raises(CannotListen, match=r"192\.0\.2\.1:8081"):
        elsewhere(lambda: asyncio.run(opens()))
