"""The form of a new request, as it arrives. What its fields mean is judged in rules/request.py."""

from __future__ import annotations

import re
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flask import request
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField, TextAreaField

from rules.errors import Invalid
from rules.money import MINOR_DIGITS
from rules.request import Typed, payload_hash

_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TYPED: Final = tuple(asdict(Typed()))
#: Besides what is typed: the form token, the form's key, the pressed button, and what the page remembers.
_OTHERS: Final = ("csrf_token", "key", "opened", "act", "suggested", "judged")


class FormUnreadable(Invalid):
    """The form was not sent by our page: a field is missing, unknown or there twice."""

    status = 400


class RequestForm(FlaskForm):  # type: ignore[misc]
    """Fields and labels; `key` makes one request of however many clicks."""

    product_link = StringField(_l("Product link or ASIN"))
    quantity = StringField(_l("Quantity"))
    currency = SelectField(_l("Currency"), choices=list(MINOR_DIGITS))
    amount = StringField(_l("Amount in all"))
    reason = TextAreaField(
        _l("Why do you need it?"),
        description=_l("What is it for, and how does it differ from what we already own?"),
    )
    needed_by = StringField(_l("Needed by"))
    key = HiddenField()
    opened = HiddenField()
    suggested = HiddenField()
    judged = HiddenField()


@dataclass(frozen=True)
class Sent:
    """A form that came in.

    Attributes:
        key: the form's idempotency key.
        suggested: the amount that the page last filled in; while it stands unchanged it follows the quantity.
        judged: whether the form was refused before, so that every problem is shown while it is mended.
        looks_up: whether the look-up button was pressed, not the one that submits.
        opened_at: when the page made the form; None where it does not say.
    """

    typed: Typed
    key: str
    suggested: str = ""
    judged: bool = False
    looks_up: bool = False
    opened_at: datetime | None = None

    @property
    def payload_hash(self) -> str:
        """Tells a repeated submit from a reused key."""
        return payload_hash(asdict(self.typed))


def new_key() -> str:
    """A key for one form."""
    return secrets.token_urlsafe(24)


def read_form() -> Sent:
    """The form that came with this request; raises FormUnreadable for what our page never sends."""
    for name, values in request.form.lists():
        if name not in TYPED and name not in _OTHERS:
            raise FormUnreadable(f"The form has no field {name[:40]!r}.", name[:40])
        if len(values) > 1:
            raise FormUnreadable(f"The form holds {name} twice.", name)
    key = request.form.get("key", "")
    if not _KEY.fullmatch(key):
        raise FormUnreadable("The form came without its key. Please open it anew.", "key")
    return Sent(
        typed=Typed(**{name: request.form.get(name, "") for name in TYPED}),
        key=key,
        suggested=request.form.get("suggested", "")[:40],
        judged=request.form.get("judged") == "1",
        looks_up=request.form.get("act") == "look_up",
        opened_at=_moment(request.form.get("opened", "")),
    )


def _moment(microseconds: str) -> datetime | None:
    if not (microseconds.isascii() and microseconds.isdigit() and len(microseconds) < 17):
        return None
    return EPOCH + timedelta(microseconds=int(microseconds))


def form_for(sent: Sent) -> RequestForm:
    """The form showing what was sent."""
    shown: dict[str, Any] = {
        **asdict(sent.typed),
        "key": sent.key,
        "opened": (sent.opened_at - EPOCH) // timedelta(microseconds=1) if sent.opened_at else "",
        "suggested": sent.suggested,
        "judged": "1" if sent.judged else "",
    }
    return RequestForm(formdata=None, data=shown)
