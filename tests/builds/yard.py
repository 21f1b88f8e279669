"""The yard on which builds are tried: starts them as processes, with the code as it is or changed on the way."""

from __future__ import annotations

import operator
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from temporalio.client import Client
from temporalio.service import RPCError

from gateways import temporal, temporal_builds, temporal_pollers
from gateways.temporal_builds import Deployment
from local.code_copy import changed_code
from local.program import PATIENCE_SECONDS, ROOT, Program
from local.room import Room
from rules.build import BuildState
from rules.messages import PurchaseInput
from rules.request import Status, workflow_id
from storage.person import PersonRow
from storage.request import RequestRow
from tests.loop import ThreadRunner
from tests.preloaded import Preloaded
from tests.workflows.desk import Desk

T = TypeVar("T")

#: The server takes few questions about a deployment a second.
LOOK_SECONDS: Final = 0.2


class Yard:
    """The control worker and any number of builds, each a process that a test may kill."""

    def __init__(
        self, environment: Mapping[str, str], desk: Desk, runner: ThreadRunner, folder: Path
    ) -> None:
        self.desk = desk
        self.folder = folder
        self._environment = dict(environment)
        self._runner = runner
        self.room = Room(folder / "room")
        self._owner = self.room.become_owner()
        self.programs: dict[str, Program] = {}

    @property
    def client(self) -> Client:
        """The client of the test's namespace."""
        return self.desk.client

    def run(self, work: Awaitable[T]) -> T:
        """The result of a coroutine, in the loop of the test."""

        async def awaiting() -> T:
            return await work

        return self._runner.run(awaiting())

    # Processes

    def start_control(self) -> Program:
        """Start the control worker and wait until it serves."""
        return self._start("control", ["control"], "control worker is ready", ROOT)

    def start_build(self, build_id: str, code: Path = ROOT, note: str = "") -> Program:
        """Start a build and wait until it serves.

        Args:
            code: the folder of its code; see `changed_code`.
        """
        words = "approvals worker is ready"
        return self._start(build_id, ["approvals", "--build", build_id], words, code, note)

    def _start(self, name: str, arguments: list[str], ready: str, code: Path, note: str = "") -> Program:
        command = [sys.executable, "worker.py", *arguments]
        environment = {**self._environment, "BUILD_NOTE": note}
        program = self.programs[name] = Preloaded(name, command, environment, self.room, code)
        program.start()
        program.wait_for_words(ready)
        return program

    def changed_code(self, name: str, path: str, *changes: tuple[str, str]) -> Path:
        """A copy of the code in which these texts of one file stand changed; each must be there once.

        The same name again changes the same copy.
        """
        return changed_code(self.folder / name, path, *changes)

    def close(self) -> None:
        """End all processes."""
        for program in self.programs.values():
            program.ask_to_end()
        for program in self.programs.values():
            program.end()

    # Requests

    def submit(
        self, *, dear: bool = False, held_on: str | None = None, by: PersonRow | None = None
    ) -> RequestRow:
        """Submit a request, as the page does, and let it be carried over.

        Args:
            by: whose request it is; None is Ana's.
            dear: the review leaves it to her manager.
            held_on: start its run on this build, past the rules of routing.
        """
        desk = self.desk
        article = desk.article(dearer_than=500, cheaper_than=2500) if dear else desk.article()
        if held_on is None:
            return desk.submit(article, by=by)
        self.programs["control"].send(signal.SIGSTOP)  # else it would be faster than we are
        try:
            row = desk.submit(article, by=by)
            given = PurchaseInput(
                str(row.id),
                row.number,
                row.department_id,
                str(row.requester_id),
                "Ana",
                row.title,
                "1",
                "EUR",
            )
            self.run(temporal.start_approval(self.client, workflow_id(row.id), given, held_on))
        finally:
            self.programs["control"].send(signal.SIGCONT)
        return row

    # Looking

    def until(self, look: Callable[[], T], is_there: Callable[[T], Any] = bool) -> T:
        """Look again and again until it is there; raises AssertionError with the last sight after long enough.

        A call to the server that gets no answer in time is no sight: a busy machine is no failure of the product.
        """
        pause, ends_at = threading.Event(), time.monotonic() + PATIENCE_SECONDS
        seen: object = None
        while time.monotonic() < ends_at:
            try:
                seen = found = look()
                if is_there(found):
                    return found
            except RPCError as late:
                if late.status not in temporal.NO_ANSWER:
                    raise
                seen = late
            pause.wait(LOOK_SECONDS)
        said = "\n".join(f"{name}: {each.words[-1500:]}" for name, each in self.programs.items())
        raise AssertionError(f"after {PATIENCE_SECONDS:g} s it is still {seen}\n{said}")

    def deployment(self) -> Deployment:
        """Builds and route as the server tells them."""
        return self.run(temporal_builds.describe(self.client))

    def await_current(self, build_id: str) -> Deployment:
        """Wait until a build is current, and until every queue sends new work there, which it does a little later."""
        found = self.until(self.deployment, lambda found: found.route.current == build_id)
        self.until(
            lambda: self.run(temporal_pollers.routes(self.client)),
            lambda seen: {each.current for each in seen.values()} == {build_id},
        )
        return found

    def await_build(self, build_id: str, *states: BuildState) -> Deployment:
        """Wait until the server knows a build on all its queues, in one of these states if any are named."""
        self.until(lambda: self.run(temporal_pollers.not_entered(self.client, build_id)), operator.not_)
        return self.until(
            self.deployment,
            lambda found: any(
                each.build_id == build_id and (not states or each.state in states) for each in found.builds
            ),
        )

    def await_status(self, row: RequestRow, *statuses: Status) -> RequestRow:
        """Wait until a request stands in one of these states."""
        return self.until(lambda: self.desk.look(row), lambda found: found.status in statuses)
