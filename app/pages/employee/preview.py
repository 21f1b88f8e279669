"""The form as it is typed: what the page fills in, the notes at the fields, and what would be refused. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from flask_babel import gettext as _

from app import database
from app.catalogue import Resolved
from app.pages.employee.forms import Sent
from app.pages.employee.outlook import Outlook, outlook_for, tolerance_percent, usable
from rules.errors import Invalid, InvalidFields
from rules.money import MINOR_DIGITS
from rules.order import highest_unit_price
from rules.person import Person
from rules.product import BuyingGuidance, Product
from rules.request import Draft, Typed, judge_draft, parse_quantity
from storage.database import now
from storage.request import RequestRow

#: A day is past only when it is past everywhere: the westernmost zone is 12 hours behind UTC.
LATEST_ZONE = timedelta(hours=12)


@dataclass(frozen=True)
class Note:
    """One sentence at a field. tone: no (has to change), wait (a warning) or move (good to know)."""

    text: str
    tone: str = "wait"


@dataclass(frozen=True)
class Preview:
    """Everything that the form shows besides what was typed.

    Attributes:
        sent: with the amount and currency filled in, where the page may do so.
        filled: whether they were filled in just now.
        problems: what a submit would refuse, field by field; all of it once it was refused, before that
            only what concerns typed fields.
        outlook: None while there is no product that can be bought.
    """

    sent: Sent
    resolved: Resolved | None
    filled: bool = False
    problems: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Sequence[Note]] = field(default_factory=dict)
    outlook: Outlook | None = None


def today() -> date:
    """The earliest calendar day that it is anywhere now."""
    return (now(database.session()) - LATEST_ZONE).date()


def preview(sent: Sent, resolved: Resolved | None, person: Person, *, may_fill: bool = True) -> Preview:
    """What to show for a form as it stands.

    Args:
        resolved: what the link stands for; None while none was typed.
        may_fill: False while the person is typing the amount itself.
    """
    product = resolved.product if resolved else None
    filled = _fill(sent, product) if may_fill and product else sent
    problems = _problems(filled, resolved, person.department_id)
    outlook = outlook_for(filled.typed, product, person) if product and product.available else None
    return Preview(
        filled, resolved, filled.typed != sent.typed, problems, _notes(filled, resolved, problems), outlook
    )


def _fill(sent: Sent, product: Product) -> Sent:
    """The amount follows price and quantity for as long as nobody typed another."""
    untouched = sent.typed.amount.strip() in {"", sent.suggested}
    if not untouched or not product.available:
        return sent
    try:
        quantity = parse_quantity(sent.typed.quantity, product)
    except Invalid:
        return sent
    total = product.unit_price.times(quantity)
    text = f"{total.amount:.{MINOR_DIGITS[total.currency]}f}"
    typed = replace(sent.typed, amount=text, currency=total.currency)
    return replace(sent, typed=typed, suggested=text)


def _notes(
    sent: Sent, resolved: Resolved | None, problems: Mapping[str, str]
) -> Mapping[str, Sequence[Note]]:
    product = resolved.product if resolved else None
    tone = "no" if sent.judged else "wait"
    notes = {name: [Note(text, tone)] for name, text in problems.items()}
    if product is not None:
        for name, note in _remarks(sent.typed, product, is_old=resolved is not None and resolved.is_old):
            if not notes.get(name) or name == "product_link":
                notes.setdefault(name, []).append(note)
    return notes


def _problems(sent: Sent, resolved: Resolved | None, department_id: str) -> dict[str, str]:
    """What would be refused: all of it once the form was submitted, before that only what was typed."""
    problems = judge(sent.typed, resolved, department_id)[1]
    if sent.judged:
        return problems
    typed = {name for name in problems if str(getattr(sent.typed, name)).strip()}
    return {name: text for name, text in problems.items() if name in typed}


def judge(typed: Typed, resolved: Resolved | None, department_id: str) -> tuple[Draft | None, dict[str, str]]:
    """The draft that the form means, or what has to change, field by field."""
    try:
        return judge_draft(typed, resolved.product if resolved else None, department_id, today()), {}
    except InvalidFields as refusal:
        problems = dict(refusal.problems)
    if resolved is None or resolved.product is None:
        if not typed.amount.strip():
            problems.pop("amount", None)  # it is filled in with the product
        if resolved is not None:
            problems["product_link"] = resolved.problem
    return None, problems


def _remarks(typed: Typed, product: Product, *, is_old: bool) -> list[tuple[str, Note]]:
    """What is worth knowing although nothing of it is refused."""
    remarks: list[tuple[str, Note]] = []
    if is_old:
        text = _(
            "%(shop)s does not answer at the moment; this is what it said within the last day. You can submit: "
            "price and availability are checked again before anything is bought.",
            shop=product.vendor,
        )
        remarks.append(("product_link", Note(text)))
    if product.buying_guidance is BuyingGuidance.BLOCKED:
        text = _("The company's guided buying blocks this product, so a person will have to decide.")
        remarks.append(("product_link", Note(text)))
    elif product.buying_guidance is BuyingGuidance.RESTRICTED:
        text = _("The company's guided buying marks this product as restricted.")
        remarks.append(("product_link", Note(text, "move")))
    elif product.buying_guidance is BuyingGuidance.PREFERRED:
        remarks.append(("product_link", Note(_("The company prefers this product."), "move")))
    if not product.available:
        return remarks
    if typed.currency != product.unit_price.currency and typed.currency in MINOR_DIGITS:
        text = _("The vendor sells in %(currency)s.", currency=product.unit_price.currency)
        remarks.append(("currency", Note(text)))
    else:
        remarks += [("amount", note) for note in _about_amount(typed, product)]
    return remarks


def _about_amount(typed: Typed, product: Product) -> list[Note]:
    readable = usable(typed, product)
    if readable is None:
        return []
    quantity, amount = readable
    price = product.unit_price.times(quantity)
    sum_ = f"{quantity} × {product.unit_price} = {price}" if quantity > 1 else str(price)
    if price.is_above(amount):
        most = highest_unit_price(amount.per_unit(quantity), tolerance_percent())
        if product.unit_price.is_above(most):
            return [Note(_("Less than the price now: %(sum)s. It could not be ordered for this.", sum=sum_))]
        text = _(
            "A little less than the price now: %(sum)s. Up to %(percent)s %% more is covered.",
            sum=sum_,
            percent=f"{tolerance_percent():f}",
        )
        return [Note(text, "move")]
    if amount.is_above(price):
        text = _("More than the price now: %(sum)s. You only pay what the vendor charges.", sum=sum_)
        return [Note(text, "move")]
    return []


def typed_of(row: RequestRow) -> Typed:
    """The form that would ask for the same again; a day that has passed is left out."""
    return Typed(
        product_link=row.url,
        quantity=str(row.quantity),
        currency=row.currency,
        amount=f"{row.amount:.{MINOR_DIGITS[row.currency]}f}",
        reason=row.reason,
        needed_by=row.needed_by.isoformat() if row.needed_by and row.needed_by >= today() else "",
    )
