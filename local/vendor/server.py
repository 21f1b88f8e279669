"""The sandbox vendor over HTTP: connections, threads, bytes. Knows no goods."""

from __future__ import annotations

import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from local.vendor.delivery import deliver
from local.vendor.request import Request
from local.vendor.vendor import Vendor

_LARGEST_REQUEST_BYTES: Final = 1_000_000


class VendorServer(ThreadingHTTPServer):
    """One thread a connection; connections stay open until the other side ends them."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(self, address: tuple[str, int], vendor: Vendor) -> None:
        self.vendor = vendor
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: VendorServer
    connection: socket.socket

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # the other side went away; there is nobody to tell

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        if not 0 <= length <= _LARGEST_REQUEST_BYTES:
            self.send_error(413)
            return
        vendor = self.server.vendor
        request = Request(self.command, self.path, dict(self.headers.items()), self.rfile.read(length))
        reply, fault = vendor.answer(request)
        if not deliver(self.connection, reply, fault, vendor.board.wait):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is the standard library's
        """Nothing: the ledger says what happened."""
