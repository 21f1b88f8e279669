"""An approval desk for each test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest
from sqlalchemy.orm import Session, sessionmaker

from settings import Settings
from tests.company import hire
from tests.loop import ThreadRunner
from tests.workflows.desk import Desk, open_desk

T = TypeVar("T")


@pytest.fixture
def desk(settings: Settings, sessions: sessionmaker[Session], runner: ThreadRunner) -> Iterator[Desk]:
    """A desk with people, rules in force and the automated review on; its loop is `runner`'s."""
    with sessions.begin() as session:
        company = hire(session)
    opening = open_desk(settings, sessions, company)
    yield runner.run(opening.__aenter__())
    runner.run(opening.__aexit__(None, None, None))


@pytest.fixture
def play(desk: Desk, runner: ThreadRunner) -> Callable[[Callable[[Desk], Awaitable[T]]], T]:
    """Plays a journey on the desk to its end."""

    def play_it(journey: Callable[[Desk], Awaitable[Any]]) -> Any:
        async def playing() -> Any:
            return await journey(desk)

        return runner.run(playing())

    return play_it
