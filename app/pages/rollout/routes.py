"""Flags: what is set for whom and why, how it came so, and who gets what. What a flag says is in rules/flag.py."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, may_here, opens
from app.errors import is_htmx, wants_json
from app.limits import limiter
from app.pages.rollout.flag_form import Wish, judge_wish
from app.pages.rollout.flag_view import look_up, overrides_of, story_of
from rules.errors import InvalidFields
from rules.flag import FLAGS, Flag
from rules.person import Act
from storage import department, flag
from storage import person as people
from storage.audit import Actor

pages = Blueprint("rollout", __name__, template_folder="templates")

#: What one person may flip in a minute; more is a stuck program, not a decision.
FLIPS = "30 per minute"


@pages.get("/flags")
@opens(Act.READ_FLAG)
def flags() -> ResponseReturnValue:
    """Every flag with what is set, how it came so, and who gets what."""
    return _page({}, {})


def _page(typed: dict[str, str], problems: dict[str, str], shown: Flag | None = None) -> str:
    session = database.session()
    one = shown or next(iter(FLAGS.values()))
    asked_mail = request.args.get("who", "").strip()[:254]
    return render_template(
        "rollout/flags.html",
        flag=one,
        overrides=overrides_of(one),
        story=story_of(one),
        departments=department.names(session),
        people=people.all_people(session),
        asked_mail=asked_mail,
        found=look_up(one, asked_mail) if asked_mail else None,
        may_write=may_here(Act.WRITE_FLAG),
        typed=typed or {"target": request.args.get("target", ""), "mail": request.args.get("mail", "")},
        problems=problems,
    )


@pages.post("/flags/<key>")
@opens(Act.WRITE_FLAG)
@limiter.limit(FLIPS, key_func=lambda: str(current_person().id))
def flags_set(key: str) -> ResponseReturnValue:
    """Set a flag for somebody, or take what is set away; the workers hear of it within a second."""
    one, session = flag.known(key), database.session()
    form = request.form
    typed = {name: form.get(name, "") for name in ("target", "mail", "value", "why")}
    try:
        wish = judge_wish(
            typed["target"], typed["value"], typed["why"],
            departments=department.names(session),
            person_id=_person_id(typed["mail"]),
        )  # fmt: skip
    except InvalidFields as refusal:
        if wants_json() or is_htmx():
            raise
        return make_response(_page(typed, refusal.problems, one), 422)
    if _stands(one, wish):
        flash(_("It was so already; nothing was changed."))
    else:
        actor = Actor.person(current_person().id)
        flag.set_override(session, one, wish.level, wish.subject, wish.value, actor, wish.why)
        database.commit()
        flash(_("Saved. Every worker goes by it within a second."), "success")
    return redirect(url_for("rollout.flags"), 303)


def _person_id(mail: str) -> UUID | None:
    if not mail.strip() or "\x00" in mail:
        return None
    row = people.by_email(database.session(), mail[:254])
    return row.id if row is not None else None


def _stands(one: Flag, wish: Wish) -> bool:
    """Whether a repeated click would set what stands already."""
    overrides = flag.read_truth(database.session()).of(one)
    return overrides.get((wish.level, wish.subject)) is wish.value
