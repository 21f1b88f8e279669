"""What people were told and whether it reached them. Words come from rules/notification.py; sending is elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.notification import Channel, Kind, Words
from rules.outbox import rest_seconds
from storage.database import Base

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
        "request_id": request_id,
        "kind": kind.value,
        "step": step,
        "subject": words.subject,
        "body": words.body,
    }
    for recipient in recipients:
        rows += [shared | {"recipient_id": recipient, "channel": each.value} for each in channels]
    if to_chat:
        rows.append(shared | {"recipient_id": None, "channel": Channel.CHAT.value})
    if rows:
        session.execute(insert(NotificationRow).values(rows).on_conflict_do_nothing())


def claim_undelivered(session: Session, limit: int) -> Sequence[NotificationRow]:
    """Due mails and chat messages, locked for this transaction."""
    query = (
        select(NotificationRow)
        .where(
            NotificationRow.sent_at.is_(None),
            NotificationRow.given_up_at.is_(None),
            NotificationRow.channel != Channel.PAGE.value,
            NotificationRow.next_attempt_at <= func.now(),
        )
        .order_by(NotificationRow.next_attempt_at, NotificationRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return session.scalars(query).all()


def mark_delivered(session: Session, row: NotificationRow) -> None:
    """Note that a message was handed over."""
    session.execute(
        update(NotificationRow)
        .where(NotificationRow.id == row.id)
        .values(sent_at=func.clock_timestamp(), last_error=None, attempts=NotificationRow.attempts + 1)
    )


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
