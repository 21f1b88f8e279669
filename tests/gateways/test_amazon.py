"""Products and orders over HTTP against the vendor sandbox; above all: nothing is ever bought twice by accident."""

from __future__ import annotations

import logging
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest

from gateways.amazon import (
    OrderOutcomeUnknown,
    ShippingAddress,
    VendorAccessDenied,
    VendorBusy,
    VendorError,
    VendorRefused,
    VendorUnavailable,
)
from gateways.amazon_access import _pause_seconds
from gateways.amazon_taxonomy import CATEGORY_OF_UNSPSC, category_of
from gateways.bounded_http import HttpAnswer
from local.vendor import CLIENT_SECRET, REFRESH_TOKEN
from local.vendor.catalogue import catalogue
from rules.money import Money
from rules.order import OrderState
from rules.policy import CATEGORIES
from rules.product import BuyingGuidance, ProductUnknownToVendor, link_to
from tests.gateways.vendor_shop import PATIENT, QUICK, VendorShop, find_article

#: Faults of an order's answer -> whether the shop has taken the order.
LOST: dict[str, bool] = {
    "lost_answer": True,
    "error_500_after_order": True,
    "slow": True,
    "trickle": True,
    "cut_json": True,
    "cut_connection": True,
    "oversized": True,
    "foreign_answer": True,
    "other_amount": True,
    "trial": False,
    "error_500": False,
    "errors_in_200": False,
    "redirect": False,
    "reset": False,
    "hang": False,
    "html_answer": False,
}


def test_every_product_of_the_shop_is_looked_up_as_it_is_sold(shop: VendorShop) -> None:
    client = shop.client()
    for article in catalogue():
        assert client.look_up(link_to(article.host, article.asin)) == article.as_product()


def test_unavailable_and_blocked_products_say_so(shop: VendorShop) -> None:
    gone, blocked = find_article(in_stock=False), find_article(guidance="BLOCKED")
    assert not shop.client().look_up(link_to(gone.host, gone.asin)).available
    assert (
        shop.client().look_up(link_to(blocked.host, blocked.asin)).buying_guidance is BuyingGuidance.BLOCKED
    )


@pytest.mark.parametrize(("host", "asin"), [("amazon.es", "B0NOTHERE0"), ("amazon.com", find_article().asin)])
def test_product_that_the_shop_does_not_sell_is_named_at_the_field(
    shop: VendorShop, host: str, asin: str
) -> None:
    with pytest.raises(ProductUnknownToVendor, match=f"{host} has no product {asin}") as refusal:
        shop.client().look_up(link_to(host, asin))
    assert refusal.value.field == "product_link"


def test_shop_without_an_interface_is_refused_without_a_call(shop: VendorShop) -> None:
    with pytest.raises(VendorRefused, match="UNKNOWN_MARKETPLACE"):
        shop.client(base_url="http://127.0.0.1:9").look_up(link_to("amazon.example", "B0ABCDEFG1"))


@pytest.mark.parametrize(
    "scenario",
    [
        "error_500", "errors_in_200", "html_answer", "redirect", "reset", "lost_answer", "hang", "slow", "trickle",
        "cut_json", "cut_connection", "oversized", "foreign_answer",
    ],
)  # fmt: skip
def test_look_up_that_fails_on_the_way_is_worth_a_retry(shop: VendorShop, scenario: str) -> None:
    client = shop.client(QUICK)
    link = link_to(shop.article.host, shop.article.asin)
    client.look_up(link)
    shop.switch_on(scenario, operation="product")
    with pytest.raises(VendorUnavailable):
        client.look_up(link)
    assert client.look_up(link).asin == shop.article.asin, "the next call must not see leftovers"


def test_order_is_placed_once_at_the_shop_price(shop: VendorShop) -> None:
    order = shop.order(quantity=3)
    outcome = shop.client().place_order(order)
    assert outcome.state is OrderState.PLACED
    (entry,) = shop.orders(order)
    assert outcome.vendor_order_ids == (entry["order_id"],)
    assert outcome.accepted_quantity == entry["quantity"] == 3
    assert outcome.charged_unit_price == Money(shop.article.unit_price, "EUR")
    assert outcome.charged_total == Money(Decimal(entry["total"]), "EUR")
    assert entry["purchase_order_number"] == "PR-2026-000123"
    assert entry["vendor"] == order.vendor
    assert Decimal(entry["expected_unit_price"]) == order.highest_unit_price.amount


