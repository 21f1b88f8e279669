"""Flags: what is set for whom and why, how it came so, and who gets what. What a flag says is in rules/flag.py."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, may_here, opens
from app.errors import is_htmx, wants_json
from app.limits import by_person, limiter
from app.pages.rollout.flag_form import FIELDS, judge_wish
from app.pages.rollout.flag_view import (
    Change,
    all_lines,
    changes_since,
    look_up,
    overrides_of,
    proposals_of,
    roll_at,
    story_of,
)
from rules.errors import BusinessError, Invalid, InvalidFields
from rules.flag import Flag
from rules.flag_change import AlreadyProposed, FlagChangedSinceShown
from rules.person import Act
from rules.rollout import Kind
from rules.rollout_target import lane_of
from storage import department, flag, flag_proposal, rollout
from storage import person as people
from storage.flag import FlagProposalRow

pages = Blueprint("rollout", __name__, template_folder="templates")

#: What one person may flip in a minute; more is a stuck program, not a decision.
FLIPS = "30 per minute"


@pages.get("/flags")
@opens(Act.READ_FLAG)
def flags() -> ResponseReturnValue:
    """Every flag: what it says for most, whether anybody reads it, what waits for a second person."""
    revision = flag.read_truth(database.session()).revision
    return render_template("rollout/flags.html", lines=all_lines(), roll=roll_at(revision))


@pages.get("/flags/<key>")
@opens(Act.READ_FLAG)
def flags_one(key: str) -> ResponseReturnValue:
    """One flag with what is set, how it came so, and who gets what."""
    return _page(flag.known(key), {}, {})


def _page(one: Flag, typed: dict[str, str], problems: dict[str, str], missed: Sequence[Change] = ()) -> str:
    session = database.session()
    revision = flag.read_truth(session).revision
    asked_mail = request.args.get("who", "").strip()[:254]
    return render_template(
        "rollout/flag.html",
        flag=one,
        revision=revision,
        roll=roll_at(revision),
        overrides=overrides_of(one),
        proposals=proposals_of(one),
        running=rollout.open_in(session, lane_of(Kind.FLAG, one.key)),
        story=story_of(one),
        departments=department.names(session),
        people=people.all_people(session),
        asked_mail=asked_mail,
        found=look_up(one, asked_mail) if asked_mail else None,
        may_write=may_here(Act.WRITE_FLAG),
        may_confirm=may_here(Act.CONFIRM_FLAG),
        me=current_person().id,
        typed=typed or {"target": request.args.get("target", ""), "mail": request.args.get("mail", "")},
        problems=problems,
        missed=missed,
    )


@pages.post("/flags/<key>")
@opens(Act.WRITE_FLAG)
@limiter.limit(FLIPS, key_func=by_person)
def flags_set(key: str) -> ResponseReturnValue:
    """Set a flag for somebody, or take what is set away; the workers hear of it within a second."""
    one, session = flag.known(key), database.session()
    typed = {name: request.form.get(name, "") for name in FIELDS}
    try:
        change = judge_wish(
            one, typed, departments=department.names(session), person_id=_person_id(typed["mail"])
        )
        made = flag_proposal.set_or_propose(session, change, current_person().id)
    except (InvalidFields, Invalid, AlreadyProposed, FlagChangedSinceShown) as refusal:
        if wants_json() or is_htmx():
            raise
        session.rollback()
        missed = changes_since(change) if isinstance(refusal, FlagChangedSinceShown) else ()
        return make_response(_page(one, typed, _problems(refusal), missed), refusal.status)
    database.commit()
    if isinstance(made, FlagProposalRow):
        flash(_("Proposed. It counts as soon as somebody else of platform or finance agrees."), "warning")
    elif made:
        flash(_("Saved. Every worker goes by it within a second."), "success")
    else:
        flash(_("It was so already; nothing was changed."))
    return redirect(url_for("rollout.flags_one", key=one.key), 303)


@pages.post("/flags/<key>/proposals/<uuid:proposal_id>")
@opens(Act.CONFIRM_FLAG)
@limiter.limit(FLIPS, key_func=by_person)
def flags_answer(key: str, proposal_id: UUID) -> ResponseReturnValue:
    """Agree to a change as the second person, or decline it."""
    one, session, person = flag.known(key), database.session(), current_person()
    match request.form.get("answer"):
        case "agree":
            row = flag_proposal.confirm(session, proposal_id, person.id)
            is_trial = row.level == flag_proposal.FOR_ROLLOUT
            said = _("Agreed. Every worker goes by it within a second.")
            said = _("Agreed. The rollout goes on; nothing is set for all.") if is_trial else said
        case "decline":
            flag_proposal.refuse(session, proposal_id, person.id)
            said = _("Declined; nothing was changed.")
        case _other:
            raise Invalid(_("Please agree or decline."), "answer")
    database.commit()
    flash(said, "success")
    return redirect(url_for("rollout.flags_one", key=one.key), 303)


def _problems(refusal: BusinessError) -> dict[str, str]:
    match refusal:
        case InvalidFields():
            return refusal.problems
        case AlreadyProposed():
            return {"target": refusal.message}
        case FlagChangedSinceShown():
            return {}  # told beside what was changed
        case _:
            return {refusal.field or "value": refusal.message}


def _person_id(mail: str) -> UUID | None:
    if not mail.strip() or "\x00" in mail:
        return None
    row = people.by_email(database.session(), mail[:254])
    return row.id if row is not None else None
