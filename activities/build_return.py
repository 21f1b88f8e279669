"""Carries ways back out as soon as they are asked for: one desk in each control worker, woken by the commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client
from temporalio.service import RPCError

from activities.emergency_return import CannotReturn, ReturnOrder, ReturnReport, free_runs, set_route_back
from gateways.temporal_builds import RouteRefused
from storage import build, build_return
from storage.build_return import DONE, REFUSED, ROUTED, BuildReturnRow

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReturnDesk:
    """Takes one way back after the other; several desks may stand side by side."""

    sessions: sessionmaker[Session]
    connect: Callable[[], Awaitable[Client]]

    async def carry_over(self) -> int:
        """Carry one out, if one is due; returns how many it were."""
        session = self.sessions()
        try:
            row = await asyncio.to_thread(build_return.claim, session)
            if row is None:
                return 0
            order = await asyncio.to_thread(self._order, row)
            try:
                await self._carry(row, order)
            except (RPCError, RuntimeError, TimeoutError) as error:
                log.warning(
                    "a return is not carried out yet", extra={"build": row.build_id, "error": str(error)}
                )
                await asyncio.to_thread(self._rest, row, f"Temporal does not answer: {error}")
        finally:
            await asyncio.to_thread(session.close)
        return 1

    def _order(self, row: BuildReturnRow) -> ReturnOrder:
        with self.sessions.begin() as session:
            alive = build.is_live(session, row.stable) if row.stable else None
        return ReturnOrder(
            build_id=row.build_id,
            reason=row.reason,
            stable=row.stable,
            # A build that is not known to live is looked at: the rows may be old.
            stable_is_alive=alive or None,
            can_replay=row.can_replay,
            freeze_only=row.freeze_only,
        )

    async def _carry(self, row: BuildReturnRow, order: ReturnOrder) -> None:
        client = await self.connect()
        why = ""
        try:
            report = await set_route_back(client, order)
        except (CannotReturn, RouteRefused) as refusal:
            why = str(refusal)
            order = replace(order, freeze_only=True)
            try:
                report = await set_route_back(client, order)
            except (CannotReturn, RouteRefused):
                await asyncio.to_thread(self._note, row, REFUSED, ReturnReport(row.build_id), why)
                return
            report.notes.append("frozen instead: nothing new goes there")
        report.keep_route_of(row.report)
        await asyncio.to_thread(self._note, row, ROUTED, report, why)
        await free_runs(client, order, report)
        await asyncio.to_thread(self._note, row, DONE, report, why)

    def _note(self, row: BuildReturnRow, state: str, report: ReturnReport, why: str) -> None:
        with self.sessions.begin() as session:
            build_return.note(session, row.id, state, report.to_detail(), why)

    def _rest(self, row: BuildReturnRow, why: str) -> None:
        with self.sessions.begin() as session:
            build_return.note_failed(session, row, why)
