"""Rule sets, requests and products to test with, and strategies that make more of them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from hypothesis import strategies as st

from rules.money import LARGEST_AMOUNT, MINOR_DIGITS, Money
from rules.person import Person, Role
from rules.policy import CATEGORIES, RuleSet
from rules.product import BuyingGuidance, Product
from rules.review import History, ReviewInput

VENDORS = ("amazon.es", "amazon.com", "amazon.de", "shop.example")
DEPARTMENTS = ("it", "marketing", "finance", "people", "operations")

DEFAULT_RULES = RuleSet(
    currency="EUR",
    max_amount=Decimal("500.00"),
    trusted_categories=("electronics", "books", "office_supplies"),
    min_previous_purchases=3,
    max_rejected_last_30_days=1,
    department_limits=(
        ("finance", Decimal("200.00")),
        ("it", Decimal("1000.00")),
        ("marketing", Decimal("300.00")),
    ),
    vendor_whitelist=("amazon.es", "amazon.com"),
)

PRODUCT = Product(
    asin="B0ABCDEFG1",
    offer_id="offer-1",
    title="Keyboard, Spanish layout",
    url="https://www.amazon.es/dp/B0ABCDEFG1",
    vendor="amazon.es",
    seller="Teclas SL",
    category="electronics",
    unit_price=Money(Decimal("49.90"), "EUR"),
    available=True,
    buying_guidance=BuyingGuidance.NONE,
    max_quantity=None,
)


def euros(amount: str) -> Money:
    """An amount in EUR."""
    return Money(Decimal(amount), "EUR")


def person(number: int, name: str, *roles: Role, manager: int | None = None, active: bool = True) -> Person:
    """Somebody of Marketing whose id ends in `number`; `manager` is the number of whom they report to."""
    manager_id = None if manager is None else UUID(int=manager)
    return Person(UUID(int=number), name, "marketing", frozenset(roles), manager_id, active)


def moved_to(somebody: Person, department_id: str) -> Person:
    """The same person in another department."""
    return replace(somebody, department_id=department_id)


@st.composite
def amounts_in(draw: st.DrawFn, currency: str, largest: Decimal = LARGEST_AMOUNT) -> Decimal:
    """Amounts above zero at the minor unit of `currency`."""
    step = Decimal(1).scaleb(-MINOR_DIGITS[currency])
    return draw(st.integers(1, int(largest / step))) * step


@st.composite
def money(draw: st.DrawFn) -> Money:
    """Money in any currency."""
    currency = draw(st.sampled_from(sorted(MINOR_DIGITS)))
    return Money(draw(amounts_in(currency)), currency)


@st.composite
def rule_sets(draw: st.DrawFn, currencies: tuple[str, ...] = ("EUR", "JPY", "KWD")) -> RuleSet:
    """Valid rule sets of every shape, also such that nothing can pass."""
    currency = draw(st.sampled_from(currencies))
    amounts = amounts_in(currency, Decimal(2000))
    limits = draw(st.dictionaries(st.sampled_from(DEPARTMENTS), amounts))
    return RuleSet(
        currency=currency,
        max_amount=draw(amounts),
        trusted_categories=tuple(draw(st.lists(st.sampled_from(CATEGORIES), unique=True))),
        min_previous_purchases=draw(st.integers(0, 5)),
        max_rejected_last_30_days=draw(st.integers(0, 5)),
        department_limits=tuple(sorted(limits.items())),
        vendor_whitelist=tuple(draw(st.lists(st.sampled_from(VENDORS), unique=True))),
    )


@st.composite
def subjects(draw: st.DrawFn, currency: str) -> ReviewInput:
    """Requests in `currency`."""
    history = st.builds(History, st.integers(0, 10), st.integers(0, 6))
    return ReviewInput(
        amount=Money(draw(amounts_in(currency, Decimal(2500))), currency),
        category=draw(st.sampled_from(CATEGORIES)),
        vendor=draw(st.sampled_from(VENDORS)),
        department_id=draw(st.sampled_from(DEPARTMENTS)),
        history=draw(st.none() | history),
    )


def careless_reviews() -> st.SearchStrategy[tuple[ReviewInput, RuleSet]]:
    """A request and a rule set in one currency that were not made for each other: nearly all fail somewhere."""
    return rule_sets().flatmap(lambda rules: st.tuples(subjects(rules.currency), st.just(rules)))


@st.composite
def reviews(draw: st.DrawFn) -> tuple[ReviewInput, RuleSet]:
    """A request and the rule set that it is judged by, in one currency; nearly half of them pass."""
    rules = draw(rule_sets())
    subject = draw(subjects(rules.currency))
    if not draw(st.integers(0, 3)):
        return subject, rules
    limit = rules.department_limit(subject.department_id)
    most = min(rules.max_amount, limit.amount if limit else rules.max_amount)
    fitting: dict[str, st.SearchStrategy[object]] = {
        "amount": amounts_in(rules.currency, most).map(lambda amount: Money(amount, rules.currency)),
        "category": st.sampled_from(rules.trusted_categories or ("other",)),
        "history": st.builds(
            History,
            st.integers(rules.min_previous_purchases, 20),
            st.integers(0, rules.max_rejected_last_30_days),
        ),
        "vendor": st.sampled_from(rules.vendor_whitelist or VENDORS),
    }
    spoiled = draw(st.sampled_from(["", "", "", *fitting]))
    changes = {name: draw(values) for name, values in fitting.items() if name != spoiled}
    return replace(subject, **changes), rules  # type: ignore[arg-type]
