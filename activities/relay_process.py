"""Carries messages to runs of processes: starts, wakes, operations, cancellations, moves. Decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client

from gateways import temporal
from rules.outbox import Kind
from rules.process_messages import (
    SIGNAL_CANCEL,
    SIGNAL_MOVE,
    SIGNAL_OPERATE,
    SIGNAL_WAKE,
    Move,
    Operation,
    ProcessInput,
    Wake,
    run_workflow_id,
)
from storage import process, process_run

FOR_PROCESSES: Final = (
    Kind.START_PROCESS,
    Kind.SIGNAL_PROCESS,
    Kind.OPERATE_PROCESS,
    Kind.CANCEL_PROCESS,
    Kind.MOVE_PROCESS,
)


class NotStartedYet(Exception):
    """The run's start is still on its way, so its message has to come again."""


async def carry_to_process(
    client: Client, sessions: sessionmaker[Session], kind: Kind, payload: Mapping[str, Any]
) -> str | None:
    """Carry one message; a returned sentence tells of one that came too late to matter.

    Raises:
        NotStartedYet, RPCError.
    """
    run_id = UUID(payload["run_id"])
    if kind is Kind.START_PROCESS:
        title = await asyncio.to_thread(_title, sessions, payload["process"])
        await temporal.start_process(client, ProcessInput(**payload), title)
        return None
    name, given = _signal(kind, payload)
    try:
        await temporal.signal(client, run_workflow_id(str(run_id)), name, given)
    except temporal.NoSuchRun:
        if await asyncio.to_thread(_is_open, sessions, run_id):
            raise NotStartedYet(str(run_id)) from None
        return f"{name} came after the end"
    return None


def _signal(kind: Kind, payload: Mapping[str, Any]) -> tuple[str, Wake | Operation | Move | str]:
    named = {name: value for name, value in payload.items() if name != "run_id"}
    if kind is Kind.SIGNAL_PROCESS:
        return SIGNAL_WAKE, Wake(**named)
    if kind is Kind.OPERATE_PROCESS:
        return SIGNAL_OPERATE, Operation(**named)
    if kind is Kind.MOVE_PROCESS:
        return SIGNAL_MOVE, Move(**named)
    return SIGNAL_CANCEL, str(named["reason"])


def _title(sessions: sessionmaker[Session], key: str) -> str:
    with sessions.begin() as session:
        return process.by_key(session, key).title


def _is_open(sessions: sessionmaker[Session], run_id: UUID) -> bool:
    with sessions.begin() as session:
        return process_run.by_id(session, run_id).status == process_run.OPEN
