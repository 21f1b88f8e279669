"""Timetables: which process starts when, what happens where the run before still goes on, and what was missed. No clock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from rules.errors import Invalid, InvalidFields
from rules.process import Process
from rules.process_timetable_cron import next_moments, read_cron, read_zone
from rules.process_unattended import check_input, fill_input
from rules.text import clean_text

LONGEST_TITLE: Final = 120
#: How late a run may still be started after an outage; the server's own default would be a year.
USUAL_CATCH_UP: Final = timedelta(hours=1)
SHORTEST_CATCH_UP: Final = timedelta(minutes=1)
LONGEST_CATCH_UP: Final = timedelta(days=7)
#: How many of the next times a page shows.
SHOWN: Final = 5


class Overlap(StrEnum):
    """What happens at a planned time while the run before it is still open."""

    SKIP = "skip"  # that time is left out
    BESIDE = "beside"  # another run starts beside it
    REPLACE = "replace"  # it is called off, and another one starts


class Planned(StrEnum):
    """What became of a planned time."""

    STARTED = "started"
    SKIPPED = "skipped"
    REFUSED = "refused"  # the process is not deployed, or what it would be given makes no sense


@dataclass(frozen=True)
class Timetable:
    """When a process starts by itself.

    Attributes:
        cron: five words, see rules/process_timetable_cron.py.
        zone: a name of the IANA time zone database, such as Europe/Madrid.
        catch_up_seconds: how late a run is still started where nobody could start it in time.
        input: what its runs are given; texts may hold `{{timetable.planned_at}}`, `{{timetable.date}}` and
            `{{timetable.title}}`.
    """

    title: str
    process: str
    cron: str
    zone: str
    overlap: Overlap = Overlap.SKIP
    catch_up_seconds: int = int(USUAL_CATCH_UP.total_seconds())
    input: Mapping[str, Any] = field(default_factory=dict)

    def next_times(self, after: datetime, count: int = SHOWN) -> tuple[datetime, ...]:
        """When it is due next, in its zone."""
        return next_moments(read_cron(self.cron), read_zone(self.zone), after, count)

    def context(self, planned_at: datetime) -> dict[str, Any]:
        """What templates may name of a planned time."""
        local = planned_at.astimezone(read_zone(self.zone))
        said = {"planned_at": local.isoformat(), "date": local.date().isoformat(), "title": self.title}
        return {"timetable": said}


def judge_timetable(content: Mapping[str, Any], process: Process | None, now: datetime) -> Timetable:
    """A timetable that somebody wrote.

    Args:
        content: title, process, cron, zone, overlap, catch_up_seconds, input; the types are right.
        process: the deployed version of the process that it names; None where there is none.

    Raises:
        InvalidFields: a sentence for each field that is wrong.
    """
    problems: dict[str, str] = {}
    for check in (_check_title, _check_times, _check_policy):
        try:
            check(content, now)
        except Invalid as refusal:
            problems[refusal.field or "cron"] = refusal.message
    if process is None:
        problems["process"] = f"There is no deployed process {content['process']!r}."
    if problems or process is None:
        raise InvalidFields(problems)
    judged = Timetable(
        content["title"].strip(), content["process"], " ".join(content["cron"].split()), content["zone"],
        Overlap(content["overlap"]), content["catch_up_seconds"], content["input"],
    )  # fmt: skip
    try:
        check_input(process, judged.input, judged.context(now))
    except Invalid as refusal:
        raise InvalidFields({"input": refusal.message}) from None
    return judged


def _check_title(content: Mapping[str, Any], now: datetime) -> None:
    clean_text(content["title"], "title", LONGEST_TITLE)


def _check_times(content: Mapping[str, Any], now: datetime) -> None:
    zone = read_zone(content["zone"])
    if not next_moments(read_cron(content["cron"]), zone, now, 1):
        raise Invalid("No such day comes within eight years.", "cron")


def _check_policy(content: Mapping[str, Any], now: datetime) -> None:
    if content["overlap"] not in list(Overlap):
        raise Invalid(f"{content['overlap']!r} is unknown; known are {', '.join(Overlap)}.", "overlap")
    late = timedelta(seconds=content["catch_up_seconds"])
    if not SHORTEST_CATCH_UP <= late <= LONGEST_CATCH_UP:
        raise Invalid("This must be from a minute to seven days (60 to 604800 seconds).", "catch_up_seconds")


def left_out(overlap: Overlap, *, is_on: bool, is_outdated: bool, open_runs: int) -> str:
    """Why nothing starts at a planned time, in a sentence; empty where a run starts.

    Args:
        is_outdated: the timetable said something else already when that time came.
        open_runs: how many of its runs have not ended.
    """
    if not is_on:
        return "It was switched off."
    if is_outdated:
        return "The timetable had been changed before."
    if open_runs and overlap is Overlap.SKIP:
        return "The run before it had not ended."
    return ""


def input_for(timetable: Timetable, planned_at: datetime, process: Process) -> dict[str, Any]:
    """What the run of a planned time is given; raises InvalidFields."""
    return fill_input(process, timetable.input, timetable.context(planned_at))


def fingerprint(timetable: Timetable, revision: int, is_on: bool) -> str:
    """Names what a scheduler has to do for it; stands there, so that it can be told whether it is in line."""
    said = json.dumps([asdict(timetable), revision, is_on], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]
