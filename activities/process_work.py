"""What the step of a node works with: its row, held; its run; the people it names. Knows no type of node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from sqlalchemy.orm import Session

from rules.notification import Channel, Facts, Kind, word
from rules.person import Act, Person, Role, may
from rules.process import Outcome
from rules.process_input import REQUESTER
from rules.process_messages import NodeResult
from rules.process_people import Asked, ids_in, seats, with_names
from storage import notification, person, process, process_step, request
from storage.database import now
from storage.process_run import ProcessRunRow
from storage.process_step import ProcessStepRow


@dataclass(frozen=True)
class Work:
    """One node that is run or looked at again, within one transaction.

    Attributes:
        row: held until the transaction ends.
        title: what people call the node.
        room_bytes: what its output may take up in the run.
        prepared: see `CallsOut`.
    """

    session: Session
    run: ProcessRunRow
    row: ProcessStepRow
    title: str
    room_bytes: int
    prepared: str = ""

    @property
    def config(self) -> Mapping[str, Any]:
        """The config, with its templates filled in."""
        return self.row.given

    @property
    def where(self) -> tuple[UUID, str, int, int]:
        """Run, node, iteration and attempt."""
        return (self.run.id, self.row.node, self.row.iteration, self.row.attempt)

    @property
    def name(self) -> str:
        """The same as text: one name for whatever this attempt does in the world."""
        return ":".join(map(str, self.where))

    def end(self, outcome: Outcome, output: Mapping[str, Any] | None = None) -> NodeResult:
        """The node has ended so; written down with it."""
        along = process_step.end(self.session, self.row, outcome.value, output or {}, self.room_bytes)
        return NodeResult(outcome.value, along)

    def fail(self, error: str) -> NodeResult:
        """The node has failed for good; written down with it."""
        self.row.outcome, self.row.error = Outcome.FAILED.value, error[:2000]
        self.row.ended_at = now(self.session)
        self.session.flush()
        return NodeResult(Outcome.FAILED.value, error=error)

    def requester(self) -> Person | None:
        """Whose wish the run carries: its input `requester`, else whoever started it."""
        named = self.run.given.get(REQUESTER)
        found = self.find(named) if isinstance(named, str) else None
        return found or (self.by_id(self.run.started_by) if self.run.started_by else None)

    def find(self, called: str) -> Person | None:
        """A person by id or mail address."""
        try:
            row = person.by_id(self.session, UUID(called))
        except ValueError:
            row = person.by_email(self.session, called)
        return row.to_person() if row else None

    def by_id(self, person_id: UUID) -> Person | None:
        """A person."""
        row = person.by_id(self.session, person_id)
        return row.to_person() if row else None

    def holding(self, role: Role) -> list[Person]:
        """Everybody with a role whose account may be used."""
        return [row.to_person() for row in person.holding(self.session, role)]

    def named(self, text: str) -> str:
        """A text for people, with names in the place of the ids that a template has put there."""
        ids = ids_in(text)
        return with_names(text, person.names(self.session, ids)) if ids else text

    def asked(self, who: Any, not_asked: UUID | None) -> tuple[Asked, ...]:
        """Those whom entries of a config name; raises as `rules.process_people.seats`."""
        return seats(who, self.find, self.by_id, self.holding, not_asked)

    def reached(self, asked: Iterable[Asked]) -> list[UUID]:
        """Everybody who is meant, each once: whoever holds a role, too."""
        found: dict[UUID, None] = {}
        for each in asked:
            people = [each.person_id] if each.person_id else [p.id for p in self.holding(Role(each.role))]
            found |= dict.fromkeys(people)
        return list(found)


class Executor(Protocol):
    """What the node's type does. Both acts may be repeated and do their work once."""

    def begin(self, work: Work) -> NodeResult:
        """Do it, or open what is waited for. A BusinessError fails the node, anything else is tried again."""

    def settle(self, work: Work, why: str) -> NodeResult:
        """Look again at a node that waits; `why` is WOKEN or the word of an alarm."""


@runtime_checkable
class CallsOut(Executor, Protocol):
    """Does it by asking somebody else than Postgres: its row is committed before, so that people see it run."""

    def prepare(self, work: Work) -> str:
        """What has to be committed before the call; `begin` finds it in `Work.prepared`."""


@runtime_checkable
class ActsBetween(CallsOut, Protocol):
    """Does it in transactions of its own, between the one that prepares and the one that says how it stands."""

    def act(self, prepared: str, why: str) -> None:
        """Do the next thing; a run that is called off does not break it off.

        Args:
            prepared: what `prepare` gave.
            why: empty where the node begins; else as in `settle`.
        """


@dataclass(frozen=True)
class TaskTeller:
    """Tells people of tasks, into the caller's transaction.

    Attributes:
        public_url: where links lead to.
        has_chat: whether the company has a chat channel.
    """

    public_url: str
    has_chat: bool

    def tell(
        self,
        work: Work,
        recipients: Iterable[UUID],
        kind: Kind,
        detail: str,
        *,
        step: str = "",
        title: str | None = None,
        channels: Iterable[str] = (Channel.PAGE, Channel.MAIL),
    ) -> None:
        """Tell `recipients`, once however often it is called with the same `step`."""
        wanted, people = [Channel(each) for each in channels], list(recipients)
        facts = Facts(
            number=process.by_key(work.session, work.run.process_key).title,
            title=work.title if title is None else title,
            amount="",
            requester="",
            link=f"{self.public_url}{_page(work, people)}",
            detail=detail,
        )
        notification.tell(
            work.session,
            work.run.request_id,
            people,
            kind,
            word(kind, facts),
            step=f"{work.name}:{step}",
            to_chat=Channel.CHAT in wanted and self.has_chat,
            channels=[each for each in wanted if each is not Channel.CHAT],
        )


def _page(work: Work, people: Iterable[UUID]) -> str:
    """Where they answer and read on: the request that a run decides about; the run, where not all may do that there."""
    found = [work.by_id(each) for each in people]
    may_decide = all(each is not None and may(each.roles, Act.DECIDE_REQUEST) for each in found)
    if work.run.request_id is None or not may_decide:
        return f"/runs/{work.run.id}"
    return f"/requests/{request.by_id(work.session, work.run.request_id).number}"
