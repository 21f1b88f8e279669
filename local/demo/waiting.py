"""The requests that wait for managers when the demo company opens: real ones, submitted like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta

from sqlalchemy.orm import Session

from local.demo.company import Waiting
from local.vendor.catalogue import Article
from rules.request import Draft, Typed, judge_draft, payload_hash
from storage.database import now
from storage.person import PersonRow
from storage.request import RequestRow, submit


def submit_waiting(
    session: Session,
    waiting: Sequence[Waiting],
    people: Mapping[str, PersonRow],
    articles: Sequence[Article],
) -> list[RequestRow]:
    """Submit each of them; its workflow starts when the workers run.

    Args:
        people: login -> row.
    """
    today = now(session).date()
    rows = []
    for one in waiting:
        requester = people[one.login]
        typed = type_in(one, articles, today)
        draft = judge(one, typed, articles, requester.department_id, today)
        rows.append(submit(session, draft, requester, f"demo-{one.login}", payload_hash(asdict(typed))))
    return rows


def type_in(one: Waiting, articles: Sequence[Article], today: date) -> Typed:
    """The form as somebody would have filled it in."""
    article = find(one, articles)
    needed_by = today + timedelta(days=one.needed_in_days) if one.needed_in_days else None
    return Typed(
        product_link=article.url,
        quantity=str(one.quantity),
        currency=article.currency,
        amount=str(article.unit_price * one.quantity),
        reason=one.reason,
        needed_by=needed_by.isoformat() if needed_by else "",
    )


def judge(one: Waiting, typed: Typed, articles: Sequence[Article], department_id: str, today: date) -> Draft:
    """The draft that the form means; raises InvalidFields like the form itself would."""
    return judge_draft(typed, find(one, articles).as_product(), department_id, today)


def find(one: Waiting, articles: Sequence[Article]) -> Article:
    """The article that somebody asks for; raises ValueError where the shop has none or several."""
    (article,) = (each for each in articles if each.title.endswith(one.article))
    return article
