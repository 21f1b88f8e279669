"""Lets triggers see an event: one transaction for each trigger that listens. What starts is decided in rules/."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from rules.process_trigger import Event
from storage import process_trigger


def show_event(sessions: sessionmaker[Session], told: Mapping[str, Any]) -> None:
    """Start what an event starts; shown twice, it starts nothing more.

    Args:
        told: the event as the outbox carries it.
    """
    event = Event.from_content(told)
    with sessions.begin() as session:
        listening = process_trigger.listening(session, event)
    for trigger_id in listening:
        with sessions.begin() as session:
            process_trigger.fire(session, trigger_id, event, told)
