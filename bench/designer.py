"""`python -m bench.designer`: how smoothly the canvas moves with 200 nodes, beside the same gestures with 20.

A headless Chromium without a graphics card draws in software, so frames say more about the machine than about us: what
counts is the processor time that a gesture takes of the page's own thread. A screen gives 16.7 ms for each frame.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from playwright.sync_api import CDPSession, Page, sync_playwright

from bench import stack as stacks
from bench.product import PASSWORD, person
from bench.report import say
from bench.stack import Stack
from rules.person import Role
from storage import process
from storage.database import make_engine, make_sessions
from storage.department import Department
from tests.chromium import system_chromium

FRAME_MS: Final = 16.7
MOVES: Final = 60
SMALL: Final = 20
EDITOR: Final = "editor@bench.example"


def main() -> None:
    """Read the command line, measure in turns, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.designer", description=__doc__)
    parser.add_argument("--nodes", type=int, default=200, help="how many (default 200)")
    parser.add_argument("--turns", type=int, default=3, help="how often each gesture is measured (default 3)")
    given = parser.parse_args()
    with stacks.running() as stack:
        _draft(stack, (given.nodes, SMALL))
        took = {size: _measure(stack, size, given.turns) for size in (SMALL, given.nodes)}
    say(f"milliseconds of processor time, median of {given.turns} turns; a frame is {FRAME_MS} ms")
    say(f"{'':34}{SMALL:>8} nodes{given.nodes:>8} nodes{'ratio':>8}")
    for gesture, small in took[SMALL].items():
        large = took[given.nodes][gesture]
        say(f"{gesture:34}{small:14.1f}{large:14.1f}{large / small:8.1f}")


def _draft(stack: Stack, sizes: tuple[int, ...]) -> None:
    """One of finance, who draws, and a draft of each size: rows of five nodes side by side."""
    sessions = make_sessions(make_engine(stack.settings.database_url, 2))
    with sessions.begin() as session:
        session.add(Department(id="it", name="IT"))
        session.flush()
        editor = person("editor", [Role.EMPLOYEE, Role.FINANCE])
        session.add(editor)
        session.flush()
        for size in sizes:
            process.create(session, _content(size), None, editor.id, "measuring")


def _content(size: int) -> dict[str, Any]:
    """As many notices, each after two of the row before it."""
    across = 5
    told = {"to": "requester", "subject": "How it goes", "text": "Done: {{input.title}}"}
    nodes = [
        {"id": f"n{number}", "type": "notify", "name": f"Tell the team {number}", "config": told}
        for number in range(size)
    ]
    edges = [{"target": f"n{number}", "type": "start"} for number in range(across)]
    edges += [
        {"source": f"n{source}", "target": f"n{number}", "type": "parallel"}
        for number in range(across, size)
        for source in dict.fromkeys((number - across, number - number % across - across))
    ]
    return {"key": f"measured-{size}", "name": f"Measured {size}", "nodes": nodes, "edges": edges}


def _measure(stack: Stack, size: int, turns: int) -> Mapping[str, float]:
    """Gesture -> milliseconds of the page's thread: a move's of a drag, or a whole act's."""
    with _canvas(stack, size) as (page, devtools):
        pane = page.locator(".react-flow__pane").bounding_box()
        assert pane is not None
        at = pane["x"] + pane["width"] / 2, pane["y"] + pane["height"] - 40
        nodes = [_middle(page.locator(".react-flow__node").nth(number).bounding_box()) for number in (7, 8)]
        gestures: dict[str, tuple[int, Callable[[], None]]] = {
            "moving the canvas, a move": (MOVES, lambda: _drag(page, at)),
            "zooming, a notch": (20, lambda: _zoom(page, at)),
            "dragging a node, a move": (MOVES, lambda: _drag(page, nodes[0])),
            "choosing another node": (len(nodes), lambda: _choose(page, nodes)),
        }
        took: dict[str, list[float]] = {gesture: [] for gesture in gestures}
        for _ in range(turns):
            for gesture, (count, act) in gestures.items():
                before = _busy_ms(devtools)
                act()
                _rest(page)
                took[gesture].append((_busy_ms(devtools) - before) / count)
    return {gesture: statistics.median(times) for gesture, times in took.items()}


@contextmanager
def _canvas(stack: Stack, size: int) -> Iterator[tuple[Page, CDPSession]]:
    """The canvas with a process of this size, drawn and at rest."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=system_chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(base_url=stack.url, viewport={"width": 1440, "height": 900})
        page.goto("/login")
        page.locator("[name=email]").fill(EDITOR)
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("button[type=submit]").first.click()
        page.wait_for_url(lambda url: not url.endswith("/login"))
        page.goto(f"/processes/measured-{size}/canvas")
        page.wait_for_function(f"document.querySelectorAll('.react-flow__node').length === {size}")
        devtools = page.context.new_cdp_session(page)
        devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        _rest(page)
        yield page, devtools
        browser.close()


def _busy_ms(devtools: CDPSession) -> float:
    """How much processor time the page's thread has taken so far."""
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    seconds: float = next(each["value"] for each in metrics if each["name"] == "TaskDuration")
    return seconds * 1000


def _rest(page: Page) -> None:
    """Until two frames have passed and nothing is being saved."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.wait_for_load_state("networkidle")


def _drag(page: Page, at: tuple[float, float]) -> None:
    page.mouse.move(*at)
    page.mouse.down()
    for number in range(MOVES):
        away = min(number + 1, MOVES - 1 - number)  # there and back again
        page.mouse.move(at[0] + away * 3, at[1] - away)
    page.mouse.up()


def _zoom(page: Page, at: tuple[float, float]) -> None:
    page.mouse.move(*at)
    for number in range(20):
        page.mouse.wheel(0, -120 if number % 2 else 120)


def _choose(page: Page, nodes: Sequence[tuple[float, float]]) -> None:
    for node in nodes:
        page.mouse.click(*node)


def _middle(box: Any) -> tuple[float, float]:
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


if __name__ == "__main__":
    main()
