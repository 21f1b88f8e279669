"""`make bench`: approvals per second and their latency, the product and its floor in turns; then pages and waiting."""

from __future__ import annotations

import argparse
import signal
import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bench import stack as stacks
from bench.floor import Floor
from bench.loop import Figures, Timing, run_loop
from bench.product import LANES, Product
from bench.report import say
from bench.stack import Stack, python

ONE_AT_A_TIME, MANY = 1, 32
PRODUCT_PARTS = ("web", "control", "approvals", "postgres", "temporal", "valkey", "vendor", "mailbox")
FLOOR_PARTS = ("floor", "postgres", "temporal")

Contender = tuple[str, Callable[[int], Timing], tuple[str, ...]]


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contender (default 3)")
    parser.add_argument(
        "--count", type=int, default=150, help="approvals a turn at 32 in flight (default 150)"
    )
    parser.add_argument(
        "--open", type=int, default=0, help="also measure with so many open approvals, e.g. 10000"
    )
    given = parser.parse_args()
    with stacks.running() as stack:
        product, floor = Product(stack), _start_floor(stack)
        for kind in ("approve_automatically", "approve_by_hand"):
            contenders: list[Contender] = [
                ("product", getattr(product, kind), PRODUCT_PARTS),
                ("floor", getattr(floor, kind), FLOOR_PARTS),
            ]
            for in_flight in (ONE_AT_A_TIME, MANY):
                count = given.count if in_flight == MANY else max(20, given.count // 5)
                _compare(stack, kind, contenders, in_flight, count, given.rounds)
        if given.open:
            _with_open_ones(stack, product, given.open, given.count, given.rounds)
        _pages(stack, product)
        product.watcher.close()
        floor.watcher.close()


def _start_floor(stack: Stack) -> Floor:
    stack.start("floor", f"{python()} -m bench.floor", {"FLOOR_DATABASE_URL": stack.floor_url})
    floor = Floor(stack.floor_url, stack.settings.temporal_address)
    floor.approve_automatically(0)
    return floor


def _measure(
    stack: Stack, play: Callable[[int], Timing], parts: tuple[str, ...], in_flight: int, count: int
) -> Figures:
    return run_loop(play, count, in_flight, lambda: stack.cpu_seconds(parts))


def _compare(
    stack: Stack, kind: str, contenders: list[Contender], in_flight: int, count: int, rounds: int
) -> None:
    found: dict[str, list[Figures]] = {name: [] for name, _, _ in contenders}
    for _, play, parts in contenders:
        _measure(stack, play, parts, in_flight, max(5, count // 10))  # warm
    for turn in range(rounds):
        for name, play, parts in contenders if turn % 2 == 0 else list(reversed(contenders)):
            found[name].append(_measure(stack, play, parts, in_flight, count))
    say(f"\n{kind.replace('_', ' ')}, {in_flight} in flight, {rounds} turns of {count}; medians")
    say(f"{'':10}{'per s':>8}{'p50 ms':>9}{'p99 ms':>9}{'submit p95':>12}{'CPU s / 1,000':>15}")
    medians = {name: _median(figures) for name, figures in found.items()}
    for name, each in medians.items():
        say(
            f"{name:10}{each.per_second:8.1f}{each.p50:9.1f}{each.p99:9.1f}{each.submit_p95:12.1f}"
            f"{each.cpu_per_thousand:15.1f}"
        )
    for name, each in medians.items():
        say(f"{name:10}" + ", ".join(f"{part} {used:.1f}" for part, used in each.cpu.items() if used >= 0.05))
    ours, theirs = medians["product"], medians["floor"]
    say(
        f"{'ratio':10}{ours.per_second / theirs.per_second:8.2f}{ours.p50 / theirs.p50:9.2f}"
        f"{ours.p99 / theirs.p99:9.2f}{'':12}{ours.cpu_per_thousand / theirs.cpu_per_thousand:15.2f}"
    )


def _median(figures: list[Figures]) -> Figures:
    def middle(name: str) -> float:
        return float(statistics.median(getattr(each, name) for each in figures))

    parts = {part: statistics.median(each.cpu[part] for each in figures) for part in figures[0].cpu}
    return Figures(
        figures[0].count, middle("per_second"), middle("p50"), middle("p99"), middle("submit_p95"), parts
    )


def _with_open_ones(stack: Stack, product: Product, open_ones: int, count: int, rounds: int) -> None:
    def turn() -> float:
        return _measure(stack, product.approve_automatically, PRODUCT_PARTS, MANY, count).per_second

    before = statistics.median(turn() for _ in range(rounds))
    with ThreadPoolExecutor(LANES) as threads:
        for start in range(0, open_ones, LANES):
            list(threads.map(product.submit_waiting, range(min(LANES, open_ones - start))))
    product.wait_until_waiting(open_ones)
    after = statistics.median(turn() for _ in range(rounds))
    say(
        f"\nwith {open_ones:,} open approvals: {before:.1f}/s without, {after:.1f}/s with, ratio {after / before:.2f}"
    )


def _pages(stack: Stack, product: Product) -> None:
    up = _submit_p95(product)
    stack.end("temporal", signal.SIGKILL)
    down = _submit_p95(product)
    say(f"\nsubmit page p95: {up:.1f} ms with Temporal up, {down:.1f} ms with Temporal killed")


def _submit_p95(product: Product, count: int = 100) -> float:
    times = sorted(product.submit_only(number % 4) * 1000 for number in range(count))
    return times[int(count * 0.95) - 1]


if __name__ == "__main__":
    main()
