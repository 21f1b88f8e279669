"""The drills: which there are, what each answers, at what pace they run. Starts nothing; loads a drill when it is run."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from local.drills.stage import Stage
    from local.drills.story import Story, Verdict

T = TypeVar("T")


@dataclass(frozen=True)
class Pace:
    """How fast a drill goes: for an audience that reads along, or for a test."""

    name: str
    words_per_minute: float
    """How fast the audience reads; 0: nobody reads along."""

    def choose(self, *, quick: T, long: T) -> T:
        """One value or the other: how long a step takes, how many runs there are."""
        return long if self.words_per_minute else quick


QUICK: Final = Pace("quick", 0)
#: Slower than plain reading, since the eye goes between prose and tables.
LONG: Final = Pace("long", 140)


@dataclass(frozen=True)
class Drill:
    """One drill: `module` of this package has `async def run(story, stage, pace) -> Verdict`."""

    key: str
    title: str
    question: str
    module: str

    async def run(self, story: Story, stage: Stage, pace: Pace) -> Verdict:
        """Do it and tell it; returns its verdict, untold. Raises what a stage raises when a server fails to come up."""
        module = importlib.import_module(f"local.drills.{self.module}")
        play: Callable[[Story, Stage, Pace], Awaitable[Verdict]] = module.run
        return await play(story, stage, pace)


DRILLS: Final = (
    Drill(
        "replay",
        "Replay",
        "A worker is killed in the middle of its work. What is lost, and what is done twice?",
        "replay",
    ),
    Drill(
        "coexistence",
        "Coexistence",
        "Workers with new code join while work is under way. Does the work notice?",
        "coexistence",
    ),
    Drill(
        "versions",
        "Strict versions",
        "Two versions of the code run side by side. Can a run be kept on one of them from beginning to end?",
        "strict_versions",
    ),
    Drill(
        "retries",
        "Retries",
        "A step fails again and again on one machine. Who tries it again, when, and where?",
        "retries",
    ),
    Drill(
        "scale", "Scale", "Workers come and go under load. Who does the work, and is any of it lost?", "scale"
    ),
    Drill(
        "upgrade",
        "Upgrade while people wait",
        "The code of a workflow changes while requests wait for a manager. What becomes of them?",
        "upgrade",
    ),
    Drill(
        "bad_build",
        "Bad build",
        "A build with a mistake is given to a tenth of all requests. Who notices, how fast, and what is spoiled?",
        "bad_build",
    ),
    Drill(
        "seven_days",
        "Seven days in a second",
        "A request waits for a manager who does not answer for a week. What happens on which day, and who counts them?",
        "seven_days",
    ),
    Drill(
        "power_cut",
        "Power cut",
        "Everything is killed at one moment, in the middle of much work. What is lost, and what is bought twice?",
        "power_cut",
    ),
)


def drill_of(key: str) -> Drill:
    """The drill of this key. Raises KeyError."""
    return {drill.key: drill for drill in DRILLS}[key]
