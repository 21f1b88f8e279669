"""A story: what a drill tells while it happens, as facts in a row. Knows neither colour nor width, nor any drill.

Two faces draw it (`terminal.py`, `page.py`) and a test reads its end. Each fact is also a line of a file, so that a
story can be followed from another process and read again later.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar


class Tone(StrEnum):
    """What a sentence is there for."""

    NEXT = "next"  # what is about to happen, before it does
    HAPPENED = "happened"  # what was seen
    WHY = "why"  # what it means for somebody who runs this in earnest
    ASIDE = "aside"  # a command, a place to look: for those who want to know more


class How(StrEnum):
    """What became of one step."""

    EXECUTED = "executed"  # its code ran here, for the first and only time
    REPLAYED = "replayed"  # its code did not run: the result was read from the history
    FAILED = "failed"  # its code ran and raised
    LOST = "lost"  # its code ran and the worker died before it could say how it went


@dataclass(frozen=True)
class Fact:
    """Anything told. `at` is in seconds since the story began; the story sets it."""

    kind: ClassVar[str]
    at: float


@dataclass(frozen=True)
class Opened(Fact):
    """The first line: which drill this is and what question it answers."""

    kind = "opened"
    key: str
    title: str
    question: str
    pace: str


@dataclass(frozen=True)
class Chapter(Fact):
    """A heading: what comes belongs together."""

    kind = "chapter"
    number: int
    title: str


@dataclass(frozen=True)
class Said(Fact):
    """One or a few sentences of prose, without markup."""

    kind = "said"
    tone: Tone
    text: str


@dataclass(frozen=True)
class Ran(Fact):
    """One step of a run, by one worker. `build` is empty for a worker without versions."""

    kind = "ran"
    step: str
    how: How
    worker: str
    build: str = ""
    attempt: int = 1
    note: str = ""


@dataclass(frozen=True)
class Table(Fact):
    """Rows under named columns; every cell is text."""

    kind = "table"
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Check:
    """One claim of a drill, whether it holds, and the fact by which one can see it."""

    sentence: str
    holds: bool
    evidence: str


@dataclass(frozen=True)
class Verdict(Fact):
    """The end: holds only if there is at least one check and all of them hold."""

    kind = "verdict"
    checks: tuple[Check, ...]
    lesson: str = ""

    @property
    def holds(self) -> bool:
        """Whether the drill showed what it claims."""
        return bool(self.checks) and all(check.holds for check in self.checks)


@dataclass(frozen=True)
class Broken(Fact):
    """The end of a story whose drill could not go on: no verdict, but why."""

    kind = "broken"
    reason: str


Told = TypeVar("Told", bound=Fact)
Face = Callable[[Fact], object]

KINDS: Final[dict[str, type[Fact]]] = {
    each.kind: each for each in (Opened, Chapter, Said, Ran, Table, Verdict, Broken)
}

#: A sentence must be found and understood before it is read, however short it is.
SECONDS_TO_NOTICE: Final = 1.0


class Story:
    """Takes facts, writes each to a file of lines, and shows it to the faces. One drill tells one story."""

    def __init__(self, path: Path, faces: Sequence[Face] = (), words_per_minute: float = 0) -> None:
        """`words_per_minute` is how fast the audience reads; 0: nobody reads along, nothing waits."""
        self._path = path
        self._faces = tuple(faces)
        self._words_per_minute = words_per_minute
        self._began = time.monotonic()
        self._chapters = 0
        self._unread = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")

    def open(self, key: str, title: str, question: str, pace: str) -> None:
        """The first line."""
        self._unread += _words(question)
        self._tell(Opened(0, key, title, question, pace))

    def chapter(self, title: str) -> None:
        """Begin the next chapter."""
        self._chapters += 1
        self._unread += _words(title)
        self._tell(Chapter(0, self._chapters, title))

    def next(self, text: str) -> None:
        """Say what is about to happen."""
        self._say(Tone.NEXT, text)

    def happened(self, text: str) -> None:
        """Say what was seen."""
        self._say(Tone.HAPPENED, text)

    def why(self, text: str) -> None:
        """Say why it matters."""
        self._say(Tone.WHY, text)

    def aside(self, text: str) -> None:
        """Say where to look for more, such as a command."""
        self._say(Tone.ASIDE, text)

    def ran(
        self, step: str, how: How, worker: str, build: str = "", attempt: int = 1, note: str = ""
    ) -> None:
        """One step, as it is seen."""
        self._unread += 3
        self._tell(Ran(0, step, how, worker, build, attempt, note))

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Who did what, or anything else that is read across."""
        cells = tuple(tuple(str(cell) for cell in row) for row in rows)
        self._unread += _words(title) + 4 * len(cells)
        self._tell(Table(0, title, tuple(columns), cells))

    def verdict(self, verdict: Verdict) -> Verdict:
        """The last line."""
        self._tell(verdict)
        return verdict

    def broke(self, reason: str) -> None:
        """The last line of a story that could not be told to its end."""
        self._tell(Broken(0, reason))

    async def let_read(self) -> None:
        """Wait until what was told since the last such pause can have been read; not at all if nobody reads along."""
        unread, self._unread = self._unread, 0
        if self._words_per_minute and unread:
            await asyncio.sleep(SECONDS_TO_NOTICE + unread * 60 / self._words_per_minute)

    def _say(self, tone: Tone, text: str) -> None:
        self._unread += _words(text)
        self._tell(Said(0, tone, text))

    def _tell(self, fact: Fact) -> None:
        told = replace(fact, at=round(time.monotonic() - self._began, 2))
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(to_line(told) + "\n")
        for face in self._faces:
            face(told)


def judged(lesson: str, *checks: Check) -> Verdict:
    """A verdict that is not told yet; `lesson` is what to take home if it holds, in a sentence or two."""
    return Verdict(0, checks, lesson)


def to_line(fact: Fact) -> str:
    """One fact as one line of JSON."""
    return json.dumps({"kind": fact.kind, **asdict(fact)}, ensure_ascii=False)


def from_line(line: str) -> Fact:
    """The fact of one line. Raises ValueError, KeyError or TypeError for a line that no story wrote."""
    given: dict[str, Any] = json.loads(line)
    kind = KINDS[given.pop("kind")]
    if kind is Verdict:
        given["checks"] = tuple(Check(**check) for check in given["checks"])
    if kind is Table:
        given["columns"] = tuple(given["columns"])
        given["rows"] = tuple(tuple(row) for row in given["rows"])
    if "tone" in given:
        given["tone"] = Tone(given["tone"])
    if "how" in given:
        given["how"] = How(given["how"])
    return kind(**given)


def read_story(path: Path) -> Iterator[Fact]:
    """All facts that a story has told so far; a line that is still being written is left for the next time."""
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            yield from_line(line)


def to_report(key: str, pace: str, verdict: Verdict) -> dict[str, Any]:
    """A verdict as a program reads it: the drill, whether it holds, and each check."""
    return {
        "drill": key,
        "pace": pace,
        "holds": verdict.holds,
        "checks": [asdict(check) for check in verdict.checks],
    }


def _words(text: str) -> int:
    return len(text.split())
