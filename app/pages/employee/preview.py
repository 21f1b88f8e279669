"""What would become of a request that is being typed: notes at the fields and an outlook. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy.exc import DBAPIError

from app import database
from app.catalogue import Resolved
from app.flags import flag_copy
from app.pages.employee.forms import Sent
from rules.decision import deadline
from rules.errors import Invalid, InvalidFields
from rules.flag import AUTOMATED_REVIEW
from rules.money import MINOR_DIGITS, Money, parse_amount
from rules.order import highest_unit_price
from rules.person import Person, approver_line
from rules.product import BuyingGuidance, Product
from rules.request import Draft, Typed, judge_draft, parse_quantity, product_doubt
from rules.review import History, ReviewInput, ReviewResult, review_content
from storage import person as people
from storage import policy
from storage import request as requests
from storage.database import now
from storage.policy import RuleSetRow
from storage.request import RequestRow

#: A day is past only when it is past everywhere: the westernmost zone is 12 hours behind UTC.
LATEST_ZONE = timedelta(hours=12)


@dataclass(frozen=True)
class Note:
    """One sentence at a field. tone: no (has to change), wait (a warning) or move (good to know)."""

    text: str
    tone: str = "wait"


@dataclass(frozen=True)
class Outlook:
    """What would happen if the form were submitted now.

    Attributes:
        result: what the review would say, None where too little is typed or it would not run.
        rule_set: the version it would use.
        person_because: why a person would decide, one sentence; empty where nobody would be asked.
        review_is: on, off, or unknown where this process has not heard from the flags of late.
        asked: who would be asked, and who after them; empty where nobody is there to ask.
        decide_by: when an unanswered request would be rejected.
        duplicates: the person's requests for the same product within the last 30 days.
    """

    result: ReviewResult | None
    rule_set: RuleSetRow | None
    person_because: str
    review_is: str
    asked: Sequence[str]
    decide_by: datetime
    duplicates: Sequence[RequestRow]

    @property
    def is_complete(self) -> bool:
        """Whether enough is typed to say who decides."""
        return self.result is not None or bool(self.person_because)

    @property
    def is_automatic(self) -> bool:
        """Whether it would be approved without asking anybody."""
        return self.is_complete and not self.person_because


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
    outlook = _outlook(filled.typed, product, person) if product and product.available else None
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
    usable = _usable(typed, product)
    if usable is None:
        return []
    quantity, amount = usable
    price = product.unit_price.times(quantity)
    sum_ = f"{quantity} × {product.unit_price} = {price}" if quantity > 1 else str(price)
    if price.is_above(amount):
        most = highest_unit_price(amount.per_unit(quantity), _tolerance())
        if product.unit_price.is_above(most):
            return [Note(_("Less than the price now: %(sum)s. It could not be ordered for this.", sum=sum_))]
        text = _(
            "A little less than the price now: %(sum)s. Up to %(percent)s %% more is covered.",
            sum=sum_,
            percent=f"{_tolerance():f}",
        )
        return [Note(text, "move")]
    if amount.is_above(price):
        text = _("More than the price now: %(sum)s. You only pay what the vendor charges.", sum=sum_)
        return [Note(text, "move")]
    return []


def _tolerance() -> Decimal:
    percent: Decimal = current_app.config["SETTINGS"].price_tolerance_percent
    return percent


def _usable(typed: Typed, product: Product) -> tuple[int, Money] | None:
    """Quantity and amount, once both can be understood."""
    try:
        amount = Money(parse_amount(typed.amount, typed.currency), typed.currency)
        return parse_quantity(typed.quantity, product), amount
    except Invalid:
        return None


def _outlook(typed: Typed, product: Product, person: Person) -> Outlook:
    """Goes the way of the workflow: product first, then the review where it is on, else a person."""
    session = database.session()
    usable = _usable(typed, product)
    because, result, rule_set = "", None, None
    review_is = _review_is(person)
    if usable is not None:
        quantity, amount = usable
        draft = Draft(product, quantity, amount, "", person.department_id, None)
        rule_set = policy.in_force(session, person.department_id)
        result = _review(draft, rule_set, person)
        because = product_doubt(draft, product, _tolerance()) or _why_a_person(review_is, result)
    line = approver_line(person, people.deciders(session))
    return Outlook(
        result=result,
        rule_set=rule_set,
        person_because=because,
        review_is=review_is,
        asked=[each.name for each in line[:2]],
        decide_by=deadline(now(session)),
        duplicates=requests.possible_duplicates(session, person.id, product.asin),
    )


def _review(draft: Draft, rule_set: RuleSetRow | None, person: Person) -> ReviewResult:
    subject = ReviewInput(
        amount=draft.amount,
        category=draft.product.category,
        vendor=draft.product.vendor,
        department_id=person.department_id,
        history=_history(person),
    )
    return review_content(subject, rule_set.content if rule_set else None)


def _history(person: Person) -> History | None:
    session = database.session()
    try:
        with session.begin_nested():
            return requests.history_of(session, person.id)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return None  # shown as "could not be read", which is how the review takes it too


def _review_is(person: Person) -> str:
    copy = flag_copy()
    if not copy.is_fresh():
        return "unknown"
    return "on" if copy.read(AUTOMATED_REVIEW, str(person.id), person.department_id).on else "off"


def _why_a_person(review_is: str, result: ReviewResult) -> str:
    match review_is:
        case "off":
            return str(_("The automated review is switched off for you at the moment."))
        case "unknown":
            return str(_("We cannot tell right now whether the automated review is on."))
        case _:
            return "" if result.auto_approved else result.reason


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
