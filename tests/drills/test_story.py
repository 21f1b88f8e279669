"""Stories: every kind of fact comes back from its line, a verdict is never true by omission, both faces draw it all."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from rich.console import Console

from local.drills.catalogue import LONG, QUICK
from local.drills.story import (
    KINDS,
    Check,
    Fact,
    How,
    Ran,
    Story,
    Table,
    Tone,
    Verdict,
    from_line,
    judged,
    read_story,
    to_line,
)
from local.drills.terminal import Terminal
from tests.loop import elsewhere

HOLDS = Check("It holds", True, "seen")
FAILS = Check("It fails", False, "not seen")


def tell_all(story: Story) -> None:
    """One fact of every kind and every tone."""
    story.open("replay", "Replay", "What is lost?", "quick")
    story.chapter("A worker takes an order")
    for say in (story.next, story.happened, story.why, story.aside):
        say("Petición [bold]de[/bold] “compra”")
    for how in How:
        story.ran("pack", how, "worker-1", "A", 2, "receipt 1")
    story.table("Who did what", ("step", "worker"), (("pack", "worker-1"), ("bill", 2)))
    story.verdict(judged("Take this home", HOLDS, FAILS))
    story.broke("It broke")


@pytest.fixture
def told(tmp_path: Path) -> list[Fact]:
    path = tmp_path / "story.jsonl"
    heard: list[Fact] = []
    tell_all(Story(path, [heard.append]))
    assert list(read_story(path)) == heard
    return heard


def test_every_kind_of_fact_comes_back_from_its_line_as_it_was_told(told: list[Fact]) -> None:
    assert {fact.kind for fact in told} == set(KINDS)
    assert [from_line(to_line(fact)) for fact in told] == told


def test_a_line_that_is_still_being_written_waits_for_the_next_look(tmp_path: Path) -> None:
    path = tmp_path / "story.jsonl"
    tell_all(Story(path))
    whole = list(read_story(path))
    path.write_text(path.read_text()[:-5])
    assert list(read_story(path)) == whole[:-1]


@pytest.mark.parametrize("line", ["{}", "[]", '{"kind": "sung", "at": 0}', '{"kind": "said", "at": 0}', "no"])
def test_a_line_that_no_story_wrote_is_refused(line: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        from_line(line)


@pytest.mark.parametrize(("checks", "holds"), [((), False), ((HOLDS,), True), ((HOLDS, FAILS), False)])
def test_a_verdict_holds_only_if_there_are_checks_and_all_of_them_hold(
    checks: tuple[Check, ...], holds: bool
) -> None:
    assert judged("", *checks).holds is holds


def test_only_the_long_form_waits_for_its_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", note)
    for pace in (QUICK, LONG):
        story = Story(tmp_path / "story.jsonl", (), pace.words_per_minute)
        story.next("one two three four five six seven")
        for _ in range(2):
            elsewhere(lambda story=story: asyncio.run(story.let_read()))  # type: ignore[misc]
    assert waits == [pytest.approx(1 + 7 * 60 / LONG.words_per_minute)]


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_shows_every_word_within_its_width(told: list[Fact], width: int, terminal: bool) -> None:
    written = io.StringIO()
    console = Console(
        file=written, width=width, force_terminal=terminal, color_system=None, highlight=False, legacy_windows=False
    )  # fmt: skip
    face = Terminal(console)
    for fact in told:
        face.show(fact)
    lines = written.getvalue().splitlines()
    assert max(len(line.rstrip()) for line in lines) <= min(width, 110)
    shown = " ".join(written.getvalue().split())
    for words in ("Replay", "[bold]de[/bold]", "worker-1", "lost", "It fails", "not seen", "It broke"):
        assert words in shown


def test_the_lesson_is_told_only_where_the_verdict_holds() -> None:
    for check, wanted in ((HOLDS, True), (FAILS, False)):
        written = io.StringIO()
        Terminal(Console(file=written, width=80)).show(Verdict(0, (check,), "Take this home"))
        assert ("Take this home" in written.getvalue()) is wanted


def test_a_table_keeps_its_cells_as_text(tmp_path: Path) -> None:
    path = tmp_path / "story.jsonl"
    Story(path).table("Counts", ("what", "how many"), [("steps", 6)])
    [table] = read_story(path)
    assert isinstance(table, Table)
    assert table.rows == (("steps", "6"),)


def test_what_was_told_when_is_counted_from_the_beginning(told: list[Fact]) -> None:
    times = [fact.at for fact in told]
    assert times == sorted(times)
    assert isinstance(told[6], Ran)
    assert {fact.tone for fact in told if hasattr(fact, "tone")} == set(Tone)
