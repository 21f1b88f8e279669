"""Logging in and out, the profile, one's own sessions. Knows no business."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from app import database
from app.access import (
    current_account,
    current_person,
    log_in,
    log_out,
    opens,
    safe_next,
    server_session,
)
from app.account import Account
from app.limits import by_person, did_not_open, limiter, typed_address
from app.navigation import home_of
from app.pages.account.demo_logins import demo_logins
from app.pages.account.forms import LoginForm, PasswordForm
from app.password import hash_password, is_password, needs_new_hash
from rules.errors import Invalid, NotFound
from rules.password import judge_password
from rules.person import Act
from storage import department
from storage import person as people
from storage import session as logins

pages = Blueprint("account", __name__, template_folder="templates")

#: Why somebody stands before the login page, by the word in its address.
WHY = {
    "ended": lambda: _("Your session has ended. Please log in again."),
    "stale": lambda: _("The login page was open for too long. Please try again."),
    "out": lambda: _("You are logged out."),
}


@pages.get("/")
@opens(Act.USE_ACCOUNT)
def home() -> ResponseReturnValue:
    """Everybody starts where their work is."""
    return redirect(url_for(home_of(current_person())), 303)


@pages.get("/login")
@opens(Act.ANYONE)
def login() -> ResponseReturnValue:
    """The way in."""
    if current_account() is not None:
        return redirect(safe_next(request.args.get("next")) or url_for("account.home"), 303)
    form = LoginForm(next=safe_next(request.args.get("next")) or "")
    why = WHY.get(request.args.get("why", ""))
    return _login_page(form, notice=why() if why else None)


@pages.post("/login")
@opens(Act.ANYONE)
@limiter.limit("10 per 15 minutes", key_func=typed_address, deduct_when=did_not_open)
@limiter.limit("60 per 15 minutes", deduct_when=did_not_open)
def log_in_here() -> ResponseReturnValue:
    """Check address and password; the answer is the same whichever of them is wrong."""
    form = LoginForm()
    if not form.validate():
        return _login_page(form), 422
    found = people.by_email(database.session(), form.email.data)
    kept_hash = found.password_hash if found is not None else None
    right = is_password(form.password.data, kept_hash)
    if not right or found is None or found.locked_at is not None:
        return _login_page(form, problem=_("This address and password do not belong together.")), 401
    if needs_new_hash(found.password_hash):
        found.password_hash = hash_password(form.password.data)
    logins.sweep(database.session())
    database.commit()
    log_in(Account.of(found))
    return redirect(safe_next(form.next.data) or url_for("account.home"), 303)


def _login_page(form: LoginForm, notice: str | None = None, problem: str | None = None) -> str:
    demo = demo_logins(current_app.config["SETTINGS"])
    return render_template("account/login.html", form=form, notice=notice, problem=problem, demo=demo)


@pages.post("/logout")
@opens(Act.USE_ACCOUNT)
def logout() -> ResponseReturnValue:
    """The way out; pages that the browser kept go too."""
    log_out()
    response = redirect(url_for("account.login", why="out"), 303)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@pages.get("/profile")
@opens(Act.USE_ACCOUNT)
def profile() -> ResponseReturnValue:
    """Who one is here, the password, and where one is logged in."""
    return _profile_page(PasswordForm())


@pages.post("/profile/password")
@opens(Act.USE_ACCOUNT)
@limiter.limit("10 per 15 minutes", key_func=by_person)
def change_password() -> ResponseReturnValue:
    """Take a new password; every other session of the person ends in the same transaction."""
    form = PasswordForm()
    row = people.by_id(database.session(), current_person().id)
    if row is None:
        raise NotFound("This account is gone.")
    if not form.validate():
        return _profile_page(form), 422
    if not is_password(form.password.data, row.password_hash):
        form.password.errors = [_("This is not your present password.")]
        return _profile_page(form), 422
    if form.new_password.data != form.again.data:
        form.again.errors = [_("The two new passwords differ.")]
        return _profile_page(form), 422
    try:
        new = judge_password(form.new_password.data, [*row.name.split(), *row.email.split("@")])
    except Invalid as refusal:
        form.new_password.errors = [refusal.message]
        return _profile_page(form), 422
    row.password_hash = hash_password(new)
    logins.end_all(database.session(), row.id, but=server_session().handle)
    database.commit()
    log_in(Account.of(row))
    flash(_("Your password is changed. All your other sessions have ended."), "success")
    return redirect(url_for("account.profile"), 303)


@pages.post("/profile/sessions/<uuid:handle>/end")
@opens(Act.USE_ACCOUNT)
def end_session(handle: UUID) -> ResponseReturnValue:
    """End one of one's own sessions; somebody else's does not exist here."""
    if not logins.end_one_of(database.session(), current_person().id, handle):
        raise NotFound("There is no such session of yours.")
    database.commit()
    flash(_("That session has ended."), "success")
    return redirect(url_for("account.profile"), 303)


@pages.post("/profile/sessions/end")
@opens(Act.USE_ACCOUNT)
def end_other_sessions() -> ResponseReturnValue:
    """End all of one's sessions but this one."""
    ended = logins.end_all(database.session(), current_person().id, but=server_session().handle)
    database.commit()
    flash(
        ngettext("%(num)s other session has ended.", "%(num)s other sessions have ended.", ended), "success"
    )
    return redirect(url_for("account.profile"), 303)


def _profile_page(form: PasswordForm) -> str:
    account = current_account()
    assert account is not None  # noqa: S101  (the gate let only logged-in people in)
    session = database.session()
    manager_id = account.person.manager_id
    return render_template(
        "account/profile.html",
        form=form,
        me=account,
        department=department.names(session).get(account.person.department_id),
        manager=people.names(session, [manager_id]).get(manager_id) if manager_id else None,
        sessions=logins.alive_of(session, account.person.id),
        here=server_session().handle,
    )
