"""The forms of the account pages. Their fields are judged in rules/."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired, Length


class LoginForm(FlaskForm):  # type: ignore[misc]
    """Who are you."""

    email = StringField(
        _l("Mail address"), [InputRequired(_l("Please give your mail address.")), Length(max=254)]
    )
    password = PasswordField(_l("Password"), [InputRequired(_l("Please give your password."))])
    next = HiddenField()


class PasswordForm(FlaskForm):  # type: ignore[misc]
    """A new password for oneself."""

    password = PasswordField(
        _l("Present password"), [InputRequired(_l("Please give your present password."))]
    )
    new_password = PasswordField(
        _l("New password"),
        [InputRequired(_l("Please choose a new password."))],
        description=_l("At least 15 characters; a short sentence is fine."),
    )
    again = PasswordField(_l("New password again"), [InputRequired(_l("Please repeat the new password."))])
