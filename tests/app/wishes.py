"""What people ask for in the tests of the employee's pages: a remembered product, a filled-in form, a submitted request."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from rules.money import Money
from rules.policy import RuleSet
from rules.product import BuyingGuidance, Product, link_to
from rules.request import Draft
from storage import policy, product
from storage import request as requests
from storage.audit import SYSTEM
from storage.person import PersonRow
from storage.policy import DEFAULT
from storage.request import RequestRow
from tests.app.browser import Browser

KEY = "key-of-one-form-0001"

#: A harmless thing: 24.90 EUR, an office supply, from a vendor on the list.
STAPLER = Product(
    asin="B0STAPLER1",
    offer_id="offer-stapler",
    title="Claris Stapler, 40 sheets",
    url=link_to("amazon.es", "B0STAPLER1").url,
    vendor="amazon.es",
    seller="Papelería Sol",
    category="office_supplies",
    unit_price=Money(Decimal("24.90"), "EUR"),
    available=True,
    buying_guidance=BuyingGuidance.NONE,
    max_quantity=20,
)

#: The shipped default rules, with no history asked for, so that a newcomer's stapler passes.
RULES = RuleSet(
    currency="EUR",
    max_amount=Decimal("500.00"),
    trusted_categories=("electronics", "books", "office_supplies"),
    min_previous_purchases=0,
    max_rejected_last_30_days=1,
    department_limits=(("marketing", Decimal("300.00")),),
    vendor_whitelist=("amazon.es", "amazon.com"),
)


def remember(sessions: sessionmaker[Session], *products: Product) -> None:
    """Let the product memory hold these as if the vendor had just been asked."""
    with sessions.begin() as session:
        for each in products or (STAPLER,):
            product.remember(session, each)


def age_memory(sessions: sessionmaker[Session], age: str) -> None:
    """Let everything in the product memory be this old, such as `1 hour`."""
    with sessions.begin() as session:
        session.execute(text("UPDATE product SET fetched_at = now() - CAST(:age AS interval)"), {"age": age})


def put_in_force(
    sessions: sessionmaker[Session], rules: RuleSet = RULES, department_id: str = DEFAULT
) -> None:
    """Put the first version of a rule set in force."""
    with sessions.begin() as session:
        policy.save_version(session, department_id, rules.to_content(), SYSTEM, replaces_version=0)


def form(**changes: Any) -> dict[str, Any]:
    """The form as somebody fills it in who needs two staplers."""
    fields = {
        "key": KEY,
        "suggested": "",
        "judged": "",
        "product_link": STAPLER.url,
        "quantity": "2",
        "currency": "EUR",
        "amount": "49.80",
        "reason": "For the new desks; the old ones are broken.",
        "needed_by": "",
    }
    return {**fields, **changes}


def submitted(
    sessions: sessionmaker[Session],
    requester: PersonRow,
    wish: Product = STAPLER,
    *,
    quantity: int = 1,
    reason: str = "We need it.",
    key: str = "",
) -> RequestRow:
    """A request of `requester`, as the page would have stored it."""
    draft = Draft(
        wish, quantity, wish.unit_price.times(quantity), reason, requester.department_id, needed_by=None
    )
    with sessions.begin() as session:
        used = key or f"key-{session.scalar(select(func.count()).select_from(RequestRow))}-{requester.id}"
        return requests.submit(session, draft, session.merge(requester), used, payload_hash="of a test")


def other(asin: str, **changes: Any) -> Product:
    """Another product than the stapler."""
    return replace(STAPLER, asin=asin, url=link_to("amazon.es", asin).url, **changes)


def stored(sessions: sessionmaker[Session]) -> list[RequestRow]:
    """Every request that there is."""
    with sessions.begin() as session:
        return list(session.scalars(select(RequestRow).order_by(RequestRow.number)))


def send_form(browser: Browser, **changes: Any) -> TestResponse:
    """Submit the form."""
    return browser.send("/requests", form(**changes))


def look(browser: Browser, *, typing: str = "product_link", **changes: Any) -> str:
    """What htmx gets while somebody types in one of the fields."""
    headers = {"HX-Request": "true", "HX-Trigger-Name": typing}
    answer = browser.send("/requests/new/preview", form(**changes), headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


def notes_at(page: str, field: str) -> str:
    """What stands at a field, on the whole page or in the parts that htmx gets."""
    found = re.search(
        rf'(?:<div id="{field}-notes"[^>]*>|<div hx-swap-oob="innerHTML:#{field}-notes">)(.*?)\n?\s*</div>\n',
        page + "\n",
        re.S,
    )
    return readable(found[1]) if found else ""


def value_of(page: str, field: str) -> str | None:
    """The value of an input that the page holds, None where it holds none of this name."""
    tag = re.search(rf'<input[^>]*\bid="{field}"[^>]*>', page)
    found = re.search(r'\bvalue="([^"]*)"', tag[0]) if tag else None
    return found[1] if found else None


def readable(html: str) -> str:
    """The text of a piece of a page, in one line."""
    bare = re.sub(r"<svg.*?</svg>|<[^>]+>", " ", html, flags=re.S)
    return " ".join(bare.replace("&#39;", "'").replace("&nbsp;", " ").replace("\u00a0", " ").split())
