"""The buying account that the settings describe."""

from __future__ import annotations

from gateways.amazon import AmazonAccount, ShippingAddress
from settings import Settings


def account_of(settings: Settings) -> AmazonAccount:
    """The account that searches and orders."""
    return AmazonAccount(
        base_url=settings.vendor_url,
        token_url=settings.vendor_token_url,
        client_id=settings.vendor_client_id,
        client_secret=settings.vendor_client_secret,
        refresh_token=settings.vendor_refresh_token,
        region=settings.vendor_region,
        locale=settings.vendor_locale,
        user_email=settings.vendor_user_email,
        buying_group=settings.vendor_buying_group,
        shipping_address=ShippingAddress.from_text(settings.vendor_ship_to),
    )
