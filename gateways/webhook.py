"""Calls of other systems that a process names: signed, bounded, never redirected, never into our own network.

A name is resolved once and the call goes to the address that was judged, so that a name cannot lead elsewhere meanwhile.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import SplitResult, urlsplit

import urllib3
from standardwebhooks import Webhook

from rules.errors import BusinessError

CONNECT_SECONDS: Final = 3.0
TOTAL_SECONDS: Final = 10.0
LARGEST_ANSWER_BYTES: Final = 200_000
_CHUNK_BYTES: Final = 16_384
#: Answers after which the same call may go well later.
_LATER: Final = (408, 425, 429)


class AddressNotAllowed(BusinessError):
    """The address leads into our own network, or is none."""


class SecretUnknown(BusinessError):
    """The process names a secret that nobody has set up."""


class CallRefused(BusinessError):
    """The other system said no, and would say so again."""


class NoAnswer(Exception):
    """Nothing came back, or something that may be better later."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


@dataclass(frozen=True)
class Webhooks:
    """Calls other systems.

    Attributes:
        secrets: name -> secret, in the form of the Standard Webhooks (`whsec_` and base64).
        private: whether our own network may be called; only on a laptop and in tests.
    """

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    private: bool = False

    def send(self, url: str, body: str, secret_name: str, message_id: str, at: datetime) -> Answer:
        """One signed POST of JSON.

        Args:
            message_id: the same at each repeat, so that the other system can tell one.

        Raises:
            AddressNotAllowed, SecretUnknown, CallRefused: it would be the same at the next attempt.
            NoAnswer.
        """
        secret = self.secrets.get(secret_name)
        if secret is None:
            raise SecretUnknown(f"There is no secret {secret_name!r}.", "secret_name")
        parts = self._judged(url)
        headers = {
            "host": parts.netloc,
            "content-type": "application/json",
            "user-agent": "Vistobueno",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret).sign(message_id, at, body),
        }
        answer = self._post(parts, headers, body.encode())
        if answer.status in _LATER or answer.status >= 500:
            raise NoAnswer(f"{parts.hostname} answered {answer.status}")
        if not 200 <= answer.status < 300:
            raise CallRefused(f"{parts.hostname} answered {answer.status}.", "url")
        return answer

    def _judged(self, url: str) -> SplitResult:
        try:
            parts = urlsplit(url)
            fine = bool(parts.hostname) and parts.username is None and (parts.port or 1) > 0
        except ValueError:
            raise AddressNotAllowed(f"{url[:80]!r} is no address.", "url") from None
        if not fine or parts.scheme not in (("https", "http") if self.private else ("https",)):
            raise AddressNotAllowed("Only addresses with https:// and without a password are called.", "url")
        return parts

    def _post(self, parts: SplitResult, headers: Mapping[str, str], body: bytes) -> Answer:
        host, ends_at = str(parts.hostname), time.monotonic() + TOTAL_SECONDS
        address = self._resolved(host, parts.port or (443 if parts.scheme == "https" else 80))
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        with self._pool(parts, address) as pool:
            try:
                response = pool.urlopen(
                    "POST", path, body=body, headers=dict(headers), redirect=False, retries=False,
                    preload_content=False,
                )  # fmt: skip
                try:
                    return Answer(response.status, _read(response, ends_at))
                finally:
                    response.close()
            except (urllib3.exceptions.HTTPError, OSError) as failure:
                raise NoAnswer(f"{host}: {type(failure).__name__}") from None

    def _pool(self, parts: SplitResult, address: tuple[str, int]) -> urllib3.HTTPConnectionPool:
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=TOTAL_SECONDS)
        if parts.scheme == "http":
            return urllib3.HTTPConnectionPool(*address, timeout=timeout)
        return urllib3.HTTPSConnectionPool(
            *address,
            timeout=timeout,
            cert_reqs="CERT_REQUIRED",
            server_hostname=parts.hostname,
            assert_hostname=parts.hostname,
        )

    def _resolved(self, host: str, port: int) -> tuple[str, int]:
        """An address of a host all of whose addresses lie outside; raises AddressNotAllowed, NoAnswer."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            raise NoAnswer(f"{host} has no address") from None
        addresses = [str(each[4][0]) for each in found]
        if not self.private and not all(_is_outside(each) for each in addresses):
            raise AddressNotAllowed(f"{host} is not in the public network.", "url")
        return addresses[0], port


def _is_outside(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    return ip.is_global and not ip.is_multicast and (mapped is None or _is_outside(str(mapped)))


def _read(response: urllib3.BaseHTTPResponse, ends_at: float) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := response.read(_CHUNK_BYTES, decode_content=False):
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST_ANSWER_BYTES or time.monotonic() > ends_at:
            raise NoAnswer("the answer has no end")
    return b"".join(chunks)
