"""The stories that were told: files in one folder, found by name, read as far as they go. Starts no drill."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from local.drills.catalogue import Drill, Pace
from local.drills.story import Broken, Fact, Opened, Verdict, read_story
from local.plan import Plan

NAME: Final = re.compile(r"(?P<at>\d{8}-\d{6})-(?P<key>[a-z_]+)-(?P<pace>quick|long)")
#: A story whose drill runs elsewhere counts as under way while it has grown within this time.
SILENT_SECONDS: Final = 180.0


def stories_folder(given: Mapping[str, str]) -> Path:
    """Where stories are kept: `drills/stories` in the folder of everything that lasts."""
    return Plan(given).state / "drills" / "stories"


class State(StrEnum):
    """How far a story is."""

    UNDER_WAY = "under way"
    HOLDS = "holds"
    FAILS = "does not hold"
    BROKEN = "broke off"


@dataclass(frozen=True)
class Told:
    """One story as far as it goes."""

    name: str
    began_at: datetime
    opened: Opened
    facts: tuple[Fact, ...]
    state: State

    @property
    def ended(self) -> bool:
        """Whether nothing will be added any more."""
        return self.state is not State.UNDER_WAY


class Stories:
    """All stories of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def new(self, drill: Drill, pace: Pace) -> Path:
        """Where a story that begins now is written; names sort by time."""
        return self._folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{drill.key}-{pace.name}.jsonl"

    def all(self) -> list[Told]:
        """Every story that has begun, newest first."""
        names = sorted((path.stem for path in self._folder.glob("*.jsonl")), reverse=True)
        return [told for name in names if (told := self.find(name)) is not None]

    def find(self, name: str, *, runs: bool = False) -> Told | None:
        """The story of this name, None where there is none; `runs`: its drill is known to be under way."""
        named = NAME.fullmatch(name)
        path = self._folder / f"{name}.jsonl"
        if named is None or not path.is_file():
            return None
        facts = tuple(read_story(path))
        if not facts or not isinstance(facts[0], Opened):
            return None
        runs = runs or time.time() - path.stat().st_mtime < SILENT_SECONDS
        began_at = datetime.strptime(named["at"], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
        return Told(name, began_at, facts[0], facts, state_of(facts, runs=runs))


def state_of(facts: tuple[Fact, ...], *, runs: bool) -> State:
    """How far a story is that has told these facts; `runs`: its drill may still add some."""
    last = facts[-1]
    if isinstance(last, Verdict):
        return State.HOLDS if last.holds else State.FAILS
    return State.UNDER_WAY if runs and not isinstance(last, Broken) else State.BROKEN