def test_all_accepted_is_the_same_as_no_fault(shop: VendorShop) -> None:
    shop.switch_on("all_accepted")
    assert shop.client().place_order(shop.order()).state is OrderState.PLACED


def test_order_read_back_is_the_order_that_was_placed(shop: VendorShop) -> None:
    order = shop.order()
    placed = shop.client().place_order(order)
    assert shop.client().read_order(order) == placed


def test_order_that_was_never_sent_is_not_found(shop: VendorShop) -> None:
    assert shop.client().read_order(shop.order()).state is OrderState.NOT_FOUND


def test_part_accepted_order_says_how_much_came_through(shop: VendorShop) -> None:
    shop.switch_on("part_accepted")
    order = shop.order(quantity=5)
    outcome = shop.client().place_order(order)
    assert outcome.state is OrderState.PART_PLACED
    assert outcome.accepted_quantity == shop.orders(order)[0]["quantity"] == 2
    assert outcome.charged_total == Money(shop.article.unit_price * 2, "EUR")
    assert [rejection.code for rejection in outcome.rejections] == ["UNAVAILABLE_QUANTITY"]


@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        ("rejected", "ITEM_NOT_ELIGIBLE"),
        ("unknown_asin", "INVALID_PRODUCT"),
        ("blocked", "GUIDED_BUYING_BLOCKED"),
    ],
)
def test_rejected_order_is_refused_with_code_and_message(shop: VendorShop, scenario: str, code: str) -> None:
    shop.switch_on(scenario)
    order = shop.order()
    outcome = shop.client().place_order(order)
    assert outcome.state is OrderState.REFUSED
    (rejection,) = outcome.rejections
    assert rejection.code == code
    assert rejection.message.endswith(".")
    assert shop.orders(order) == []
    assert shop.client().read_order(order) == outcome


def test_goods_blocked_gone_or_limited_are_refused_without_any_fault(shop: VendorShop) -> None:
    limited = next(article for article in catalogue() if article.most and article.in_stock)
    orders = {
        "GUIDED_BUYING_BLOCKED": shop.order(article=find_article(guidance="BLOCKED")),
        "OUT_OF_STOCK": shop.order(article=find_article(in_stock=False)),
        "QUANTITY_LIMIT": shop.order(limited.most + 1, article=limited),
        "OFFER_NOT_AVAILABLE": replace(shop.order(), offer_id="offer-of-yesterday"),
    }
    for code, order in orders.items():
        assert [rejection.code for rejection in shop.client().place_order(order).rejections] == [code]


def test_price_risen_within_the_tolerance_is_bought(shop: VendorShop) -> None:
    order = shop.order()
    shop.set_price(order.highest_unit_price.amount)
    outcome = shop.client().place_order(order)
    assert outcome.state is OrderState.PLACED
    assert outcome.charged_unit_price == order.highest_unit_price


def test_price_risen_above_the_tolerance_comes_back_and_is_not_bought(shop: VendorShop) -> None:
    order = shop.order(quantity=2)
    risen = order.highest_unit_price.amount + Decimal("0.01")
    shop.set_price(risen)
    outcome = shop.client().place_order(order)
    assert outcome.state is OrderState.PRICE_CHANGED
    assert outcome.actual_unit_price == Money(risen, "EUR")
    assert outcome.actual_total == Money(risen * 2, "EUR")
    assert shop.orders(order) == []


@pytest.mark.parametrize("scenario", ["price_above_expectation", "charge_above_expectation"])
def test_expectation_broken_on_wish_names_the_actual_amount(shop: VendorShop, scenario: str) -> None:
    shop.switch_on(scenario)
    order = shop.order()
    outcome = shop.client().place_order(order)
    assert outcome.state is OrderState.PRICE_CHANGED
    assert outcome.actual_total is not None
    assert outcome.actual_total.is_above(order.highest_total)
    assert shop.orders(order) == []


def test_trial_says_what_it_would_cost_and_orders_nothing(shop: VendorShop) -> None:
    order = shop.order(quantity=1)
    outcome = shop.client().place_order(order.as_trial())
    assert outcome.state is OrderState.PLACED
    assert outcome.trial
    assert outcome.charged_total is not None
    assert outcome.charged_total.is_above(Money(shop.article.unit_price, "EUR")), "tax and shipping are named"
    assert len(shop.records("trials", order.as_trial())) == 1
    assert shop.orders(order.as_trial()) == []
    assert shop.client().place_order(order).state is OrderState.PLACED, "the trial did not use up the key"


