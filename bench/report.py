"""What the measurements share: saying a line, ranks, a table, and waiting until every process has told. Measures nothing."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Sequence
from multiprocessing.connection import Connection, wait
from typing import Final

#: A process that says nothing for so long will never do.
PATIENCE_SECONDS: Final = 30
#: Width of the first column.
NAME: Final = 46


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def rank(figures: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; `share` from 0 to 1."""
    ordered = sorted(figures)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def head(title: str) -> None:
    """The first line of a table of `report`."""
    say(f"{title:{NAME}}{'n':>7}{'p50':>9}{'p99':>9}{'max':>9}")


def report(name: str, figures: Sequence[float], digits: int = 3) -> None:
    """One line of a table: how many figures, their median, 99th percentile and largest."""
    if not figures:
        say(f"{name:{NAME}}{0:7}")
        return
    columns = (rank(figures, 0.5), rank(figures, 0.99), max(figures))
    say(f"{name:{NAME}}{len(figures):7}" + "".join(f"{each:9.{digits}f}" for each in columns))


def until_all(lines: Collection[Connection], revision: int, begun: float) -> list[float]:
    """Seconds from `begun` until each process went by `revision`; raises TimeoutError where one never does.

    Args:
        lines: on each a process sends (revision, seconds of the steady clock) whenever it goes by another one.
        begun: seconds of the same clock.
    """
    took: dict[Connection, float] = {}
    while len(took) < len(lines):
        ready = wait(set(lines) - took.keys(), PATIENCE_SECONDS)
        if not ready:
            raise TimeoutError(f"{len(lines) - len(took)} processes never went by revision {revision}")
        for line in ready:
            assert isinstance(line, Connection)
            seen, at = line.recv()
            if seen >= revision:
                took[line] = at - begun
    return list(took.values())
