"""The audit trail of a request in plain sentences. An action that has no words yet is shown as it is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from flask_babel import gettext

from app.pages.employee.record import Record
from rules.decision import Why
from rules.money import Money
from storage.audit import AuditRow


def _(message: str, **values: object) -> str:
    """The message in the reader's language."""
    return str(gettext(message, **values))


_Words = Callable[[str, Mapping[str, Any]], str]


def sentence(record: Record, entry: AuditRow) -> str:
    """What happened, as one or two sentences."""
    words = _WORDS.get(entry.action)
    if words is None:
        return entry.action
    who = record.name(entry.actor_id) if entry.actor_kind == "person" else ""
    return " ".join(words(who, entry.detail).split())


def why_no_review(record: Record) -> str:
    """Why the automated review did not judge a request; empty where it did."""
    if record.review is not None:
        return ""
    skipped = record.entry("review.skipped")
    if skipped is not None:
        return _skipped("", skipped.detail) + " " + _("So a person decides.")
    first = record.decisions[0] if record.decisions else None
    if first is not None and first.why == Why.PRODUCT_UNCLEAR:
        unclear = _("Something about the product was unclear, so a person decides without it.")
        return f"{unclear} {first.detail}"
    if first is not None and first.why == Why.REVIEW_FAILED:
        return _("The automated review did not work, so a person decides.")
    return _("The automated review was not used for this request.")


def _said(detail: Mapping[str, Any], key: str = "text") -> str:
    text = str(detail.get(key) or "").strip()
    return text if not text or text[-1] in ".!?…" else f"{text}."


def _quoted(detail: Mapping[str, Any]) -> str:
    comment = str(detail.get("comment") or "").strip()
    return f" “{comment}”" if comment else ""


def _submitted(who: str, detail: Mapping[str, Any]) -> str:
    if "amount" not in detail or "currency" not in detail:
        return _("%(who)s submitted the request.", who=who)
    amount = Money(Decimal(detail["amount"]), detail["currency"])
    return _("%(who)s submitted the request for %(amount)s.", who=who, amount=str(amount))


def _asked(who: str, detail: Mapping[str, Any]) -> str:
    return _("%(name)s was asked to decide.", name=detail.get("asked", _("Somebody"))) + " " + _said(detail)


def _ordering(who: str, detail: Mapping[str, Any]) -> str:
    if who:
        return _("%(who)s approved it.", who=who) + _quoted(detail)
    if detail.get("outcome") == "auto_approved":
        return _("The automated review approved it: all checks passed.")
    return _("The order is being placed.")


def _completed(who: str, detail: Mapping[str, Any]) -> str:
    if who:
        return _("%(who)s found the order at the vendor.", who=who) + " " + _said(detail)
    if detail.get("outcome") == "part_placed":
        return _("The vendor took a part of the order.") + " " + _said(detail)
    return _("The vendor took the order.") + " " + _said(detail)


def _refused(who: str, detail: Mapping[str, Any]) -> str:
    if who:
        return _("%(who)s found no such order at the vendor.", who=who) + " " + _said(detail)
    return _("The vendor refused the order.") + " " + _said(detail)


def _skipped(who: str, detail: Mapping[str, Any]) -> str:
    if str(detail.get("flag", "")).startswith("no fresh"):
        return _("The automated review did not run: it was not certain that it is switched on.")
    return _("The automated review did not run: it was switched off here.")


def _ignored(who: str, detail: Mapping[str, Any]) -> str:
    reason = str(detail.get("reason", ""))
    return _("A message that came late or twice was ignored: %(reason)s.", reason=reason)


_WORDS: Final[Mapping[str, _Words]] = {
    "request.submitted": _submitted,
    "request.in_review": lambda who, detail: _("The checks began."),
    "request.awaiting_decision": _asked,
    "request.ordering": _ordering,
    "request.order_unknown": lambda who, detail: (
        _("It is not clear whether the vendor took the order.") + " " + _said(detail)
    ),
    "request.completed": _completed,
    "request.rejected": lambda who, detail: (
        _("%(who)s rejected it.", who=who or _("The system")) + _quoted(detail)
    ),
    "request.expired": lambda who, detail: _("Nobody decided within 7 days, so the request was rejected."),
    "request.withdrawn": lambda who, detail: _("%(who)s withdrew the request.", who=who),
    "request.order_refused": _refused,
    "review.skipped": _skipped,
    "review.left_to_person": lambda who, detail: (
        _("The automated review left it to a person.") + " " + _said(detail, "reason")
    ),
    "decision.escalated": lambda who, detail: _(
        "%(name)s was asked as well, because nobody had decided yet.", name=detail.get("asked", _("Somebody"))
    ),
    "decision.reminded": lambda who, detail: _("A reminder went out, %(step)s.", step=detail.get("step", "")),
    "order.sent": lambda who, detail: _("The order was sent to the vendor."),
    "order.price_changed": lambda who, detail: (
        _("The vendor asks more than was approved, so nothing was ordered.") + " " + _said(detail)
    ),
    "recheck.judged": lambda who, detail: (
        _(
            "%(who)s looked at the automatic approval again and found it %(verdict)s.",
            who=who,
            verdict=_("right") if detail.get("verdict") == "right" else _("wrong"),
        )
        + _quoted(detail)
    ),
    "decision.asked": _asked,
    "decision.approved": lambda who, detail: _("%(who)s agreed.", who=who) + _quoted(detail),
    "decision.rejected": lambda who, detail: _("%(who)s refused.", who=who) + _quoted(detail),
    "decision.expired": lambda who, detail: _("Nobody answered in time."),
    "decision.withdrawn": lambda who, detail: _("The question is not asked any more."),
    "process.followed": lambda who, detail: _(
        "It follows the process %(process)s of its department, version %(version)s.",
        process=detail.get("process", ""),
        version=detail.get("version", ""),
    ),
    "process.not_followed": lambda who, detail: (
        _("The process of its department could not be followed, so it is handled like every other request.")
        + " "
        + _said(detail, "why")
    ),
    "signal.stray": _ignored,
    "signal.late": _ignored,
    "route.late": lambda who, detail: _("It is handled like every other request after all."),
}
