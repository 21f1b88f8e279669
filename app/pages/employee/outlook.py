"""What would happen with a request if it were submitted as it is typed: who decides, why, by when. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy.exc import DBAPIError

from app import database
from app.flags import flag_copy
from rules.decision import deadline
from rules.errors import Invalid
from rules.flag import AUTOMATED_REVIEW, REVIEW_STRICTNESS
from rules.money import Money, parse_amount
from rules.person import Person, approver_line
from rules.process_purchase import steps_of
from rules.product import Product
from rules.request import Draft, Typed, parse_quantity, product_doubt
from rules.review import History, ReviewInput, ReviewResult, review_content
from rules.strictness import STRICTNESS
from storage import department_process, policy, request_list
from storage import person as people
from storage import request as requests
from storage.database import now
from storage.policy import RuleSetRow
from storage.request import RequestRow


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
        process: what people call the process that the department's requests follow; empty for the built-in approval.
        way: the steps of that process which take time, in the order in which they may come.
    """

    result: ReviewResult | None
    rule_set: RuleSetRow | None
    person_because: str
    review_is: str
    asked: Sequence[str]
    decide_by: datetime
    duplicates: Sequence[RequestRow]
    process: str = ""
    way: Sequence[str] = ()

    @property
    def is_complete(self) -> bool:
        """Whether enough is typed to say who decides."""
        return self.result is not None or bool(self.person_because)

    @property
    def is_automatic(self) -> bool:
        """Whether it would be approved without asking anybody."""
        return self.is_complete and not self.person_because


def outlook_for(typed: Typed, product: Product, person: Person) -> Outlook:
    """Goes the way of the workflow: product first, then the review where it is on, else a person."""
    session = database.session()
    readable = usable(typed, product)
    because, result, rule_set = "", None, None
    review_is = _review_is(person)
    if readable is not None:
        quantity, amount = readable
        draft = Draft(product, quantity, amount, "", person.department_id, None)
        rule_set = policy.in_force(session, person.department_id)
        result = _review(draft, rule_set, person)
        because = product_doubt(draft, product, tolerance_percent()) or _why_a_person(review_is, result)
    followed = department_process.deployed_for(session, person.department_id)
    line = approver_line(person, people.deciders(session))
    return Outlook(
        result=result,
        rule_set=rule_set,
        person_because=because,
        review_is=review_is,
        asked=[each.name for each in line[:2]],
        decide_by=deadline(now(session)),
        duplicates=request_list.possible_duplicates(session, person.id, product.asin),
        process=(followed.process.name or followed.process_key) if followed else "",
        way=steps_of(followed.process) if followed else (),
    )


def _review(draft: Draft, rule_set: RuleSetRow | None, person: Person) -> ReviewResult:
    subject = ReviewInput(
        amount=draft.amount,
        category=draft.product.category,
        vendor=draft.product.vendor,
        department_id=person.department_id,
        history=_history(person),
        strictness=STRICTNESS[
            flag_copy().read(REVIEW_STRICTNESS, str(person.id), person.department_id).value
        ],
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


def tolerance_percent() -> Decimal:
    """How far above the approved price an order may go."""
    percent: Decimal = current_app.config["SETTINGS"].price_tolerance_percent
    return percent


def usable(typed: Typed, product: Product) -> tuple[int, Money] | None:
    """Quantity and amount, once both can be understood."""
    try:
        amount = Money(parse_amount(typed.amount, typed.currency), typed.currency)
        return parse_quantity(typed.quantity, product), amount
    except Invalid:
        return None
