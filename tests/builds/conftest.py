"""Builds as processes of their own beside a control worker, on the real server; a test says which and with what code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from settings import Settings
from tests.builds.yard import Yard
from tests.company import hire
from tests.loop import ThreadRunner
from tests.workflows.desk import open_desk


@pytest.fixture
def yard(
    environment: dict[str, str],
    settings: Settings,
    sessions: sessionmaker[Session],
    runner: ThreadRunner,
    tmp_path: Path,
) -> Iterator[Yard]:
    """A yard with people, rules in force, the automated review on, and the control worker at work."""
    with sessions.begin() as session:
        company = hire(session)
    opening = open_desk(settings, sessions, company)
    desk = runner.run(opening.__aenter__())
    yard = Yard(environment, desk, runner, tmp_path)
    try:
        yard.start_control()
        yield yard
    finally:
        yard.close()
        runner.run(opening.__aexit__(None, None, None))
