"""Signed-in calls to the Amazon Business APIs: access tokens, headers, pauses. Knows no product and no order."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from urllib.parse import urlencode, urlsplit

from gateways.bounded_http import AnswerLost, BoundedHttp, Deadlines, HttpAnswer, NotSent
from gateways.vendor_error import VendorAccessDenied, VendorBusy, VendorUnavailable
from rules.exact_json import parse_exact
from rules.order_answer import clean_vendor_text

log = logging.getLogger(__name__)

USER_AGENT: Final = "Vistobueno/0.1 (Language=Python)"
#: A token is renewed this long before it ends, so that none ends on its way.
_RENEW_EARLY_SECONDS: Final = 60.0
_LONGEST_PAUSE_SECONDS: Final = 600.0
#: Without a word from the vendor: one over the default rate of 0.5 requests a second.
_DEFAULT_PAUSE_SECONDS: Final = 2.0

Operation = Literal["look_up", "place_order", "read_order"]


@dataclass(frozen=True)
class ShippingAddress:
    """Where orders are delivered, in the vendor's words."""

    full_name: str
    phone_number: str
    address_line1: str
    city: str
    state_or_region: str
    postal_code: str
    country_code: str
    company_name: str = ""

    @classmethod
    def from_text(cls, text: str) -> ShippingAddress:
        """`name; phone; street; city; region; postal code; country[; company]`; raises ValueError."""
        parts = [part.strip() for part in text.split(";")]
        if len(parts) not in {7, 8} or not all(parts[:7]):
            raise ValueError("give name; phone; street; city; region; postal code; country")
        return cls(*parts)


@dataclass(frozen=True)
class AmazonAccount:
    """One buying account. Secrets stay out of its repr.

    Attributes:
        base_url: where product search and ordering answer, without a trailing slash.
        token_url: where a refresh token becomes an access token.
        region: the account's home store, such as ES; decides the shop that a bare ASIN means.
        locale: language of titles in the home store, such as es_ES.
        user_email: the buying account's user in whose name we search and order.
        buying_group: identifier of the group that pays.
    """

    base_url: str
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    region: str
    locale: str
    user_email: str
    buying_group: str
    shipping_address: ShippingAddress

    def __post_init__(self) -> None:
        for name in ("base_url", "token_url"):
            parts = urlsplit(getattr(self, name))
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
                raise ValueError(f"{name} must be an http or https address without a user name")


