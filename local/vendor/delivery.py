"""How an answer travels, faults included: whole, late, cut, twice, or not at all. Knows sockets, no goods."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

from local.vendor.faults import Fault
from local.vendor.wire import error_document
from rules.exact_json import write_exact

Wait = Callable[[float], bool]

_RATE: Final = {"x-amzn-RateLimit-Limit": "0.5"}
_PAGE: Final = b"<!doctype html><title>Service notice</title><h1>We will be back soon</h1>"


@dataclass(frozen=True)
class Reply:
    """One HTTP answer."""

    status: int
    body: bytes
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    def packed(self, *, length: int | None = None) -> bytes:
        """The answer as it goes over the wire, in one piece."""
        head = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"Content-Type: {self.kind}",
            f"Content-Length: {len(self.body) if length is None else length}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + self.body


def json_reply(status: int, document: Any, headers: Mapping[str, str] = _RATE) -> Reply:
    """A document as an answer, with the rate header of the APIs."""
    return Reply(status, write_exact(document).encode(), headers=tuple(headers.items()))


def instead_of_acting(fault: Fault) -> Reply | None:
    """What a call gets that takes no effect; None where it gets nothing at all."""
    match fault.scenario:
        case "token_expired":
            return json_reply(403, error_document("UNAUTHORIZED", "The access token has expired."))
        case "busy":
            return json_reply(
                429,
                error_document("QUOTA_EXCEEDED", "Too many requests."),
                {**_RATE, "Retry-After": f"{fault.seconds:g}"},
            )
        case "errors_in_200":
            return json_reply(200, error_document("SERVICE_ERROR", "Something went wrong."))
        case "redirect":
            return Reply(302, b"", headers=(("Location", "http://127.0.0.1:9/elsewhere"),))
        case "html_answer":
            return Reply(200, _PAGE, kind="text/html")
        case "html_404":
            return Reply(404, _PAGE, kind="text/html")
        case "error_500" | "error_500_after_order":
            return json_reply(500, error_document("SERVICE_ERROR", "Internal failure."))
        case "oversized":
            return Reply(200, b"{" + b" " * 3_000_000 + b"}")
        case _:
            return None


def deliver(connection: socket.socket, reply: Reply, fault: Fault | None, wait: Wait) -> bool:
    """Send `reply` as the fault wants it. Returns whether the connection may be used again."""
    if fault is None:
        connection.sendall(reply.packed())
        return True
    match fault.scenario:
        case "reset" | "lost_answer" | "lost_answer_visible_late":
            _reset(connection)
            return False
        case "hang":
            wait(fault.seconds)
            return False
        case "slow":
            wait(fault.seconds)
            connection.sendall(reply.packed())
            return False
        case "trickle":
            return _trickle(connection, reply.packed(), fault.seconds, wait)
        case "cut_json":
            connection.sendall(replace(reply, body=reply.body[: len(reply.body) // 2]).packed())
            return True
        case "cut_connection":
            half = replace(reply, body=reply.body[: len(reply.body) // 2])
            connection.sendall(half.packed(length=len(reply.body)))
            return False
        case "answers_twice":
            connection.sendall(reply.packed() * 2)
            return True
        case _:
            connection.sendall((instead_of_acting(fault) or reply).packed())
            return True


def _trickle(connection: socket.socket, data: bytes, pause_seconds: float, wait: Wait) -> bool:
    for index in range(len(data)):
        connection.sendall(data[index : index + 1])
        if wait(pause_seconds):
            return False
    return True


def _reset(connection: socket.socket) -> None:
    """Make the close that follows a reset instead of an orderly end."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
