"""A story in a terminal: colours and boxes where there is one, plain lines where there is not. Knows no drill."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatchmethod
from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table as Grid
from rich.text import Text

from local.drills.story import Broken, Chapter, Check, Fact, How, Opened, Ran, Said, Table, Tone, Verdict

if TYPE_CHECKING:
    from local.drills.catalogue import Drill

#: Longer lines are tiring to read, however wide the window.
WIDEST: Final = 110
MARGIN: Final = 10

WAYS: Final = (
    ("make drill DRILL=replay", "one of them, some minutes, to read along"),
    ("make drill DRILL=all QUICK=1", "all of them, half a minute each"),
    ("make drill-page", "the same in a browser"),
)
LABELS: Final = {
    Tone.NEXT: ("next", "bold cyan"),
    Tone.HAPPENED: ("seen", "bold green"),
    Tone.WHY: ("why", "bold magenta"),
    Tone.ASIDE: ("try", "bold yellow"),
}
SIGNS: Final = {
    How.EXECUTED: ("✓", "done", "green"),
    How.REPLAYED: ("↻", "replayed", "blue"),
    How.FAILED: ("✗", "failed", "red"),
    How.LOST: ("✗", "lost", "red"),
}
#: Each worker has a colour of its own, in the order in which they come.
COLOURS: Final = ("blue", "yellow", "cyan", "magenta", "green", "red")


class Terminal:
    """Draws fact after fact."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        if self._console.width > WIDEST:
            self._console.width = WIDEST
        self._last: Fact | None = None
        self._workers: dict[str, str] = {}

    def list(self, drills: Iterable[Drill]) -> None:
        """The drills, and how to run one."""
        grid = self._grid("", "")
        for drill in drills:
            grid.add_row(Text(drill.key, "bold"), Text(drill.question))
        ways = self._grid("", "")
        for command, meaning in WAYS:
            ways.add_row(Text(command, "cyan"), Text(meaning))
        self._put(Group(grid, Text(), ways))

    def show(self, fact: Fact) -> None:
        """Draw one fact below the last."""
        if self._last is not None and not (isinstance(fact, Ran) and isinstance(self._last, Ran)):
            self._console.print()
        self._last = fact
        self._draw(fact)

    @singledispatchmethod
    def _draw(self, fact: Fact) -> None:
        raise TypeError(f"nobody has said how to draw {fact.kind}")

    @_draw.register
    def _opened(self, fact: Opened) -> None:
        title = Text(f"Drill: {fact.title}", "bold")
        question = Text(fact.question)
        self._put(self._boxed(Group(title, question), "cyan"))

    @_draw.register
    def _chapter(self, fact: Chapter) -> None:
        title = Text(f" {fact.number}. {fact.title} ", "bold")
        if self._plain:
            self._put(Text(f"{title.plain.strip()}\n{'-' * len(title.plain.strip())}"))
        else:
            self._put(Rule(title, align="left", style="cyan"))

    @_draw.register
    def _said(self, fact: Said) -> None:
        label, style = LABELS[fact.tone]
        self._put(self._row(Text(label, style, justify="right"), Text(fact.text)))

    @_draw.register
    def _ran(self, fact: Ran) -> None:
        sign, word, style = SIGNS[fact.how]
        line = Text()
        line.append(f"{sign} {word:9}", style)
        line.append(f"{fact.step:11}", "bold")
        line.append(fact.worker.ljust(10), self._colour(fact.worker))
        line.append(f"build {fact.build}".ljust(9) if fact.build else "")
        line.append(f"attempt {fact.attempt}  " if fact.attempt > 1 else "", "yellow")
        line.append(fact.note, "dim")
        self._put(self._row(Text(f"{fact.at:.1f} s", "dim", justify="right"), line))

    @_draw.register
    def _table(self, fact: Table) -> None:
        look = box.MARKDOWN if self._plain else box.ROUNDED
        grid = Grid(box=look, title=Text(fact.title, "bold"), title_justify="left", border_style="dim")
        for column in fact.columns:
            grid.add_column(column, header_style="bold", overflow="fold")
        for row in fact.rows:
            grid.add_row(*(Text(cell, self._workers.get(cell, "")) for cell in row))
        indent = 0 if grid.__rich_measure__(self._console, self._console.options).maximum > self._room else 2
        self._put(Padding(grid, (0, 0, 0, indent)))

    @_draw.register
    def _verdict(self, fact: Verdict) -> None:
        said, style = ("the verdict holds", "green") if fact.holds else ("the verdict does not hold", "red")
        checks = self._grid("", "")
        for check in fact.checks:
            self._add_check(checks, check)
        parts: list[RenderableType] = [Text(said.capitalize(), f"bold {style}"), Text(), checks]
        if fact.holds and fact.lesson:
            parts.append(Text(fact.lesson))
        self._put(self._boxed(Group(*parts), style))

    @_draw.register
    def _broken(self, fact: Broken) -> None:
        self._put(self._boxed(Group(Text("The drill broke off", "bold red"), Text(fact.reason)), "red"))

    @property
    def _plain(self) -> bool:
        return not self._console.is_terminal

    @property
    def _room(self) -> int:
        return self._console.width - 4

    def _colour(self, worker: str) -> str:
        return self._workers.setdefault(worker, COLOURS[len(self._workers) % len(COLOURS)])

    def _add_check(self, grid: Grid, check: Check) -> None:
        sign = Text("✓", "bold green") if check.holds else Text("✗", "bold red")
        grid.add_row(sign, Group(Text(check.sentence), Text(check.evidence, "dim"), Text()))

    def _row(self, label: Text, text: Text) -> Grid:
        grid = Grid.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=MARGIN - 2)
        grid.add_column()
        grid.add_row(label, text)
        return grid

    @staticmethod
    def _grid(*columns: str) -> Grid:
        grid = Grid.grid(*columns, padding=(0, 2, 0, 0))
        grid.columns[0].no_wrap = True
        return grid

    def _boxed(self, what: RenderableType, style: str) -> RenderableType:
        if self._plain:
            return Group(Text("=" * self._console.width), what, Text("=" * self._console.width))
        return Panel(what, box=box.ROUNDED, border_style=style, padding=(0, 2))

    def _put(self, what: RenderableType) -> None:
        self._console.print(what)
