"""Who goes where: the routing rules, the form of one, and where somebody's next request would go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, may_here, opens
from app.errors import is_htmx, wants_json
from app.limits import by_person, limiter
from app.pages.rollout.names import Names
from app.pages.rollout.routes import pages
from app.pages.rollout.routing_form import Typed, blank, content_of, typed_from, typed_of
from app.pages.rollout.routing_view import STORY, VERDICTS, changed_words, differences, lines, outlook
from rules.errors import BusinessError, Invalid, InvalidFields
from rules.money import MINOR_DIGITS, Money, parse_amount
from rules.person import Act, Role
from rules.routing import Mode, check_mode
from rules.routing_content import read_rule, to_content
from rules.routing_window import WEEKDAYS
from rules.text import judge_why
from storage import build, routing
from storage import person as people
from storage.audit import Actor
from storage.routing import RoutingChanged, RoutingChangeRow, RoutingRuleRow

#: What one person may change in a minute; more is a stuck program, not a decision.
CHANGES = "30 per minute"
#: What a request is taken to cost where nobody says it.
USUAL_AMOUNT = Decimal(100)


@dataclass(frozen=True)
class Clash:
    """Two changes of one rule: what others saved since it was opened, and what the typed one would change on top."""

    theirs: Sequence[tuple[RoutingChangeRow, str, list[tuple[str, str, str]]]]
    mine: Sequence[tuple[str, str, str]]


@pages.get("/routing", endpoint="routing")
@opens(Act.READ_ROUTING)
def routing_rules() -> ResponseReturnValue:
    """All rules in the order in which they are asked, what holds for all, and how it came so."""
    return _list({})


def _list(problems: dict[str, str], why: str = "") -> str:
    session = database.session()
    names = Names()
    return render_template(
        "rollout/routing.html",
        lines=lines(),
        state=routing.state(session),
        server=build.route(session),
        story=[
            (change, names.changer(change.changed_by), changed_words(change))
            for change in routing.changes(session, limit=STORY)
        ],
        may_write=may_here(Act.WRITE_ROUTING),
        problems=problems,
        why=why,
    )


@pages.post("/routing/state")
@opens(Act.WRITE_ROUTING)
@limiter.limit(CHANGES, key_func=by_person)
def routing_state() -> ResponseReturnValue:
    """Freeze or thaw all routing, or choose how a canary gets its share; in force from the next submit on."""
    acts: dict[str, dict[str, Any]] = {
        "freeze": {"frozen": True},
        "thaw": {"frozen": False},
        "selective": {"mode": Mode.SELECTIVE},
        "native": {"mode": Mode.NATIVE},
    }
    chosen = acts.get(request.form.get("act", ""))
    if chosen is None:
        raise Invalid("Please choose what to do.", "act")
    typed = request.form.get("why", "")
    try:
        why = judge_why(typed)
        standing = build.route(database.session())
        if "mode" in chosen and standing is not None:
            check_mode(chosen["mode"], standing.ramping, standing.percent)
    except InvalidFields as refusal:
        problems = refusal.problems
        return _refused(refusal, lambda: _list(problems, typed))
    changed = routing.set_state(database.session(), _actor(), why, **chosen)
    database.commit()
    _say(changed=changed)
    return redirect(url_for("rollout.routing"), 303)


@pages.get("/routing/new")
@opens(Act.WRITE_ROUTING)
def routing_new() -> ResponseReturnValue:
    """An empty form."""
    return _form(None, blank(), {})


@pages.post("/routing")
@opens(Act.WRITE_ROUTING)
@limiter.limit(CHANGES, key_func=by_person)
def routing_add() -> ResponseReturnValue:
    """Add a rule."""
    typed = typed_of(request.form)
    try:
        content = content_of(typed, Names().ids, {})
        routing.add_rule(database.session(), content, _actor(), judge_why(typed["why"]))
    except InvalidFields as refusal:
        problems = refusal.problems
        return _refused(refusal, lambda: _form(None, typed, problems))
    database.commit()
    _say(changed=True)
    return redirect(url_for("rollout.routing"), 303)


@pages.get("/routing/rules/<uuid:rule_id>")
@opens(Act.READ_ROUTING)
def routing_rule(rule_id: UUID) -> ResponseReturnValue:
    """One rule with its history."""
    row = routing.by_id(database.session(), rule_id)
    return _form(row, _typed(row), {})


def _typed(row: RoutingRuleRow) -> Typed:
    """A stored rule as the form shows it; one that cannot be read any more begins anew."""
    try:
        typed = typed_from(read_rule(str(row.id), row.content), Names().mails)
    except InvalidFields:
        typed = blank() | {"name": str(row.content.get("name", ""))}
    return typed | {"version": str(row.version)}


def _form(
    row: RoutingRuleRow | None, typed: Typed, problems: dict[str, str], clash: Clash | None = None
) -> str:
    session, names = database.session(), Names()
    return render_template(
        "rollout/routing_rule.html",
        row=row,
        typed=typed,
        problems=problems,
        clash=clash,
        rollout_id=row.content.get("rollout_id", "") if row else "",
        may_write=may_here(Act.WRITE_ROUTING),
        builds=build.all_builds(session),
        departments=names.departments,
        role_options=[(role.value, role.value) for role in Role],
        weekday_options=[(str(number), name) for number, name in enumerate(WEEKDAYS)],
        currencies=list(MINOR_DIGITS),
        story=[
            (change, names.changer(change.changed_by), changed_words(change))
            for change in (routing.changes(session, row.id, STORY) if row else ())
        ],
    )


@pages.post("/routing/rules/<uuid:rule_id>")
@opens(Act.WRITE_ROUTING)
@limiter.limit(CHANGES, key_func=by_person)
def routing_change(rule_id: UUID) -> ResponseReturnValue:
    """Change a rule; whoever edited an older version is told."""
    session, typed = database.session(), typed_of(request.form)
    row = routing.by_id(session, rule_id)
    version = row.version
    try:
        # The salt stays, so that a changed share keeps those already in.
        kept = {name: value for name, value in row.content.items() if name in {"salt", "rollout_id"}}
        content = content_of(typed, Names().ids, kept)
        why = judge_why(typed["why"])
        row = routing.change_rule(
            session, rule_id, content, _actor(), why, replaces_version=_version(typed["version"])
        )
    except InvalidFields as refusal:
        problems = refusal.problems
        return _refused(refusal, lambda: _form(row, typed, problems))
    except RoutingChanged as refusal:
        return _refused(refusal, lambda: _form_on_top(rule_id, typed, content))
    changed = row.version != version
    database.commit()
    _say(changed=changed)
    return redirect(url_for("rollout.routing"), 303)


def _form_on_top(rule_id: UUID, typed: Typed, content: dict[str, Any]) -> str:
    """The form with what was typed, beside what somebody else saved meanwhile; saved again, it goes on top of that."""
    session, names = database.session(), Names()
    row = routing.by_id(session, rule_id)
    missed = min(row.version - _version(typed["version"]), STORY)
    theirs = [
        (change, names.changer(change.changed_by), changed_words(change))
        for change in reversed(routing.changes(session, rule_id, max(missed, 1)))
    ]
    mine, problems = [], {}
    try:
        mine = differences(row.content, to_content(read_rule(str(rule_id), {**row.content, **content})))
    except InvalidFields as refusal:
        problems = refusal.problems
    return _form(row, typed | {"version": str(row.version)}, problems, Clash(theirs, mine))


@pages.post("/routing/rules/<uuid:rule_id>/remove")
@opens(Act.WRITE_ROUTING)
@limiter.limit(CHANGES, key_func=by_person)
def routing_remove(rule_id: UUID) -> ResponseReturnValue:
    """Take a rule away."""
    session, typed = database.session(), request.form.get("why", "")
    row = routing.by_id(session, rule_id)
    try:
        why = judge_why(typed)
        version = _version(request.form.get("version", ""))
        routing.remove_rule(session, rule_id, _actor(), why, replaces_version=version)
    except (InvalidFields, RoutingChanged) as refusal:
        said = refusal.problems["why"] if isinstance(refusal, InvalidFields) else refusal.message
        shown = _typed(row) | {"why_removed": typed}
        return _refused(refusal, lambda: _form(row, shown, {"why_removed": said}))
    database.commit()
    flash(_("The rule is gone."), "success")
    return redirect(url_for("rollout.routing"), 303)


@pages.get("/routing/why")
@opens(Act.READ_ROUTING)
def routing_why() -> ResponseReturnValue:
    """Where somebody's next request would go, and why."""
    session = database.session()
    mail = request.args.get("who", "").strip()[:254]
    typed = {
        "amount": request.args.get("amount", str(USUAL_AMOUNT)),
        "currency": request.args.get("currency", "EUR"),
    }
    person = people.by_email(session, mail) if mail and "\x00" not in mail else None
    problem, found = "", None
    try:
        amount = Money(parse_amount(typed["amount"], typed["currency"]), typed["currency"])
        found = outlook(person, amount) if person is not None else None
    except Invalid as refusal:
        problem = refusal.message
    return render_template(
        "rollout/routing_why.html",
        asked_mail=mail,
        typed=typed,
        problem=problem,
        found=found,
        stranger=bool(mail) and person is None,
        people=people.all_people(session),
        currencies=list(MINOR_DIGITS),
        verdicts=VERDICTS,
    )


def _actor() -> Actor:
    return Actor.person(current_person().id)


def _version(text: str) -> int:
    """The version that was edited; 0, which no rule has, where it is not known."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _refused(refusal: BusinessError, page: Callable[[], str]) -> ResponseReturnValue:
    """The page with what was typed; the refusal itself for a program or a part of a page."""
    if wants_json() or is_htmx():
        raise refusal
    database.session().rollback()
    return make_response(page(), refusal.status)


def _say(*, changed: bool) -> None:
    if changed:
        flash(_("Saved. The next request goes by it."), "success")
    else:
        flash(_("It was so already; nothing was changed."))
