"""What the release page shows of a rollout: steps, figures side by side, ways back. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app import database
from app.pages.rollout.guard_view import Guard, Stop, guards_of, span, stops_of
from rules.evidence import Counts, bounds
from rules.person import Person
from rules.rollout import Kind, State, share_at
from rules.rollout_command import Command, commands_for, may_steer
from rules.rollout_target import PolicyTarget
from storage import build_return, rollout_figures
from storage.build import BuildRouteRow, BuildRow
from storage.build_return import BuildReturnRow
from storage.rollout import RolloutRow

#: The workflow of a rollout looks at least every ten seconds.
LOOKED_SECONDS: Final = 45
#: Beside the new build so many others are counted.
MOST_BUILDS: Final = 4
_METRICS: Final = ("error", "not_progressed", "slow", "auto_approved", "overturned")
#: What is tried before anybody gets it.
_GATES: Final[Mapping[Kind, Any]] = {
    Kind.BUILD: _l("replay, one run"),
    Kind.POLICY: _l("tried on past reviews"),
    Kind.FLAG: _l("a second person, where more may be spent"),
    Kind.PROCESS: _l("checked"),
}


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
        mark: what tells its parts from those of the others on the page; empty for a build.
        commands: what whoever looks may tell it now, each with its word, if `may_steer`.
        refusal: why they may not promote; empty where they may, or nobody can.
    """

    row: RolloutRow
    mark: str
    steps: Sequence[Mapping[str, Any]]
    guards: Sequence[Guard]
    stops: Sequence[Stop]
    commands: Mapping[str, str]
    refusal: str
    may_steer: bool
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


def standing(
    row: RolloutRow, names: Mapping[str, str], reader: Person, frozen: bool, at: datetime
) -> Standing:
    """A running rollout for somebody who looks at it."""
    told, refusal = commands_for(row.progress, row.as_plan, by=reader.id, started_by=row.created_by)
    looked = row.checked_at or row.created_at
    has_stops = row.progress.is_exposed and row.kind == Kind.BUILD
    return Standing(
        row,
        f"-{row.kind}-{row.target}" if row.kind != Kind.BUILD else "",
        steps_of(row, names),
        guards_of(row),
        stops_of(row.figures.get("health") or {}, frozen=frozen) if has_stops else (),
        {command.value: _word(command, row) for command in told},
        refusal,
        may_steer(reader.roles, Kind(row.kind)),
        (at - looked).total_seconds() > LOOKED_SECONDS,
    )


def _word(command: Command, row: RolloutRow) -> str:
    """What a button says."""
    progress, plan = row.progress, row.as_plan
    if command is not Command.PROMOTE:
        return str(
            {Command.PAUSE: _("Pause"), Command.RESUME: _("Resume"), Command.ABORT: _("Abort")}[command]
        )
    if (progress.resumes if progress.state is State.PAUSED else progress.state) is State.BAKE:
        return str(_("Promote: everybody gets it"))
    if progress.step + 1 < len(plan.steps):
        return str(_("Promote to %(share)s", share=_share(plan.steps[progress.step + 1].share)))
    return str(_("Promote to the bake"))


def steps_of(row: RolloutRow, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The way of a rollout for `ui.stepper`: gate, steps, the bake, the end."""
    plan, progress = row.as_plan, row.progress
    place = _place(row)
    found: list[dict[str, Any]] = [{"name": str(_("Gate")), "note": _GATES[Kind(row.kind)]}]
    for step in plan.steps:
        whom = ", ".join(names.get(one, one) for one in step.departments) or _everybody(row)
        note = str(_("%(time)s, %(count)s requests", time=span(step.min_seconds), count=step.min_samples)) + (
            str(_("; waits for a person")) if step.manual else ""
        )
        found.append(
            {"name": str(_("%(share)s of %(whom)s", share=_share(step.share), whom=whom)), "note": note}
        )
    found.append({"name": str(_("Bake")), "note": span(plan.bake_seconds)})
    last = _("Current") if row.kind == Kind.BUILD else _("In force")
    found.append({"name": str(last), "note": _("everybody has it")})
    stopped = progress.state in {State.RETURNING, State.RETURNED, State.ABORTED}
    for number, one in enumerate(found):
        one["state"] = "done" if number < place else "ahead"
        if number == place:
            one["state"] = "stopped" if stopped else "now"
    return found


def _everybody(row: RolloutRow) -> str:
    """Whom a step without departments reaches."""
    return (
        PolicyTarget.from_content(row.content).department if row.kind == Kind.POLICY else str(_("everybody"))
    )


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
    native = None
    if running is not None and running.as_plan.native:
        native = share_at(running.progress, running.as_plan)[0]
    tally = rollout_figures.by_build(database.session(), since, target, native, current)
    return [
        BuildLine(
            build_id,
            known.get(build_id),
            build_id == current,
            build_id == target,
            {key: _figure(tally.of(key, build_id)) for key in _METRICS},
        )
        for build_id in wanted
    ]


def _figure(counts: Counts) -> Figure:
    return Figure(counts.bad, counts.total)


def way_back(row: BuildReturnRow) -> WayBack:
    """A way back with its times."""
    return WayBack(row, _after(row, row.routed_at), _after(row, row.ended_at))


def _after(row: BuildReturnRow, at: datetime | None) -> float | None:
    return None if at is None else (at - row.asked_at).total_seconds()
