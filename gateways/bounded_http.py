"""HTTP calls that end: connect, read and total deadlines, a size cap, no redirects, no proxies from the environment.

Tells apart what was never sent from what may have been acted upon. Knows nothing of who is called.
"""

from __future__ import annotations

import http.client
import http.cookiejar
import io
import socket
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Literal

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

LARGEST_BODY_BYTES: Final = 2_000_000
_CHUNK_BYTES: Final = 65_536

#: time.monotonic() at which the call running in this context has to be over.
_ends_at: ContextVar[float] = ContextVar("ends_at")


class NotSent(Exception):
    """No connection came about: the other side cannot have acted."""


class AnswerLost(Exception):
    """The request may have arrived, but no whole answer came back: the other side may have acted."""


@dataclass(frozen=True)
class Deadlines:
    """Seconds to connect, between two bytes, and for everything."""

    connect_seconds: float = 3.0
    read_seconds: float = 10.0
    total_seconds: float = 15.0


@dataclass(frozen=True)
class HttpAnswer:
    """A whole answer. Header names are lower case; the body is as it came, not decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class BoundedHttp:
    """Makes calls within `deadlines`. Safe for many threads: each keeps connections of its own."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._local = threading.local()

    def send(
        self,
        method: Literal["GET", "POST"],
        url: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        fresh: bool = False,
    ) -> HttpAnswer:
        """One call, whatever its status. Never repeated.

        Args:
            fresh: on a new connection. A kept one may be closed by the other side in the moment of sending, and
                then nobody knows whether the call arrived.

        Raises:
            NotSent: when no connection came about.
            AnswerLost: on a deadline, a reset, a cut or an oversized answer.
        """
        session = self._session()
        if fresh:
            session.close()
        token = _ends_at.set(time.monotonic() + self._deadlines.total_seconds)
        try:
            return self._exchange(session, method, url, headers, params, body)
        except (NotSent, AnswerLost):
            session.close()  # what is left on its connections belongs to no later call
            raise
        finally:
            _ends_at.reset(token)

    def forget_connections(self) -> None:
        """Close this thread's connections, for callers that found an answer which belongs to another call."""
        self._session().close()

    def _exchange(
        self,
        session: requests.Session,
        method: str,
        url: str,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None,
        body: bytes | None,
    ) -> HttpAnswer:
        # The chain of causes is cut: requests' exceptions carry the request, and with it tokens.
        try:
            with session.request(
                method,
                url,
                headers={**headers, "accept-encoding": "identity"},
                params=params,
                data=body,
                stream=True,
                allow_redirects=False,
                timeout=(self._deadlines.connect_seconds, self._deadlines.read_seconds),
            ) as response:
                names = {name.lower(): value for name, value in response.headers.items()}
                return HttpAnswer(response.status_code, names, _read_body(response))
        except requests.RequestException as failure:
            if _was_never_sent(failure):
                raise NotSent(_plain(failure)) from None
            raise AnswerLost(_plain(failure)) from None
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as failure:
            raise AnswerLost(_plain(failure)) from None

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
            session.mount("http://", _DeadlineAdapter())
            session.mount("https://", _DeadlineAdapter())
            self._local.session = session
        return session


def _read_body(response: requests.Response) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := response.raw.read(_CHUNK_BYTES, decode_content=False):
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST_BODY_BYTES:
            response.raw.close()
            raise AnswerLost(f"the answer is larger than {LARGEST_BODY_BYTES} bytes")
    return b"".join(chunks)


def _was_never_sent(failure: requests.RequestException) -> bool:
    if isinstance(failure, requests.ConnectTimeout):
        return True
    cause = failure.args[0] if failure.args else None
    reason = getattr(cause, "reason", None)
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


def _plain(failure: Exception) -> str:
    """The kind of failure without its text, which may hold addresses and headers."""
    return type(failure).__name__


class _DeadlineReader(io.RawIOBase):
    """A socket as a file whose every read ends at the call's deadline, headers included: a read timeout alone
    would let a peer that sends one byte a second hold a thread for hours."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._socket = connection
        self._file = connection.makefile("rb", buffering=0)
        self._read_seconds = connection.gettimeout()
        self._ends_at = _ends_at.get()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call's deadline is over")
        self._socket.settimeout(left if self._read_seconds is None else min(left, self._read_seconds))
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


class _DeadlineResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_DeadlineReader(sock))


class _PlainConnection(HTTPConnection):
    response_class = _DeadlineResponse


class _TlsConnection(HTTPSConnection):
    response_class = _DeadlineResponse


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _DeadlineAdapter(HTTPAdapter):
    """Builds connections whose answers are read against the call's deadline, and never repeats a call."""

    def __init__(self) -> None:
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
