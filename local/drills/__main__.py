"""`python -m local.drills`: the drills, and the small programs that they and others use. Knows the command line only."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from local.drills.catalogue import DRILLS, LONG, QUICK
from rules.build import check_build_id
from rules.errors import Invalid

PAGE_PORT = 8055


def _build(text: str) -> str:
    try:
        return check_build_id(text)
    except Invalid as refusal:
        raise argparse.ArgumentTypeError(refusal.message) from None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError("must be a port from 0 to 65535")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.drills", description="Without a command: the list."
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run = commands.add_parser("run", help="do a drill and tell it here")
    run.add_argument("key", choices=[*(drill.key for drill in DRILLS), "all"])
    run.add_argument("--quick", action="store_true", help="about half a minute; else about five minutes")
    run.add_argument("--verdict", type=Path, help="also write the verdict to this file, as JSON")
    run.add_argument("--story", type=Path, help="write the story to this file instead of the usual folder")
    page = commands.add_parser("page", help="the drills as a page on this machine")
    page.add_argument("--port", type=_port, default=PAGE_PORT, help=f"default {PAGE_PORT}; 0: a free one")
    worker = commands.add_parser("worker", help="serve the lifecycle until told to end")
    worker.add_argument("--build", type=_build, help="which build of the code this is")
    worker.add_argument(
        "--unversioned", action="store_true", help="serve without versions; a build is only a name"
    )
    worker.add_argument("--name", default="", help="how it signs its work; default: the host's name")
    worker.add_argument("--slots", type=int, default=10, help="how many steps at once")
    worker.add_argument(
        "--fails", action="append", default=[], metavar="STEP", help="a step that goes wrong here"
    )
    for command, steps in (("lifecycle", "six steps of four seconds"), ("quick", "two short steps")):
        client = commands.add_parser(command, help=f"start a run of {steps} and follow it")
        client.add_argument("--build", type=_build, help="hold the run on this build")
    return parser


def _work(given: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    from local.drills import lifecycle, lifecycle_worker

    if not (given.build or given.unversioned):
        parser.error("worker: name the build with --build, or say --unversioned")
    if given.slots < 1:
        parser.error("--slots: must be at least 1")
    try:
        fails = lifecycle.fails_at(given.fails)
    except ValueError as wrong:
        parser.error(str(wrong))
    name = given.name or lifecycle_worker.host_name()
    post = lifecycle_worker.Post(name, given.build or "", not given.unversioned, fails, given.slots)
    return lifecycle_worker.main(post)


def _start(given: argparse.Namespace) -> int:
    from local.drills import lifecycle_client
    from local.drills.terminal import Terminal

    return lifecycle_client.main(given.command, given.build or "", os.environ, Terminal().show)


def _run(given: argparse.Namespace) -> int:
    from local.drills import performance

    keys = [drill.key for drill in DRILLS] if given.key == "all" else [given.key]
    return performance.run(keys, QUICK if given.quick else LONG, given.verdict, given.story)


def _page(given: argparse.Namespace) -> int:
    from local.drills import page

    return page.main(given.port)


def _list() -> int:
    from local.drills.terminal import Terminal

    Terminal().list(DRILLS)
    return 0


def main() -> int:
    """The command line. Each command loads only what it needs: a worker has to be up in a second."""
    parser = _parser()
    given = parser.parse_args()
    if given.command == "worker":
        return _work(given, parser)
    if given.command in {"lifecycle", "quick"}:
        return _start(given)
    if given.command == "run":
        return _run(given)
    if given.command == "page":
        return _page(given)
    return _list()


if __name__ == "__main__":
    ended = main()
    if "temporalio.client" in sys.modules:
        from gateways.temporal import leave

        leave(ended)
    sys.exit(ended)
