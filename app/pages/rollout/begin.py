"""Beginning a rollout: of a build, a candidate of the rules, a flag's value, a version of a process. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, opens
from app.errors import is_htmx, wants_json
from app.limits import by_person, limiter
from app.pages.rollout.dashboard import COMMANDS
from app.pages.rollout.names import Names
from app.pages.rollout.rollout_form import BEGUN_HERE, LIMITED, Typed, blank, plan_of, typed_of
from app.pages.rollout.routes import pages
from rules.errors import BusinessError, Invalid, InvalidFields
from rules.flag import FLAGS
from rules.flag import Kind as FlagKind
from rules.flag_change import parse_value
from rules.person import Act
from rules.rollout import Kind, Plan
from rules.rollout_command import check_may_steer, may_steer
from rules.rollout_target import parse_process
from rules.rollout_watch import known_metrics
from rules.text import judge_why
from storage import build, flag, policy, rollout, rollout_flag, rollout_policy, rollout_process
from storage.rollout import RolloutRow
from storage.rollout_begin import begin_or_change

#: The field that names the target.
_FIELDS = {Kind.BUILD: "build", Kind.POLICY: "candidate", Kind.FLAG: "flag", Kind.PROCESS: "process"}


def _kinds() -> list[Kind]:
    """What whoever is logged in may begin."""
    return [kind for kind in BEGUN_HERE if may_steer(current_person().roles, kind)]


@pages.get("/rollout/new", endpoint="dashboard_new")
@opens(Act.STEER_ROLLOUT)
def dashboard_new() -> ResponseReturnValue:
    """The form that begins a rollout, with the usual plan."""
    asked = request.args.get("kind", "")
    kind = Kind(asked) if asked in BEGUN_HERE else _kinds()[0]
    check_may_steer(current_person().roles, kind)
    typed = blank(kind)
    typed[_FIELDS[kind]] = request.args.get(_FIELDS[kind], "")[:200]
    return _form(typed, {})


@pages.post("/rollout", endpoint="dashboard_begin")
@opens(Act.STEER_ROLLOUT)
@limiter.limit(COMMANDS, key_func=by_person)
def dashboard_begin() -> ResponseReturnValue:
    """Begin a rollout; its gate comes next. Where a build is being rolled out, its first step is the share from now on."""
    typed = typed_of(request.form)
    if typed["kind"] not in BEGUN_HERE:
        raise Invalid(_("Please choose what is to be rolled out."), "kind")
    kind = Kind(typed["kind"])
    check_may_steer(current_person().roles, kind)
    try:
        row, is_new = _begin(kind, typed, plan_of(typed), judge_why(typed["why"]))
    except BusinessError as refusal:
        if wants_json() or is_htmx():
            raise
        database.session().rollback()
        at = _FIELDS[kind]
        problems = refusal.problems if isinstance(refusal, InvalidFields) else {at: refusal.message}
        return make_response(_form(typed, problems), refusal.status)
    database.commit()
    if is_new:
        flash(_("The rollout of %(what)s has begun: its gate runs first.", what=row.label), "success")
    else:
        flash(_("The share is set; the rollout goes on from there."), "success")
    return redirect(url_for("rollout.dashboard"), 303)


def _begin(kind: Kind, typed: Typed, plan: Plan, why: str) -> tuple[RolloutRow, bool]:
    """The rollout, and whether it has just begun."""
    session, by = database.session(), current_person().id
    match kind:
        case Kind.POLICY:
            return rollout_policy.begin(session, _candidate_id(typed["candidate"]), plan, by, why), True
        case Kind.FLAG:
            key, _sign, word = typed["flag"].partition("=")
            if not key:
                raise Invalid(_("Please choose a value."), "flag")
            return rollout_flag.begin(session, key, parse_value(flag.known(key), word), plan, by, why), True
        case Kind.PROCESS:
            if not typed["process"]:
                raise Invalid(_("Please choose a version."), "process")
            return rollout_process.begin(session, *parse_process(typed["process"]), plan, by, why), True
        case _:
            return begin_or_change(session, typed["build"], plan, by, why)


def _candidate_id(typed: str) -> UUID:
    try:
        return UUID(typed)
    except ValueError:
        raise Invalid(_("Please choose a candidate."), "candidate") from None


def _form(typed: Typed, problems: dict[str, str]) -> str:
    session, names = database.session(), Names().departments
    route, live = build.route(session), build.live_builds(session)
    offered = [row.build_id for row in build.all_builds(session) if row.build_id in live]
    lanes = {row.lane: row for row in rollout.open_rollouts(session)}
    return render_template(
        "rollout/rollout_new.html",
        typed=typed,
        problems=problems,
        kinds=[kind.value for kind in _kinds()],
        builds=[one for one in offered if route is None or one != route.current],
        candidates=[
            (str(row.id), names.get(row.department_id, _("Default")), row)
            for row in policy.candidates(session)
        ],
        values=_flag_values(),
        versions=rollout_process.offered(session),
        running=lanes.get("build") if typed["kind"] == Kind.BUILD else None,
        departments=names,
        limited=[metric for metric in LIMITED if metric.key in known_metrics(Kind(typed["kind"]))],
    )  # fmt: skip


def _flag_values() -> Sequence[tuple[str, list[tuple[str, Any]]]]:
    """Flag by flag what a rollout may give: the form's word, and what people read."""
    return [
        (one.title, [(f"{one.key}={word}", word) for word in words])
        for one in FLAGS.values()
        if (words := ["on", "off"] if one.kind is FlagKind.BOOLEAN else list(one.options))
    ]
