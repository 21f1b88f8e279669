"""What people were told and whether it reached them. Words come from rules/notification.py; sending is elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    any_,
    bindparam,
    func,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.notification import Channel, Kind, Words
from rules.outbox import rest_seconds
from storage.database import Base
from storage.person import PersonRow

#: The Postgres channel on which a commit wakes the deliverer; a trigger of the table rings it.
CHANNEL = "notification"
#: After so many failures a mail or chat message is given up; the page always shows it.
MOST_ATTEMPTS = 12


class NotificationRow(Base):
    """One message to one person on one channel.

    Attributes:
        request_id: None for what concerns no request, such as a rollout.
        recipient_id: None for a chat channel, which belongs to nobody.
        step: tells repeats of one kind apart, such as the second reminder.
    """

    __tablename__ = "notification"
    __table_args__ = (
        Index(
            "uq_notification_once",
            "request_id", "recipient_id", "kind", "step", "channel",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_notification_recipient_id_created_at", "recipient_id", "created_at"),
        Index(
            "ix_notification_unsent",
            "next_attempt_at",
            postgresql_where=text("sent_at IS NULL AND given_up_at IS NULL AND channel <> 'page'"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    request_id: Mapped[UUID | None] = mapped_column(ForeignKey("request.id"))
    recipient_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[str]
    step: Mapped[str]
    channel: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    read_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    sent_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


_NOTIFICATIONS = Base.metadata.tables[NotificationRow.__tablename__]
# One parameter for however many rows, so that Postgres knows the statement already.
_WRITE = text(
    """
    INSERT INTO notification (request_id, recipient_id, kind, step, channel, subject, body)
    SELECT n.request_id, n.recipient_id, n.kind, n.step, n.channel, n.subject, n.body
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
      AS n(request_id uuid, recipient_id uuid, kind text, step text, channel text, subject text, body text)
    ON CONFLICT DO NOTHING
    """
)


def tell(
    session: Session,
    request_id: UUID | None,
    recipients: Iterable[UUID],
    kind: Kind,
    words: Words,
    *,
    step: str = "",
    to_chat: bool = False,
    channels: Sequence[Channel] = (Channel.PAGE, Channel.MAIL),
) -> None:
    """Write the messages into the current transaction, once however often it is called.

    Args:
        request_id: what it is about; None for what concerns no request.
        recipients: who gets it on the channels, by default on the page and by mail.
        step: tells repeats of one kind apart.
        to_chat: whether the company's chat channel gets it too.
    """
    rows: list[dict[str, object]] = []
    shared: dict[str, object] = {
        "request_id": request_id and str(request_id),
        "kind": kind.value,
        "step": step,
        "subject": words.subject,
        "body": words.body,
    }
    for recipient in recipients:
        rows += [shared | {"recipient_id": str(recipient), "channel": each.value} for each in channels]
    if to_chat:
        rows.append(shared | {"recipient_id": None, "channel": Channel.CHAT.value})
    if rows:
        session.execute(_WRITE, {"rows": json.dumps(rows)})


_UNDELIVERED = (
    select(NotificationRow, PersonRow.email)
    .outerjoin(PersonRow, PersonRow.id == NotificationRow.recipient_id)
    .where(
        NotificationRow.sent_at.is_(None),
        NotificationRow.given_up_at.is_(None),
        NotificationRow.channel != Channel.PAGE.value,
        NotificationRow.next_attempt_at <= func.now(),
    )
    .order_by(NotificationRow.next_attempt_at, NotificationRow.id)
    .limit(bindparam("at_most"))
    .with_for_update(skip_locked=True, of=NotificationRow)
)
_DELIVERED = (
    update(_NOTIFICATIONS)
    .where(_NOTIFICATIONS.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger))))
    .values(sent_at=func.clock_timestamp(), last_error=None, attempts=_NOTIFICATIONS.c.attempts + 1)
)


def claim_undelivered(session: Session, limit: int) -> Sequence[tuple[NotificationRow, str | None]]:
    """Due mails and chat messages with the recipient's address, locked for this transaction."""
    return [(row, email) for row, email in session.execute(_UNDELIVERED, {"at_most": limit})]


def mark_delivered(session: Session, ids: Sequence[int]) -> None:
    """Note that messages were handed over."""
    session.execute(_DELIVERED, {"ids": ids})


def mark_undelivered(session: Session, row: NotificationRow, error: str) -> None:
    """Let a message rest before the next attempt, or give it up after the last."""
    attempts = row.attempts + 1
    gone = attempts >= MOST_ATTEMPTS
    session.execute(
        update(NotificationRow)
        .where(NotificationRow.id == row.id)
        .values(
            attempts=attempts,
            last_error=error[:500],
            next_attempt_at=func.clock_timestamp() + timedelta(seconds=rest_seconds(attempts)),
            given_up_at=func.clock_timestamp() if gone else None,
        )
    )


def on_page(session: Session, person_id: UUID, limit: int = 100) -> Sequence[NotificationRow]:
    """What a person was told on the page, the newest first."""
    return session.scalars(
        select(NotificationRow)
        .where(NotificationRow.recipient_id == person_id, NotificationRow.channel == Channel.PAGE.value)
        .order_by(NotificationRow.created_at.desc(), NotificationRow.id.desc())
        .limit(limit)
    ).all()


def count_unread(session: Session, person_id: UUID) -> int:
    """How many messages on the page a person has not seen."""
    return (
        session.scalar(
            select(func.count()).where(
                NotificationRow.recipient_id == person_id,
                NotificationRow.channel == Channel.PAGE.value,
                NotificationRow.read_at.is_(None),
            )
        )
        or 0
    )


def mark_read(session: Session, person_id: UUID, newest_id: int) -> None:
    """Note that a person has seen the messages on the page up to the one with this id."""
    session.execute(
        update(NotificationRow)
        .where(
            NotificationRow.recipient_id == person_id,
            NotificationRow.channel == Channel.PAGE.value,
            NotificationRow.read_at.is_(None),
            NotificationRow.id <= newest_id,
        )
        .values(read_at=func.now())
    )
