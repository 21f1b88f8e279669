"""What one was told on the page, behind the bell. The words come from rules/notification.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import database
from app.access import current_person, opens
from app.errors import is_htmx
from app.pages.account.routes import pages
from rules.errors import Invalid
from rules.person import Act
from storage import notification, request_list
from storage.notification import NotificationRow


@dataclass(frozen=True)
class Notice:
    """One message as the page shows it."""

    subject: str
    text: str
    at: datetime
    is_new: bool
    number: str | None


@pages.get("/notifications", endpoint="notifications")
@opens(Act.USE_ACCOUNT)
def show_notifications() -> ResponseReturnValue:
    """The newest first, the unread ones marked. Showing them changes nothing: a POST marks them read."""
    session = database.session()
    rows = notification.on_page(session, current_person().id)
    numbers = request_list.numbers(session, {row.request_id for row in rows if row.request_id})
    notices = [_notice(row, numbers.get(row.request_id) if row.request_id else None) for row in rows]
    return render_template(
        "account/notifications.html",
        notices=notices,
        unread=sum(notice.is_new for notice in notices),
        newest=rows[0].id if rows else 0,
    )


def _notice(row: NotificationRow, number: str | None) -> Notice:
    # The last paragraph is the link, which the page makes of the number.
    text = row.body.rstrip().rpartition("\n\n")[0] or row.body
    return Notice(row.subject, text, row.created_at, row.read_at is None, number)


@pages.post("/notifications/read")
@opens(Act.USE_ACCOUNT)
def mark_notifications_read() -> ResponseReturnValue:
    """Note that what the page showed was seen; what came since stays unread."""
    newest = request.form.get("newest", "")
    if not (newest.isascii() and newest.isdigit() and len(newest) < 19):
        raise Invalid("The page did not say which messages it showed.", "newest")
    notification.mark_read(database.session(), current_person().id, int(newest))
    database.commit()
    return Response(status=200) if is_htmx() else redirect(url_for("account.notifications"), 303)