def test_order_cancelled_by_the_shop_afterwards_reads_as_refused(shop: VendorShop) -> None:
    shop.switch_on("cancelled_later")
    order = shop.order()
    assert shop.client().place_order(order).state is OrderState.PLACED
    outcome = shop.client().read_order(order)
    assert outcome.state is OrderState.REFUSED
    assert [rejection.code for rejection in outcome.rejections] == ["ORDER_CANCELLED"]
    assert shop.orders(order)[0]["cancelled"]


@pytest.mark.parametrize("scenario", LOST)
def test_answer_that_is_lost_or_proves_nothing_leaves_the_outcome_unknown(
    shop: VendorShop, scenario: str
) -> None:
    order = shop.order()
    client = shop.client(QUICK)
    client.read_order(order)  # has a token, so that the fault meets the order alone
    shop.switch_on(scenario)
    with pytest.raises(OrderOutcomeUnknown):
        client.place_order(order)
    assert len(shop.orders(order)) == LOST[scenario]


@pytest.mark.parametrize("scenario", sorted(LOST.keys() - {"other_amount", "trial"}))
def test_unknown_outcome_is_settled_by_reading_back_with_exactly_one_order(
    shop: VendorShop, scenario: str
) -> None:
    order = shop.order()
    shop.switch_on(scenario)
    with pytest.raises(OrderOutcomeUnknown):
        shop.client(QUICK).place_order(order)
    shop.clear()
    client = shop.client()
    found = client.read_order(order)
    assert (found.state is OrderState.PLACED) == LOST[scenario]
    shop.switch_on("repeat_second_order", always=True)
    settled = client.place_order(order, sent_before=True)
    assert settled.state is OrderState.PLACED
    (entry,) = shop.orders(order)
    assert settled.vendor_order_ids == (entry["order_id"],)


def test_order_at_another_amount_stays_unknown_on_read_back_too(shop: VendorShop) -> None:
    shop.switch_on("other_amount")
    order = shop.order()
    for attempt in (shop.client().place_order, shop.client().read_order):
        with pytest.raises(OrderOutcomeUnknown, match="more than the accepted price"):
            attempt(order)


def test_answer_sent_twice_is_never_taken_for_the_next_order(shop: VendorShop) -> None:
    client = shop.client()
    client.read_order(shop.order())
    shop.switch_on("answers_twice", always=True)
    for _ in range(20):
        order = shop.order()
        try:
            outcome = client.place_order(order)
        except OrderOutcomeUnknown:
            outcome = shop.client().read_order(order)
        (entry,) = shop.orders(order)
        assert outcome.vendor_order_ids == (entry["order_id"],)


@pytest.mark.parametrize("mode", ["repeat_same_result", "repeat_refused"])
def test_same_order_sent_again_gives_the_first_result(shop: VendorShop, mode: str) -> None:
    order = shop.order()
    first = shop.client().place_order(order)
    shop.switch_on(mode)
    assert shop.client().place_order(order) == first
    assert shop.faults() == [], "the second sending has reached the shop"
    assert len(shop.orders(order)) == 1


def test_vendor_that_orders_again_on_a_repeat_is_read_first_and_so_sells_once(shop: VendorShop) -> None:
    order = shop.order()
    first = shop.client().place_order(order)
    shop.switch_on("repeat_second_order", always=True)
    assert shop.client().place_order(order, sent_before=True) == first
    assert len(shop.orders(order)) == 1


def test_sandbox_really_sells_twice_where_nobody_reads_back(shop: VendorShop) -> None:
    order = shop.order()
    shop.client().place_order(order)
    shop.switch_on("repeat_second_order")
    shop.client().place_order(order)
    assert len(shop.orders(order)) == 2


def test_refused_repeat_of_an_order_not_visible_yet_is_unknown_never_refused(shop: VendorShop) -> None:
    order = shop.order()
    shop.switch_on("lost_answer_visible_late")
    shop.switch_on("repeat_refused")
    client = shop.client()
    with pytest.raises(OrderOutcomeUnknown):
        client.place_order(order)
    with pytest.raises(OrderOutcomeUnknown, match="DUPLICATE_EXTERNAL_ID"):
        client.place_order(order, sent_before=True)
    assert client.read_order(order).state is OrderState.NOT_FOUND, "the third read-back is still too early"
    assert client.read_order(order).state is OrderState.PLACED
    assert len(shop.orders(order)) == 1


