"""What a typed product link stands for: a fresh memory first, then the vendor within seconds. Decides nothing."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, cast

from flask import Flask, current_app
from flask_babel import gettext as _

from app import database
from gateways.amazon import (
    AmazonBusiness,
    Deadlines,
    VendorAccessDenied,
    VendorBusy,
    VendorRefused,
    VendorUnavailable,
)
from gateways.amazon_account import account_of
from gateways.amazon_product import MARKETPLACES
from rules.errors import Invalid
from rules.product import Product, ProductLink, parse_product_link
from settings import Settings
from storage import product as products

#: What the vendor said this recently is not asked for again; the review trusts it as long.
FRESH_FOR: Final = timedelta(minutes=15)
#: What may stand in while the vendor does not answer: the product is checked once more before anything is decided.
LAST_KNOWN_FOR: Final = timedelta(days=1)
#: A person waits before the form. A call may need a token first, so the worst case is twice the total.
DEADLINES: Final = Deadlines(connect_seconds=1.0, read_seconds=2.0, total_seconds=2.5)

_log = logging.getLogger("vistobueno.catalogue")


@dataclass(frozen=True)
class Resolved:
    """What a product link was resolved to.

    Attributes:
        product: None where there is none, or where it cannot be known now.
        problem: what is wrong, as one sentence for the field; empty where a product was found.
        will_pass: whether the problem is the vendor's and passes by itself.
        is_old: whether the vendor did not answer and the facts are from within the last day.
    """

    product: Product | None = None
    problem: str = ""
    will_pass: bool = False
    is_old: bool = False


class Catalogue:
    """Looks products up for the pages. Safe for many threads."""

    def __init__(self, vendor: AmazonBusiness, hosts: tuple[str, ...], region: str) -> None:
        self._vendor = vendor
        self._hosts = hosts
        self._home = _home_shop(hosts, region)

    def resolve(self, text: str) -> Resolved:
        """What `text`, a link or an ASIN, stands for. Ends the session's transaction where the vendor is asked."""
        try:
            link = parse_product_link(text, self._hosts, self._home)
        except Invalid as refusal:
            return Resolved(problem=refusal.message)
        session = database.session()
        known = products.recall(session, link.host, link.asin, FRESH_FOR)
        if known is not None:
            return Resolved(known)
        session.rollback()  # no connection is held while the vendor takes its time
        try:
            found = self._vendor.look_up(link)
        except Invalid as unknown:
            return Resolved(problem=unknown.message)
        except (VendorUnavailable, VendorBusy) as away:
            return self._last_known(link, away)
        except VendorRefused as refusal:
            _log.error("vendor refuses look-ups", extra={"why": str(refusal)})
            return Resolved(problem=_refused(refusal), will_pass=True)
        products.remember(session, found)
        session.commit()
        return Resolved(found)

    def _last_known(self, link: ProductLink, away: VendorUnavailable | VendorBusy) -> Resolved:
        _log.warning("vendor did not answer a look-up", extra={"why": str(away)})
        known = products.recall(database.session(), link.host, link.asin, LAST_KNOWN_FOR)
        if known is not None:
            return Resolved(known, is_old=True)
        if isinstance(away, VendorBusy):
            seconds = max(1, round(away.retry_after_seconds))
            wait = _("The vendor asks us to wait %(seconds)s s before the next question.", seconds=seconds)
        else:
            wait = _("%(shop)s does not answer at the moment.", shop=link.host)
        keep = _("Everything you typed is kept: you can still submit in a moment, with this link.")
        return Resolved(problem=f"{wait} {keep}", will_pass=True)


def _home_shop(hosts: tuple[str, ...], region: str) -> str:
    """The shop that a bare ASIN means: the buying account's own, else the first that we buy from."""
    bare = [host.removeprefix("www.") for host in hosts]
    own = (host for host in bare if MARKETPLACES.get(host, ("", ""))[0] == region)
    return next(own, bare[0])


def _refused(refusal: VendorRefused) -> str:
    if isinstance(refusal, VendorAccessDenied):
        return str(
            _(
                "The vendor does not accept the company's account at the moment. Please tell the platform "
                "team; what you typed is kept."
            )
        )
    return str(_("The vendor does not answer questions about this product. Please choose another one."))


def set_up_catalogue(app: Flask, settings: Settings) -> None:
    """Give the app a catalogue at the vendor that the settings name."""
    vendor = AmazonBusiness(account_of(settings), DEADLINES)
    app.extensions["catalogue"] = Catalogue(vendor, settings.vendor_hosts, settings.vendor_region)


def resolve(text: str) -> Resolved:
    """What a typed product link stands for; see `Catalogue.resolve`."""
    return cast(Catalogue, current_app.extensions["catalogue"]).resolve(text)
