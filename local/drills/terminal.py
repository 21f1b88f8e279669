"""A story in a terminal: colours and boxes where there is one, plain lines where there is not. Knows no drill."""

from __future__ import annotations

from rich.console import Console

from local.drills.story import Fact


class Terminal:
    """Draws fact after fact."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)

    def show(self, fact: Fact) -> None:
        """Draw one fact below the last."""
        self._console.print(repr(fact), markup=False)