def test_request_that_the_vendor_cannot_read_is_refused_with_its_words(shop: VendorShop) -> None:
    order = replace(shop.order(), external_id="x" * 300)
    with pytest.raises(VendorRefused, match="INVALID_REQUEST_PARAMETER: externalId must be") as refusal:
        shop.client().place_order(order)
    assert refusal.value.code == "INVALID_REQUEST_PARAMETER"


def test_refusal_whose_read_back_fails_is_unknown(shop: VendorShop) -> None:
    order = replace(shop.order(), external_id="x" * 300)
    shop.switch_on("error_500", operation="read")
    with pytest.raises(OrderOutcomeUnknown, match="read-back failed"):
        shop.client().place_order(order)


def test_not_found_counts_only_in_the_vendors_own_words(shop: VendorShop) -> None:
    shop.switch_on("html_404", operation="read")
    with pytest.raises(VendorUnavailable):
        shop.client().read_order(shop.order())


def test_expired_token_is_renewed_once_and_the_order_goes_through(shop: VendorShop) -> None:
    client = shop.client()
    client.place_order(shop.order())
    shop.switch_on("token_expired")
    order = shop.order()
    assert client.place_order(order).state is OrderState.PLACED
    assert len(shop.orders(order)) == 1


def test_access_denied_with_a_fresh_token_too_is_told_apart_from_a_refusal(shop: VendorShop) -> None:
    shop.switch_on("token_expired", always=True)
    order = shop.order()
    with pytest.raises(VendorAccessDenied, match="UNAUTHORIZED"):
        shop.client().place_order(order)
    assert shop.orders(order) == []


@pytest.mark.parametrize("change", ["client_secret", "refresh_token"])
def test_wrong_credentials_are_access_denied(shop: VendorShop, change: str) -> None:
    with pytest.raises(VendorAccessDenied, match="TOKEN_REFUSED"):
        shop.client(**{change: "wrong"}).place_order(shop.order())


@pytest.mark.parametrize("scenario", ["error_500", "html_answer", "cut_json", "reset", "hang"])
def test_order_without_a_token_was_not_sent(shop: VendorShop, scenario: str) -> None:
    shop.switch_on(scenario, operation="token")
    order = shop.order()
    with pytest.raises(VendorUnavailable):
        shop.client(QUICK).place_order(order)
    assert shop.orders(order) == []


def test_vendor_that_cannot_be_reached_took_no_order(shop: VendorShop) -> None:
    client = shop.client(base_url="http://127.0.0.1:9")
    with pytest.raises(VendorUnavailable, match="cannot be reached"):
        client.place_order(shop.order())


def test_pause_that_the_vendor_asks_for_is_kept_without_asking_again(shop: VendorShop) -> None:
    client = shop.client()
    shop.switch_on("busy", seconds=120)
    order = shop.order()
    with pytest.raises(VendorBusy) as busy:
        client.place_order(order)
    assert busy.value.retry_after_seconds == 120
    with pytest.raises(VendorBusy) as still_busy:
        client.place_order(order)
    assert 0 < still_busy.value.retry_after_seconds <= 120
    assert client.read_order(order).state is OrderState.NOT_FOUND, "reading has a rate of its own"
    assert shop.client().place_order(order).state is OrderState.PLACED


def test_many_threads_wait_for_one_token_and_place_their_own_orders(shop: VendorShop) -> None:
    shop.switch_on("slow", operation="token", seconds=0.2)
    shop.switch_on("error_500", operation="token", always=True)  # meets every further renewal
    client = shop.client()
    orders = [shop.order() for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(client.place_order, orders))
    for order, outcome in zip(orders, outcomes, strict=True):
        (entry,) = shop.orders(order)
        assert outcome.vendor_order_ids == (entry["order_id"],)


def test_deadline_holds_while_other_calls_go_on(shop: VendorShop) -> None:
    hanging, healthy = shop.client(QUICK), shop.client(PATIENT)
    hanging.read_order(shop.order())
    shop.switch_on("hang", asin=shop.article.asin)
    other = find_article(guidance="PREFERRED")
    with ThreadPoolExecutor(2) as pool:
        stuck = pool.submit(hanging.place_order, shop.order())
        assert healthy.place_order(shop.order(article=other)).state is OrderState.PLACED
        assert isinstance(stuck.exception(), OrderOutcomeUnknown)


