"""A closed loop: so many in flight, each followed from submit to done; and what came of it in figures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import psycopg

from bench.report import rank
from storage.database import psycopg_url

#: How often the watcher looks; the grain of each figure.
LOOK_SECONDS = 0.004


@dataclass(frozen=True)
class Figures:
    """What one loop measured; times in milliseconds.

    Attributes:
        per_second: approvals per second of wall time.
        submit_p95: of the submitting call alone.
        cpu: part -> CPU seconds per 1,000 approvals; the driver is no part.
    """

    count: int
    per_second: float
    p50: float
    p99: float
    submit_p95: float
    cpu: dict[str, float]

    @property
    def cpu_per_thousand(self) -> float:
        """CPU seconds of all parts, per 1,000 approvals."""
        return sum(self.cpu.values())


class Watcher:
    """Looks into Postgres for the states of many requests at once and wakes whoever waits for one."""

    def __init__(self, database_url: str) -> None:
        self._url = psycopg_url(database_url)
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, frozenset[str]], Future[float]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def wait_for(self, request_id: str, *statuses: str) -> float:
        """The moment at which the request was seen in one of these states."""
        future: Future[float] = Future()
        with self._lock:
            self._waiting[(request_id, frozenset(statuses))] = future
        return future.result(timeout=120)

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join(5)

    def _watch(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._stop.wait(LOOK_SECONDS):
                with self._lock:
                    open_ones = list(self._waiting.items())
                if not open_ones:
                    continue
                ids = list({request_id for (request_id, _), _ in open_ones})
                rows = connection.execute("SELECT id::text, status FROM request WHERE id = ANY(%s)", (ids,))
                seen: dict[str, str] = dict(rows.fetchall())
                at = time.perf_counter()
                for key, future in open_ones:
                    if seen.get(key[0]) in key[1]:
                        with self._lock:
                            del self._waiting[key]
                        future.set_result(at)


@dataclass(frozen=True)
class Timing:
    """One approval: when it was begun, when the submitting call returned, when it was done."""

    began: float
    submitted: float
    done: float


def run_loop(
    one: Callable[[int], Timing], count: int, in_flight: int, cpu_seconds: Callable[[], dict[str, float]]
) -> Figures:
    """Play `one` so many times with so many in flight.

    Args:
        one: plays one approval in the calling thread; gets the number of its lane.
        cpu_seconds: part -> CPU time used so far.
    """
    lanes = threading.local()
    numbers = iter(range(in_flight))
    lock = threading.Lock()

    def in_lane(_: int) -> Timing:
        if not hasattr(lanes, "number"):
            with lock:
                lanes.number = next(numbers)
        return one(lanes.number)

    cpu_before, began = cpu_seconds(), time.perf_counter()
    with ThreadPoolExecutor(in_flight) as threads:
        timings = list(threads.map(in_lane, range(count)))
    wall, cpu_after = time.perf_counter() - began, cpu_seconds()
    whole = sorted((each.done - each.began) * 1000 for each in timings)
    submits = sorted((each.submitted - each.began) * 1000 for each in timings)
    return Figures(
        count=count,
        per_second=count / wall,
        p50=rank(whole, 0.5),
        p99=rank(whole, 0.99),
        submit_p95=rank(submits, 0.95),
        cpu={part: (used - cpu_before[part]) / count * 1000 for part, used in cpu_after.items()},
    )
