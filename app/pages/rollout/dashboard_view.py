"""What the release page shows of a rollout: steps, figures side by side, ways back. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from flask_babel import gettext as _

from app import database
from app.pages.rollout.guard_view import Guard, Stop, guards_of, span, stops_of
from rules.analysis import Reading
from rules.evidence import FIRES_AT, Counts, bounds
from rules.rollout import ENDED, Command, State, share_at
from storage import build_return, rollout_figures
from storage.build import BuildRouteRow, BuildRow
from storage.build_return import BuildReturnRow
from storage.rollout import RolloutRow

#: The workflow of a rollout looks at least every ten seconds.
LOOKED_SECONDS: Final = 45
#: Beside the new build so many others are counted.
MOST_BUILDS: Final = 4
_METRICS: Final = ("error", "not_progressed", "slow", "auto_approved")


@dataclass(frozen=True)
class Figure:
    """`part` of `whole` cases as percent, with its 95 % interval; nothing but n where there are none."""

    part: int
    whole: int

    @property
    def percent(self) -> str:
        """The share."""
        return f"{100 * self.part / self.whole:.1f}\u00a0%" if self.whole else "–"

    @property
    def interval(self) -> str:
        """Where the true share lies."""
        low, high = bounds(Counts(self.part, self.whole))
        return f"{100 * low:.1f}–{100 * high:.1f}\u00a0%"


@dataclass(frozen=True)
class BuildLine:
    """The figures of one build since a moment.

    Attributes:
        row: None for a build that nobody knows any more.
    """

    build_id: str
    row: BuildRow | None
    is_current: bool
    is_new: bool
    figures: Mapping[str, Figure]

    @property
    def success(self) -> Figure:
        """What the errors leave."""
        error = self.figures["error"]
        return Figure(error.whole - error.part, error.whole)


@dataclass(frozen=True)
class Standing:
    """The running rollout as its card shows it.

    Attributes:
        commands: what whoever looks may tell it now, each with its word.
        refusal: why they may not promote; empty where they may, or nobody can.
    """

    row: RolloutRow
    steps: Sequence[Mapping[str, Any]]
    guards: Sequence[Guard]
    stops: Sequence[Stop]
    commands: Mapping[str, str]
    refusal: str
    is_stale: bool


@dataclass(frozen=True)
class WayBack:
    """A way back with the times that were measured, in seconds from the press; None where it has not come so far."""

    row: BuildReturnRow
    routed: float | None
    ended: float | None

    @property
    def is_open(self) -> bool:
        """Whether it is still being carried out."""
        return self.row.state in {build_return.ASKED, build_return.ROUTED}

    @property
    def stable(self) -> str:
        """The build returned to, as far as it is known."""
        return str(self.row.report.get("stable") or self.row.stable or "")


def standing(row: RolloutRow, names: Mapping[str, str], me: UUID, frozen: bool, at: datetime) -> Standing:
    """The running rollout for somebody who looks at it."""
    commands = _commands(row)
    refusal = ""
    if Command.PROMOTE in commands and row.created_by == me:
        refusal = str(_("You started this rollout, so another person has to promote it."))
        del commands[Command.PROMOTE]
    looked = row.checked_at or row.created_at
    return Standing(
        row,
        steps_of(row, names),
        guards_of(row),
        stops_of(row.figures.get("health", {}), frozen=frozen) if row.progress.is_exposed else (),
        commands,
        refusal,
        (at - looked).total_seconds() > LOOKED_SECONDS,
    )


def _commands(row: RolloutRow) -> dict[str, str]:
    progress, plan = row.progress, row.as_plan
    found: dict[str, str] = {}
    if progress.state in ENDED or progress.state is State.RETURNING:
        return found
    if progress.is_exposed:
        at_bake = (progress.resumes if progress.state is State.PAUSED else progress.state) is State.BAKE
        if at_bake:
            found[Command.PROMOTE] = str(_("Promote: everybody gets it"))
        elif progress.step + 1 < len(plan.steps):
            share = _share(plan.steps[progress.step + 1].share)
            found[Command.PROMOTE] = str(_("Promote to %(share)s", share=share))
        else:
            found[Command.PROMOTE] = str(_("Promote to the bake"))
    if progress.state is State.PAUSED:
        found[Command.RESUME] = str(_("Resume"))
    else:
        found[Command.PAUSE] = str(_("Pause"))
    found[Command.ABORT] = str(_("Abort"))
    return found


def steps_of(row: RolloutRow, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The way of a rollout for `ui.stepper`: gate, steps, the bake, the end."""
    plan, progress = row.as_plan, row.progress
    place = _place(row)
    found: list[dict[str, Any]] = [{"name": str(_("Gate")), "note": _("replay, one run")}]
    for step in plan.steps:
        whom = ", ".join(names.get(one, one) for one in step.departments) or str(_("everybody"))
        note = str(_("%(time)s, %(count)s requests", time=span(step.min_seconds), count=step.min_samples)) + (
            str(_("; waits for a person")) if step.manual else ""
        )
        found.append(
            {"name": str(_("%(share)s of %(whom)s", share=_share(step.share), whom=whom)), "note": note}
        )
    found.append({"name": str(_("Bake")), "note": span(plan.bake_seconds)})
    found.append({"name": str(_("Current")), "note": _("everybody has it")})
    stopped = progress.state in {State.RETURNING, State.RETURNED, State.ABORTED}
    for number, one in enumerate(found):
        one["state"] = "done" if number < place else "ahead"
        if number == place:
            one["state"] = "stopped" if stopped else "now"
    return found


