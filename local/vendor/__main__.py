"""`python -m local.vendor`: serves the sandbox shop on 127.0.0.1 until it is told to stop."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from local.vendor import READY
from local.vendor.catalogue import catalogue, load_catalogue
from local.vendor.faults import Switchboard
from local.vendor.server import VendorServer
from local.vendor.shop import Shop
from local.vendor.vendor import Vendor


def main() -> int:
    """Parse the command line and serve; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.vendor", description=__doc__)
    parser.add_argument("--port", type=int, default=8010, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--ledger", type=Path, required=True, help="JSON lines; made where it is missing")
    parser.add_argument("--catalogue", type=Path, help="JSON; the seeded default where it is not given")
    parser.add_argument("--until-stdin-ends", action="store_true", help="stop when standard input is closed")
    asked = parser.parse_args()
    articles = load_catalogue(asked.catalogue) if asked.catalogue else catalogue()
    board = Switchboard()
    vendor = Vendor(Shop(articles, asked.ledger, board), board)
    try:
        server = VendorServer((asked.host, asked.port), vendor)
    except OSError as reason:
        sys.stderr.write(
            f"The vendor sandbox cannot listen on {asked.host}:{asked.port}: {reason.strerror}\n"
        )
        return 1
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    if asked.until_stdin_ends:
        threading.Thread(target=_stop_with_stdin, args=(server,), daemon=True).start()
    sys.stdout.write(f"{READY}http://{asked.host}:{server.server_port}\n")
    sys.stdout.flush()
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        return 0
    return 0


def _stop_with_stdin(server: VendorServer) -> None:
    while os.read(0, 4096):  # not sys.stdin: its lock would be held when the interpreter ends
        pass
    server.shutdown()


if __name__ == "__main__":
    sys.exit(main())
