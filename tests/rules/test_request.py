"""A request: its states, the form that becomes a draft, what an approval covers, and what speaks against buying."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import Invalid, InvalidFields
from rules.money import Money
from rules.order import highest_unit_price
from rules.product import BuyingGuidance, Product
from rules.request import (
    ENDED,
    LARGEST_QUANTITY,
    LATEST_NEED,
    LONGEST_REASON,
    NEXT,
    WITHDRAWABLE,
    Draft,
    Status,
    Typed,
    came_from,
    content_hash,
    format_number,
    is_number,
    judge_draft,
    may_follow,
    parse_needed_by,
    parse_quantity,
    payload_hash,
    product_doubt,
    workflow_id,
)
from tests.rules.samples import PRODUCT, amounts_in, euros

TODAY = date(2026, 11, 20)
TYPED = Typed(
    product_link=PRODUCT.url,
    quantity="2",
    currency="EUR",
    amount="99.80",
    reason="Mine broke.",
    needed_by="2026-12-24",
)
DRAFT = Draft(PRODUCT, 2, euros("99.80"), "Mine broke.", "marketing", date(2026, 12, 24))


def problems_of(typed: Typed, product: Product | None = PRODUCT) -> dict[str, str]:
    with pytest.raises(InvalidFields) as refused:
        judge_draft(typed, product, "marketing", TODAY)
    return refused.value.problems


# The states


def reachable_from(start: Status) -> set[Status]:
    found, ahead = {start}, [start]
    while ahead:
        new = NEXT[ahead.pop()] - found
        found |= new
        ahead.extend(new)
    return found


def test_every_state_has_its_place_in_the_graph_and_is_reachable() -> None:
    assert set(NEXT) == set(Status)
    assert reachable_from(Status.SUBMITTED) == set(Status)


def test_nothing_leads_out_of_an_end_and_an_end_lies_ahead_of_every_state() -> None:
    assert {
        Status.COMPLETED,
        Status.REJECTED,
        Status.EXPIRED,
        Status.WITHDRAWN,
        Status.ORDER_REFUSED,
    } == ENDED
    for status in Status:
        assert bool(NEXT[status]) is (status not in ENDED)
        assert reachable_from(status) & ENDED


def test_nothing_is_ordered_without_a_review_or_a_decision() -> None:
    assert set(came_from(Status.ORDERING)) == {
        Status.IN_REVIEW,
        Status.AWAITING_DECISION,
        Status.ORDER_UNKNOWN,
    }
    assert came_from(Status.ORDER_UNKNOWN) == (Status.ORDERING,)
    assert set(came_from(Status.COMPLETED)) == {Status.ORDERING, Status.ORDER_UNKNOWN}


def test_only_a_question_to_a_person_expires_and_only_a_process_rejects_what_nobody_was_asked() -> None:
    assert came_from(Status.EXPIRED) == (Status.AWAITING_DECISION,)
    assert came_from(Status.REJECTED) == (Status.IN_REVIEW, Status.AWAITING_DECISION)


def test_a_request_may_be_withdrawn_until_it_is_being_ordered() -> None:
    assert {Status.SUBMITTED, Status.IN_REVIEW, Status.AWAITING_DECISION} == WITHDRAWABLE
    assert set(came_from(Status.WITHDRAWN)) == WITHDRAWABLE


@given(st.sampled_from(Status), st.sampled_from(Status))
def test_coming_from_is_the_inverse_of_following(before: Status, after: Status) -> None:
    assert (before in came_from(after)) is may_follow(before, after) is (after in NEXT[before])


def test_no_state_follows_itself_and_nothing_leads_back_to_the_start() -> None:
    assert not any(may_follow(status, status) for status in Status)
    assert came_from(Status.SUBMITTED) == ()


# The form


def test_a_complete_form_is_a_draft() -> None:
    assert judge_draft(TYPED, PRODUCT, "marketing", TODAY) == DRAFT


def test_a_date_is_not_needed() -> None:
    assert judge_draft(replace(TYPED, needed_by=" "), PRODUCT, "marketing", TODAY).needed_by is None


def test_all_problems_of_a_form_are_told_at_once() -> None:
    typed = Typed("nothing", quantity="0", currency="usd", amount="", reason=" ", needed_by="yesterday")
    problems = problems_of(typed, None)
    assert set(problems) == {"product_link", "quantity", "currency", "amount", "reason", "needed_by"}
    assert all(sentence.endswith(".") for sentence in problems.values())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", "1.5"),
        ("currency", "EURO"),
        ("amount", "1.000,00"),
        ("reason", "a\u202eb"),
        ("needed_by", "24.12.2026"),
    ],
)
def test_one_wrong_field_is_the_only_problem(field: str, value: str) -> None:
    assert set(problems_of(replace(TYPED, **{field: value}))) == {field}


def test_a_product_that_was_not_found_or_is_sold_out_is_a_problem_of_the_link() -> None:
    assert problems_of(TYPED, None) == {"product_link": "Please give a product link that we can look up."}
    sold_out = replace(PRODUCT, available=False)
    assert problems_of(TYPED, sold_out) == {
        "product_link": "The vendor does not have this product at the moment."
    }


def test_a_reason_may_fill_its_field_and_no_more() -> None:
    longest = "x" * LONGEST_REASON
    assert judge_draft(replace(TYPED, reason=longest), PRODUCT, "marketing", TODAY).reason == longest
    assert set(problems_of(replace(TYPED, reason=longest + "x"))) == {"reason"}


def test_the_amount_is_judged_in_the_typed_currency() -> None:
    typed = replace(TYPED, currency="JPY", amount="100")
    assert judge_draft(typed, PRODUCT, "marketing", TODAY).amount == Money(Decimal(100), "JPY")
    assert set(problems_of(replace(typed, amount="100.50"))) == {"amount"}


@given(
    st.builds(Typed, *[st.text(st.characters(codec=None), max_size=12)] * 6),
    st.sampled_from([None, PRODUCT, replace(PRODUCT, available=False, max_quantity=2)]),
)
def test_any_typed_form_is_a_draft_or_a_list_of_its_fields(typed: Typed, product: Product | None) -> None:
    problems: dict[str, str] = {}
    try:
        draft = judge_draft(typed, product, "marketing", TODAY)
    except InvalidFields as refused:
        problems = refused.problems
    assert set(problems) <= set(Typed.__dataclass_fields__)
    assert problems or (draft.amount.amount > 0 and draft.quantity > 0)


@pytest.mark.parametrize("text", ["1", "2", "999", " 7 ", "007"])
def test_whole_numbers_are_quantities(text: str) -> None:
    assert parse_quantity(text, None) == int(text)


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "+1", "1.5", "1e2", "1_0", "true", "２", "٣", "²", "1000", "9223372036854775808", "9" * 5000,
     "1 0", "\x001"],
)  # fmt: skip
def test_what_is_no_whole_number_within_bounds_is_no_quantity(text: str) -> None:
    with pytest.raises(Invalid, match=f"from 1 to {LARGEST_QUANTITY}") as refused:
        parse_quantity(text, None)
    assert refused.value.field == "quantity"


def test_the_vendor_may_sell_fewer_at_once() -> None:
    few = replace(PRODUCT, max_quantity=5)
    assert parse_quantity("5", few) == 5
    with pytest.raises(Invalid, match="from 1 to 5"):
        parse_quantity("6", few)
    with pytest.raises(Invalid, match=f"from 1 to {LARGEST_QUANTITY}"):
        parse_quantity("1000", replace(PRODUCT, max_quantity=5000))


def test_needed_by_reaches_from_today_to_two_years_ahead() -> None:
    assert parse_needed_by("2026-11-20", TODAY) == TODAY
    latest = TODAY + LATEST_NEED
    assert latest == date(2028, 11, 19)  # two times 365 days; a leap day lies between
    assert parse_needed_by(f" {latest.isoformat()}\n", TODAY) == latest
    with pytest.raises(Invalid, match="in the past"):
        parse_needed_by("2026-11-19", TODAY)
    with pytest.raises(Invalid, match="two years ahead"):
        parse_needed_by((latest + timedelta(days=1)).isoformat(), TODAY)
    with pytest.raises(Invalid, match="two years ahead"):
        parse_needed_by("9999-12-31", TODAY)


@pytest.mark.parametrize(
    "text",
    ["2026-02-30", "2027-02-29", "0000-01-01", "2026-13-01", "24.12.2026", "12/24/2026", "20261224", "2026-W52-4",
     "2026-12-24T00:00", "2026-12-24+99:99", "２０２６-12-24", "tomorrow", "-2026-12-24", "2026-1-2", "2026-12-24\x00"],
)  # fmt: skip
def test_what_is_no_day_written_year_month_day_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="year-month-day") as refused:
        parse_needed_by(text, TODAY)
    assert refused.value.field == "needed_by"


def test_a_leap_day_is_a_day() -> None:
    assert parse_needed_by("2028-02-29", date(2027, 1, 1)) == date(2028, 2, 29)


# What an approval covers


@given(amounts_in("EUR"), st.integers(1, LARGEST_QUANTITY), st.sampled_from([0, 5, 100]))
def test_all_pieces_at_the_highest_price_never_cost_more_than_approved_plus_tolerance(
    amount: Decimal, quantity: int, tolerance_percent: int
) -> None:
    draft = replace(DRAFT, amount=Money(amount, "EUR"), quantity=quantity)
    highest = highest_unit_price(draft.unit_price, Decimal(tolerance_percent))
    assert highest.times(quantity).amount <= amount * (100 + tolerance_percent) / 100


@given(amounts_in("EUR", Decimal(10_000)), st.integers(1, LARGEST_QUANTITY))
def test_a_request_for_the_vendors_own_price_covers_exactly_that_price(price: Decimal, quantity: int) -> None:
    draft = replace(DRAFT, amount=Money(price, "EUR").times(quantity), quantity=quantity)
    assert draft.unit_price == Money(price, "EUR")
    assert product_doubt(draft, replace(PRODUCT, unit_price=Money(price, "EUR")), Decimal(0)) == ""


CHANGES: list[tuple[str, Product, int, Money]] = [
    ("asin", replace(PRODUCT, asin="B0ABCDEFG2"), 2, euros("99.80")),
    ("offer", replace(PRODUCT, offer_id="offer-2"), 2, euros("99.80")),
    ("vendor", replace(PRODUCT, vendor="amazon.com"), 2, euros("99.80")),
    ("url", replace(PRODUCT, url="https://www.amazon.com/dp/B0ABCDEFG1"), 2, euros("99.80")),
    ("quantity", PRODUCT, 3, euros("99.80")),
    ("amount", PRODUCT, 2, euros("99.81")),
    ("currency", PRODUCT, 2, Money(Decimal("99.80"), "USD")),
]


@pytest.mark.parametrize(("what", "product", "quantity", "amount"), CHANGES, ids=[c[0] for c in CHANGES])
def test_each_change_of_what_would_be_bought_changes_the_hash(
    what: str, product: Product, quantity: int, amount: Money
) -> None:
    assert content_hash(product, quantity, amount) != content_hash(PRODUCT, 2, euros("99.80")), what


def test_every_such_change_has_a_hash_of_its_own() -> None:
    hashes = {content_hash(product, quantity, amount) for _, product, quantity, amount in CHANGES}
    assert len(hashes) == len(CHANGES)


def test_the_hash_is_of_the_value_not_of_how_it_is_written() -> None:
    hashes = {content_hash(PRODUCT, 1, euros(text)) for text in ("10", "10.0", "10.00", "10.000", "1E+1")}
    assert len(hashes) == 1
    assert content_hash(PRODUCT, 1, euros("10.00")) != content_hash(PRODUCT, 1, euros("100.00"))


def test_the_hash_is_the_same_in_every_version_of_the_product() -> None:
    # Decisions in the store carry it; another one would void every waiting question.
    written = (
        b'{"amount": "99.8", "asin": "B0ABCDEFG1", "currency": "EUR", "offer": "offer-1", "quantity": 2, '
        b'"url": "https://www.amazon.es/dp/B0ABCDEFG1", "vendor": "amazon.es"}'
    )
    assert content_hash(PRODUCT, 2, euros("99.80")) == hashlib.sha256(written).hexdigest()


def test_a_submitted_form_has_one_hash_in_any_order_of_fields() -> None:
    assert payload_hash({"amount": "1", "reason": "x"}) == payload_hash({"reason": "x", "amount": "1"})


@pytest.mark.parametrize(
    "other",
    [{"amount": "1.0", "reason": "x"}, {"amount": "1"}, {"amount": "1", "reason": "x "}, {"amount": "x", "reason": "1"}],
)  # fmt: skip
def test_another_form_has_another_hash(other: dict[str, str]) -> None:
    assert payload_hash(other) != payload_hash({"amount": "1", "reason": "x"})


def test_half_a_character_in_a_form_does_not_stop_its_hash() -> None:
    assert payload_hash({"reason": "\ud800"}) != payload_hash({"reason": "?"})


# What speaks against buying


@pytest.mark.parametrize(
    ("product", "doubt"),
    [
        (PRODUCT, ""),
        (None, "The vendor does not have this product any more."),
        (replace(PRODUCT, available=False), "The product is not available at the vendor at the moment."),
        (
            replace(PRODUCT, buying_guidance=BuyingGuidance.BLOCKED),
            "The company's guided buying at the vendor blocks this product.",
        ),
        (
            replace(PRODUCT, unit_price=Money(Decimal("1.00"), "USD")),
            "The vendor sells in USD, the request is in EUR.",
        ),
        (replace(PRODUCT, unit_price=euros("52.39")), ""),
        (
            replace(PRODUCT, unit_price=euros("52.40")),
            "The vendor asks 52.40 EUR for one, the request covers 49.90 EUR.",
        ),
        (replace(PRODUCT, unit_price=euros("0.01")), ""),
        *[
            (replace(PRODUCT, buying_guidance=guidance), "")
            for guidance in BuyingGuidance
            if guidance is not BuyingGuidance.BLOCKED
        ],
    ],
)
def test_a_product_is_doubted_for_one_reason_told_in_a_sentence(product: Product | None, doubt: str) -> None:
    assert product_doubt(DRAFT, product, Decimal(5)) == doubt


def test_more_pieces_than_paid_for_are_doubted() -> None:
    assert "covers 33.26 EUR" in product_doubt(replace(DRAFT, quantity=3), PRODUCT, Decimal(5))


# Names


def test_a_number_is_for_people_and_sorts_by_age() -> None:
    assert format_number(2026, 123) == "PR-2026-000123"
    assert format_number(2026, 1_234_567) == "PR-2026-1234567"


@given(st.integers(2000, 9999), st.integers(1, 10**9))
def test_every_number_that_is_given_is_known_as_one(year: int, sequence: int) -> None:
    assert is_number(format_number(year, sequence))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PR-2026-123",
        "pr-2026-000123",
        " PR-2026-000123",
        "PR-2026-000123\n",
        "PR-２０２６-000123",
        "XPR-2026-000123",
    ],
)
def test_what_has_another_shape_is_no_number(text: str) -> None:
    assert not is_number(text)


def test_the_workflow_is_named_after_the_request() -> None:
    assert workflow_id(UUID(int=1)) == "purchase-00000000-0000-0000-0000-000000000001"