def test_proxies_of_the_environment_see_nothing(shop: VendorShop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert shop.client().place_order(shop.order()).state is OrderState.PLACED


def test_secrets_are_in_no_log_line_no_error_and_no_repr(
    shop: VendorShop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = [repr(shop.account())]
    wrong = shop.client(client_secret="planted-secret", refresh_token="planted-refresh")
    client = shop.client(QUICK)
    client.place_order(shop.order())
    token = client._access._token
    assert token.startswith("Atza|")
    for scenario, operation, caller in (
        ("all_accepted", "order", wrong),
        ("reset", "token", shop.client(QUICK)),
        ("cut_json", "token", shop.client(QUICK)),
        ("cut_connection", "order", client),
        ("hang", "order", client),
        ("error_500", "order", client),
        ("token_expired", "order", client),
    ):
        shop.switch_on(scenario, operation=operation, always=True)
        with pytest.raises(VendorError) as failure:
            caller.place_order(shop.order())
        said += traceback.format_exception(failure.value)
        shop.clear()
    everything = "".join(said) + caplog.text
    assert "vendor place_order answered 500" in everything
    for secret in (CLIENT_SECRET, REFRESH_TOKEN, "planted-secret", "planted-refresh", token, "Atza|"):
        assert secret not in everything


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7", "x-amzn-ratelimit-limit": "0.5"}, 7),
        ({"x-amzn-ratelimit-limit": "0.5"}, 2),
        ({"x-amzn-ratelimit-limit": "0.1"}, 10),
        ({"x-amzn-ratelimit-limit": "0"}, 2),
        ({}, 2),
        ({"retry-after": "soon"}, 2),
        ({"retry-after": "99999999999999"}, 600),
        ({"retry-after": "0"}, 0.1),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.1),
        ({"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT"}, 600),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:09 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 9),
        ({"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT", "date": "soon"}, 2),
        ({"retry-after": "-5"}, 2),
        ({"x-amzn-ratelimit-limit": "NaN"}, 2),
    ],
)
def test_pause_is_read_from_the_headers_and_kept_within_ten_minutes(
    headers: dict[str, str], seconds: float
) -> None:
    assert _pause_seconds(HttpAnswer(429, headers, b"")) == seconds


@pytest.mark.parametrize(
    "url", ["ftp://vendor.example", "vendor.example", "https://user:pw@vendor.example", ""]
)
def test_account_with_an_address_that_cannot_be_called_is_refused(shop: VendorShop, url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        shop.account(base_url=url)


@pytest.mark.parametrize("text", ["", "a;b;c", "a; ; c; d; e; f; g", "a;b;c;d;e;f;g;h;i"])
def test_address_with_missing_parts_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="postal code"):
        ShippingAddress.from_text(text)


def test_category_data_names_only_categories_that_policies_know() -> None:
    assert set(CATEGORY_OF_UNSPSC.values()) <= set(CATEGORIES)
    assert {article.category for article in catalogue()} == set(CATEGORIES)


@pytest.mark.parametrize(
    ("kind", "code", "category"),
    [
        ("UNSPSC", "43211902", "electronics"),
        ("UNSPSC", "43231513", "software"),
        ("UNSPSC", "55101510", "books"),
        ("UNSPSC", "99999999", "other"),
        ("UNSPSC", "", "other"),
        ("ECLASS", "43211902", "other"),
        ("UNSPSC", None, "other"),
    ],
)
def test_longest_known_code_decides_the_category(kind: str, code: str | None, category: str) -> None:
    assert category_of([{"type": kind, "taxonomyCode": code}]) == category
    assert category_of([]) == "other"


def test_endless_answer_is_cut_at_two_megabytes(shop: VendorShop) -> None:
    shop.switch_on("oversized")
    with pytest.raises(OrderOutcomeUnknown, match="larger than 2000000 bytes"):
        shop.client().place_order(shop.order())


def test_order_does_not_ride_on_a_connection_that_the_vendor_has_just_closed(shop: VendorShop) -> None:
    client = shop.client()
    shop.switch_on("slow", operation="read", seconds=0, count=30)  # answers, then closes without a word
    for _ in range(30):
        order = shop.order()
        assert client.read_order(order).state is OrderState.NOT_FOUND
        assert client.place_order(order).state is OrderState.PLACED