def _place(row: RolloutRow) -> int:
    """Where in `steps_of` a rollout stands."""
    progress, count = row.progress, len(row.plan["steps"])
    state = progress.resumes if progress.state is State.PAUSED else progress.state
    if state is State.PROMOTED:
        return count + 3
    if state is State.BAKE:
        return count + 1
    return progress.step + 1 if state is State.STEP or row.exposed_at is not None else 0


def _share(share: Decimal) -> str:
    return f"{share.normalize():f}\u00a0%"


def build_lines(
    rows: Sequence[BuildRow],
    route: BuildRouteRow | None,
    running: RolloutRow | None,
    seen: Sequence[str],
    since: datetime,
) -> list[BuildLine]:
    """Each build that did something since then, the new and the current one first."""
    known, current = {row.build_id: row for row in rows}, route.current if route else None
    target = running.target if running is not None else None
    wanted = [one for one in dict.fromkeys((target, current, *seen)) if one][:MOST_BUILDS]
    lines = []
    for build_id in wanted:
        is_new = build_id == target
        native = None
        if running is not None and running.as_plan.native and is_new:
            native = share_at(running.progress, running.as_plan)[0]
        readings = rollout_figures.read_figures(database.session(), build_id, since, native)
        figures = {
            key: _figure(readings[key], both=_counts_all(key, build_id, current, wanted)) for key in _METRICS
        }
        lines.append(BuildLine(build_id, known.get(build_id), build_id == current, is_new, figures))
    return lines


def _counts_all(key: str, build_id: str, current: str | None, wanted: Sequence[str]) -> bool:
    """A request without a route of its own is the current build's; where that is alone, so are all."""
    return key == "not_progressed" and build_id == current and len(wanted) == 1


def _figure(reading: Reading, *, both: bool) -> Figure:
    counts = Counts.sum(reading.canary.values())
    if both:
        counts = Counts.sum([counts, *reading.control.values()])
    return Figure(counts.bad, counts.total)


def way_back(row: BuildReturnRow) -> WayBack:
    """A way back with its times."""
    return WayBack(row, _after(row, row.routed_at), _after(row, row.ended_at))


def _after(row: BuildReturnRow, at: datetime | None) -> float | None:
    return None if at is None else (at - row.asked_at).total_seconds()


EVIDENCE: Final = FIRES_AT
