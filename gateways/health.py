"""How a worker tells machines that it lives and serves: two pages, as the web server has them. Knows no worker.

/healthz   200 while the event loop turns; what is around may be away
/readyz    200 while it serves and all that it needs answers, else 503

`python -m gateways.health URL` asks one of them and ends with 0 for a yes: an image needs no curl.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from http.client import HTTPException
from urllib.request import ProxyHandler, Request, build_opener

#: What a question may take, in seconds: longer than any store may take to say no.
PATIENCE_SECONDS = 6.0

Check = Callable[[], Awaitable[bool]]


class CannotListen(Exception):
    """The address of the door is taken, or none of this machine's; the message names it."""


class Door:
    """What is answered at the door; ready only in the `serving` block of whoever serves."""

    def __init__(self) -> None:
        self._needs: Check | None = None

    @contextmanager
    def serving(self, needs: Check) -> Iterator[None]:
        """Ready as long as the block lasts, whenever `needs` says yes."""
        self._needs = needs
        try:
            yield
        finally:
            self._needs = None

    async def answer(self, path: str) -> HTTPStatus:
        """What a page says now."""
        if path == "/healthz":
            return HTTPStatus.OK
        if path != "/readyz":
            return HTTPStatus.NOT_FOUND
        is_ready = self._needs is not None and await self._needs()
        return HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE


@asynccontextmanager
async def open_door(address: str | None) -> AsyncIterator[Door]:
    """A door at host:port as long as the block lasts; without an address one at which nobody can ask.

    Raises CannotListen.
    """
    door = Door()
    if address is None:
        yield door
        return
    host, _, port = address.rpartition(":")
    try:
        server = await asyncio.start_server(lambda *ends: _serve(door, *ends), host, int(port))
    except OSError as refused:
        raise CannotListen(f"cannot listen on {address}: {refused.strerror}") from refused
    try:
        yield door
    finally:
        server.close()


async def _serve(door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One question, one answer."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            asked = (await reader.readuntil(b"\r\n\r\n")).split(maxsplit=2)
            status = await door.answer(asked[1].decode("latin-1") if len(asked) == 3 else "")
            text = f"{status.phrase}\n"
            writer.write(
                f"HTTP/1.1 {status} {status.phrase}\r\nContent-Type: text/plain\r\n"
                f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode("ascii")
            )
            await writer.drain()
    except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        pass  # who asks so, or waits no longer, gets no answer: for a probe that is a no
    finally:
        writer.close()


def ask(url: str, host: str | None = None) -> str:
    """Ask once: an empty text for a yes, else why not. `host` is the name under which the product answers."""
    request = Request(url, headers={"Host": host} if host else {})  # noqa: S310 (our own command's argument)
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=PATIENCE_SECONDS):
            return ""
    except (OSError, HTTPException, ValueError) as no:
        return str(no)


def main() -> int:
    """The command line: see the top of this file."""
    parser = argparse.ArgumentParser(prog="python -m gateways.health")
    parser.add_argument("url")
    parser.add_argument(
        "--host", help="the Host to ask for, where the product answers to its public name only"
    )
    asked = parser.parse_args()
    why_not = ask(asked.url, asked.host)
    if why_not:
        sys.stderr.write(f"{asked.url}: {why_not}\n")
    return 1 if why_not else 0


if __name__ == "__main__":
    sys.exit(main())
