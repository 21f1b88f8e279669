"""The servers of the tests: real, shared, and each test alone in its corner."""

from __future__ import annotations

import asyncio
import smtplib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from tests.loop import ThreadRunner
from tests.servers import host_and_port

if TYPE_CHECKING:
    from redis import Redis
    from sqlalchemy.orm import Session, sessionmaker
    from temporalio.client import Client

    from settings import Settings
    from tests.post import Post

ADD_DEPARTMENT = "INSERT INTO department (id, name) VALUES ('it', 'IT')"
COUNT_DEPARTMENTS = "SELECT count(*) FROM department"


@pytest.mark.parametrize("turn", [1, 2])
def test_what_a_test_commits_is_gone_in_the_next(sessions: sessionmaker[Session], turn: int) -> None:
    with sessions.begin() as session:
        assert session.scalar(text(COUNT_DEPARTMENTS)) == 0
        session.execute(text(ADD_DEPARTMENT))
    with sessions() as session:
        assert session.scalar(text(COUNT_DEPARTMENTS)) == 1


@pytest.mark.parametrize("turn", [1, 2])
def test_a_single_session_takes_back_even_what_it_committed(session: Session, turn: int) -> None:
    assert session.scalar(text(COUNT_DEPARTMENTS)) == 0
    session.execute(text(ADD_DEPARTMENT))
    session.commit()
    assert session.scalar(text(COUNT_DEPARTMENTS)) == 1


def test_the_products_role_cannot_change_the_schema(session: Session) -> None:
    with pytest.raises(ProgrammingError, match="must be owner of table audit"):
        session.execute(text("DROP TABLE audit"))


@pytest.mark.parametrize("turn", [1, 2])
def test_the_messenger_is_empty_for_every_test(redis: Redis, turn: int) -> None:
    assert redis.keys("*") == []
    redis.set("left", "behind")


def test_every_test_has_its_own_corner_of_temporal(temporal_client: Client, runner: ThreadRunner) -> None:
    assert temporal_client.namespace.startswith("test-")
    assert runner.run(temporal_client.count_workflows("Department = 'it'")).count == 0


def test_a_caught_mail_wakes_whoever_waits_for_it(smtp: Post) -> None:
    with smtplib.SMTP(*host_and_port(smtp.url)) as server:
        server.sendmail("a@example.org", ["b@example.org"], "Subject: Hello\r\n\r\nText")
    [mail] = smtp.wait_for(1)
    assert (mail.subject, mail.text, mail.recipients) == ("Hello", "Text\r\n", "b@example.org")


def test_the_settings_of_a_test_name_its_own_parts(settings: Settings, vendor: str, smtp: Post) -> None:
    assert (settings.vendor_url, settings.smtp_url) == (vendor, smtp.url)


def test_a_coroutine_runs_although_the_thread_of_the_test_has_a_loop(runner: ThreadRunner) -> None:
    async def with_a_loop_of_its_own() -> str:
        return runner.run(asyncio.sleep(0, "done"))

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(asyncio.run, with_a_loop_of_its_own()).result() == "done"