class AmazonAccess:
    """Makes calls in the name of one account. Safe for many threads."""

    def __init__(self, account: AmazonAccount, deadlines: Deadlines) -> None:
        self._account = account
        self._http = BoundedHttp(deadlines)
        self._renewing = threading.Lock()
        self._token = ""
        self._token_ends_at = 0.0
        self._paused_until: dict[str, float] = {}

    def call(
        self,
        operation: Operation,
        method: Literal["GET", "POST"],
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """The vendor's answer, whatever its status except 403 and 429.

        A 403 renews the token and is tried once more: it is given before anything is acted upon.

        Raises:
            VendorUnavailable: nothing was sent: no connection, or no token could be had.
            VendorBusy: a pause was asked for, now or by an earlier answer.
            VendorAccessDenied: 403 even with a fresh token.
            AnswerLost: the call may have been acted upon.
        """
        self._keep_pause(operation)
        token = self._valid_token()
        answer = self._send(method, path, params, body, token)
        if answer.status == 403:
            self._drop_token(token)
            answer = self._send(method, path, params, body, self._valid_token())
        log.info(
            "vendor %s answered %s (request %s)",
            operation,
            answer.status,
            clean_vendor_text(answer.headers.get("x-amzn-requestid", "-"), 80),
        )
        if answer.status == 429:
            raise self._pause(operation, answer)
        if answer.status in {401, 403}:
            raise VendorAccessDenied(*read_error(answer, "ACCESS_DENIED"))
        return answer

    def distrust_connection(self) -> None:
        """Close this thread's connection after an answer that belongs to another call."""
        self._http.forget_connections()

    def _send(
        self,
        method: Literal["GET", "POST"],
        path: str,
        params: Mapping[str, str] | None,
        body: bytes | None,
        token: str,
    ) -> HttpAnswer:
        headers = {
            "x-amz-access-token": token,
            "x-amz-date": datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
            "user-agent": USER_AGENT,
            "accept": "application/json",
        }
        if body is None:
            headers["x-amz-user-email"] = self._account.user_email
        else:
            headers["content-type"] = "application/json"
        try:
            return self._http.send(
                method,
                self._account.base_url + path,
                headers=headers,
                params=params,
                body=body,
                fresh=method == "POST",  # a call that buys must not be lost to a connection that just closed
            )
        except NotSent as failure:
            raise VendorUnavailable(f"the vendor cannot be reached ({failure})") from None

    def _valid_token(self) -> str:
        with self._renewing:  # one thread renews, the others wait for its token
            if time.monotonic() >= self._token_ends_at:
                self._token, seconds = self._fetch_token()
                early = min(_RENEW_EARLY_SECONDS, seconds / 2)
                self._token_ends_at = time.monotonic() + seconds - early
            return self._token

    def _drop_token(self, token: str) -> None:
        with self._renewing:
            if self._token == token:  # another thread may have renewed it meanwhile
                self._token_ends_at = 0.0

    def _fetch_token(self) -> tuple[str, float]:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self._account.refresh_token,
            "client_id": self._account.client_id,
            "client_secret": self._account.client_secret,
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "user-agent": USER_AGENT}
        try:
            answer = self._http.send(
                "POST", self._account.token_url, headers=headers, body=urlencode(form).encode()
            )
        except (NotSent, AnswerLost) as failure:
            raise VendorUnavailable(f"no access token could be had ({failure})") from None
        if answer.status == 429:
            raise VendorBusy(_pause_seconds(answer))
        if 400 <= answer.status < 500:
            raise VendorAccessDenied("TOKEN_REFUSED", f"the token service answered {answer.status}")
        return _read_token(answer)

    def _keep_pause(self, operation: Operation) -> None:
        left = self._paused_until.get(operation, 0.0) - time.monotonic()
        if left > 0:
            raise VendorBusy(left)

    def _pause(self, operation: Operation, answer: HttpAnswer) -> VendorBusy:
        seconds = _pause_seconds(answer)
        self._paused_until[operation] = time.monotonic() + seconds
        return VendorBusy(seconds)


def read_error(answer: HttpAnswer, default_code: str) -> tuple[str, str]:
    """Code and sentence of the first entry of `{"errors": [...]}`, cleaned; the default where there is none."""
    try:
        errors = parse_exact(answer.body)["errors"]
        first: Any = errors[0]
        code, message = clean_vendor_text(first["code"], 80), clean_vendor_text(first.get("message"))
    except (ValueError, LookupError, TypeError, AttributeError):
        return default_code, ""
    return code or default_code, message


def _read_token(answer: HttpAnswer) -> tuple[str, float]:
    # Nothing of this answer goes into a message: it may hold a token.
    try:
        document = parse_exact(answer.body) if answer.status == 200 else {}
        token, seconds = document["access_token"], float(document["expires_in"])
    except (ValueError, LookupError, TypeError):
        raise VendorUnavailable(f"the token service gave no token (status {answer.status})") from None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or seconds <= 0:
        raise VendorUnavailable("the token service gave a token that cannot be used")
    return token, seconds


def _pause_seconds(answer: HttpAnswer) -> float:
    """From Retry-After (seconds or a date), else from the rate (requests a second), else a default."""
    asked = answer.headers.get("retry-after", "").strip()
    rate = answer.headers.get("x-amzn-ratelimit-limit", "").strip()
    seconds = _DEFAULT_PAUSE_SECONDS
    try:
        if asked.isascii() and asked.isdigit():
            seconds = float(asked[:9])
        elif asked:
            seconds = (parsedate_to_datetime(asked) - _said_at(answer)).total_seconds()
        elif rate and float(rate) > 0:
            seconds = 1 / float(rate)
    except (ValueError, TypeError, OverflowError):
        log.info("the vendor's pause could not be read")
    return min(max(seconds, 0.1), _LONGEST_PAUSE_SECONDS)


def _said_at(answer: HttpAnswer) -> datetime:
    """When the vendor answered, by the clock by which its dates are meant; by ours where it does not say."""
    said = answer.headers.get("date", "")
    return parsedate_to_datetime(said) if said else datetime.now(UTC)
