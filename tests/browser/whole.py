"""The whole product behind the pages of a journey: both workers as processes, the shop, the mail. Knows no page."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests as http
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.flags import ProcessFlags
from local.mailbox import Mail
from local.program import PATIENCE_SECONDS
from local.room import Room
from local.vendor.catalogue import Article, simple_articles
from rules.flag import AUTOMATED_REVIEW, Level
from storage import flag
from storage.audit import SYSTEM
from storage.person import PersonRow
from storage.request import RequestRow
from tests.app.people import Company
from tests.app.wishes import RULES, put_in_force
from tests.conftest import FOLDER
from tests.post import Post
from tests.preloaded import Preloaded


@dataclass(frozen=True)
class Whole:
    """The running product and the people of the company."""

    company: Company
    sessions: sessionmaker[Session]
    vendor_url: str
    post: Post

    def ordered(self) -> list[str]:
        """The order numbers in the vendor's own ledger."""
        answer = http.get(f"{self.vendor_url}/sandbox/ledger", timeout=PATIENCE_SECONDS)
        orders: list[dict[str, Any]] = answer.json()["orders"]
        return [str(order["order_id"]) for order in orders]

    def requests(self) -> list[str]:
        """The numbers of all requests."""
        with self.sessions.begin() as session:
            return list(session.scalars(select(RequestRow.number).order_by(RequestRow.number)))

    def mail_to(self, person: PersonRow, subject: str) -> Mail:
        """The first mail to somebody whose subject begins like this, as soon as it has come."""
        count = 1
        while True:
            mails = self.post.wait_for(count)
            for mail in mails:
                if person.email in mail.recipients and mail.subject.startswith(subject):
                    return mail
            count = len(mails) + 1


def link_in(mail: Mail) -> str:
    """The one link of a mail."""
    (link,) = re.findall(r"https?://\S+", mail.text)
    return str(link)


def article(category: str, *, above: int, below: int) -> Article:
    """Something simple to buy in the shop, in a price range in EUR."""
    return next(
        each for each in simple_articles() if each.category == category and above < each.unit_price < below
    )


@contextmanager
def running(
    environment: Mapping[str, str],
    app: Flask,
    company: Company,
    sessions: sessionmaker[Session],
    post: Post,
) -> Iterator[Whole]:
    """Both workers beside a web server that serves already, rules in force and the automated review on."""
    put_in_force(sessions, replace(RULES, department_limits=()))
    with sessions.begin() as session:
        wish = flag.Change(AUTOMATED_REVIEW, Level.EVERYONE, "", True, "for this test")
        flag.set_value(session, wish, SYSTEM)
        revision = flag.read_truth(session).revision
    room = Room(Path(os.environ[FOLDER]))
    roles = ("control", "approvals")
    programs = [
        Preloaded(f"{role}-{uuid4().hex}", [sys.executable, "worker.py", role], environment, room)
        for role in roles
    ]
    try:
        for program in programs:
            program.start()
        for role, program in zip(roles, programs, strict=True):
            program.wait_for_words(f"{role} worker is ready")
        flags: ProcessFlags = app.extensions["flags"]
        assert flags.copy().wait_for_revision(revision, PATIENCE_SECONDS)
        yield Whole(company, sessions, environment["VENDOR_URL"], post)
    finally:
        for program in programs:
            if program.runs:
                program.kill()
