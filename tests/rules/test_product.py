"""Links are read by one parser against an exact list of shops."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import Invalid
from rules.product import NotAProductLink, ProductLink, VendorNotAllowed, parse_product_link

SHOPS = ("amazon.es", "www.amazon.com")
ASIN = "B0ABCDEFG1"
ASINS = st.text(string.ascii_uppercase + string.digits, min_size=10, max_size=10)


def parse(text: str) -> ProductLink:
    return parse_product_link(text, SHOPS, "amazon.es")


@pytest.mark.parametrize(
    "path",
    [
        f"/dp/{ASIN}",
        f"/dp/{ASIN}/",
        f"/dp/{ASIN}/ref=sr_1_1?keywords=monitor&qid=1",
        f"/gp/product/{ASIN}?th=1",
        f"/-/en/dp/{ASIN}",
        f"/-/es/Monitor-27-pulgadas/dp/{ASIN}/ref=x",
        f"/Teclado-español-ñ/dp/{ASIN}#reviews",
    ],
)
@pytest.mark.parametrize(("host", "bare"), [("amazon.es", "amazon.es"), ("WWW.Amazon.com", "amazon.com")])
def test_link_of_an_allowed_shop_gives_its_canonical_form(host: str, bare: str, path: str) -> None:
    assert parse(f"  https://{host}{path}\n") == ProductLink(bare, ASIN, f"https://www.{bare}/dp/{ASIN}")


@pytest.mark.parametrize("typed", [ASIN, ASIN.lower(), f" {ASIN} "])
def test_bare_asin_means_the_default_shop(typed: str) -> None:
    assert parse(typed) == ProductLink("amazon.es", ASIN, f"https://www.amazon.es/dp/{ASIN}")


@pytest.mark.parametrize(
    "link",
    [
        f"https://evil.com/dp/{ASIN}",
        f"https://amazon.es.evil.com/dp/{ASIN}",
        f"https://www.www.amazon.es/dp/{ASIN}",
        f"https://amazon.es./dp/{ASIN}",
        f"https://smile.amazon.es/dp/{ASIN}",
        f"https://\u0430mazon.es/dp/{ASIN}",
        f"https://xn--mazon-3ve.es/dp/{ASIN}",
        f"https://amazon%2Ees/dp/{ASIN}",
        f"https://127.0.0.1/dp/{ASIN}",
        f"https://2130706433/dp/{ASIN}",
        f"https://0x7f000001/dp/{ASIN}",
        f"https://metadata.internal/dp/{ASIN}",
    ],
)
def test_any_other_host_is_not_a_shop_we_buy_from(link: str) -> None:
    with pytest.raises(VendorNotAllowed, match=r"Allowed: amazon\.com, amazon\.es") as refusal:
        parse(link)
    assert refusal.value.field == "product_link"
    assert refusal.value.code == "vendor-not-allowed"
    assert refusal.value.message.isascii(), "look-alike letters must show"


@pytest.mark.parametrize(
    "link",
    [
        f"https://amazon.es@evil.com/dp/{ASIN}",
        f"https://amazon.es:secret@amazon.es/dp/{ASIN}",
        f"https://evil.com\\@amazon.es/dp/{ASIN}",
        f"https://amazon.es\\@evil.com/dp/{ASIN}",
        f"https://amazon.es\\.evil.com/dp/{ASIN}",
        f"https://amazon.es:443/dp/{ASIN}",
        f"https://amazon.es:/dp/{ASIN}",
        f"https://[::1]/dp/{ASIN}",
        f"https://[::ffff:10.0.0.1]/dp/{ASIN}",
        f"https://[bad/dp/{ASIN}",
        f"https://ama\u2100zon.es/dp/{ASIN}",
        f"https://amazon.es/\tdp/{ASIN}",
        f"https://ama\nzon.es/dp/{ASIN}",
        f"https://amazon.es/dp/{ASIN}\u202e",
        f"https://amazon.es/dp/\u200b{ASIN}",
        f"http://amazon.es/dp/{ASIN}",
        f"HTTP://amazon.es/dp/{ASIN}",
        f"//amazon.es/dp/{ASIN}",
        f"amazon.es/dp/{ASIN}",
        f"https:amazon.es/dp/{ASIN}",
        f"https:///dp/{ASIN}",
        "javascript:alert(1)",
        f"java\tscript://amazon.es/dp/{ASIN}",
        f"data:text/html,{ASIN}",
        f"file:///dp/{ASIN}",
        f"ftp://amazon.es/dp/{ASIN}",
        f"gopher://amazon.es/dp/{ASIN}",
        "https://amazon.es/",
        "https://amazon.es/dp/",
        "https://amazon.es/dp/B0ABCDEF",
        "https://amazon.es/dp/B0ABCDEFG12",
        "https://amazon.es/dp/b0abcdefg1",
        f"https://amazon.es/dp%2F{ASIN}",
        f"https://amazon.es/s?k=x&u=/dp/{ASIN}",
        f"https://amazon.es/gp/cart#/dp/{ASIN}",
        f"https://amazon.es/dp/{ASIN}/dp/B0ABCDEFG2",
        "",
        "   ",
        "\x00",
        "B0ABCDEFG",
        "ſ0ABCDEFG1",
        "B0ABCDEFG\u0661",
    ],
)
def test_what_two_parsers_could_read_differently_is_refused(link: str) -> None:
    with pytest.raises(NotAProductLink) as refusal:
        parse(link)
    assert refusal.value.field == "product_link"
    assert refusal.value.message.endswith((".", "B0ABCDEFGH."))


def test_link_of_ten_kilobytes_is_refused_by_its_length() -> None:
    with pytest.raises(NotAProductLink, match="2000 characters"):
        parse(f"https://amazon.es/{'a' * 10_000}/dp/{ASIN}")


def test_the_same_product_named_twice_is_one_product() -> None:
    assert parse(f"https://amazon.es/dp/{ASIN}/dp/{ASIN}").asin == ASIN


def test_default_shop_outside_the_list_is_a_fault_of_the_program() -> None:
    with pytest.raises(ValueError, match="default_host"):
        parse_product_link(ASIN, SHOPS, "amazon.de")


@given(st.text(max_size=60) | st.text(max_size=30).map(lambda tail: f"https://{tail}/dp/{ASIN}"))
def test_any_text_gives_an_allowed_product_or_a_refusal_with_a_field(text: str) -> None:
    link, field = None, "product_link"
    try:
        link = parse(text)
    except Invalid as refusal:
        field = refusal.field or "none"
    assert field == "product_link"
    if link is not None:
        assert link.host in {"amazon.es", "amazon.com"}
        assert re.fullmatch(r"[A-Z0-9]{10}", link.asin)
        assert link.url == f"https://www.{link.host}/dp/{link.asin}"


@given(asin=ASINS, slug=st.from_regex(r"[A-Za-z0-9%_.-]{0,20}", fullmatch=True))
def test_parsing_the_canonical_link_again_changes_nothing(asin: str, slug: str) -> None:
    link = parse(f"https://www.amazon.es/{slug}/dp/{asin}/ref={slug}")
    assert link.asin == asin
    assert parse(link.url) == link
