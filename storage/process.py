"""Processes and their versions: drafts with a lock, checked, deployed by a second person. Judges nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Uuid, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.errors import BusinessError, NotAllowed, NotFound
from rules.person import Role
from rules.process import Process
from rules.process_check import Problem, Severity, Surroundings, check_process, require_no_errors
from rules.process_content import content_hash, read_process, to_content
from rules.process_input import check_plain
from rules.process_scenario import require_scenarios
from storage import audit, rollout_list
from storage.audit import Actor
from storage.database import Base, new_id, now
from storage.department import Department

DRAFT: Final = "draft"
CHECKED: Final = "checked"
DEPLOYED: Final = "deployed"
RETIRED: Final = "retired"
#: States in which a version is being worked on; a process has at most one such version.
OPEN: Final = (DRAFT, CHECKED)


class DraftChanged(BusinessError):
    """Somebody else saved the draft since it was read."""

    status = 409


class IsRolledOut(BusinessError):
    """The version is being given to some, so it stays as it is."""

    status = 409


class NotDeployable(BusinessError):
    """Only a version that was checked as it stands, or was deployed before, can be deployed."""

    status = 409


class SecondPersonNeeded(NotAllowed):
    """Whoever wrote a version does not deploy it."""


class KeyIsTaken(BusinessError):
    """There is a process with this key."""

    status = 409


class ProcessRow(Base):
    """A process in all its versions.

    Attributes:
        department_id: whose process it is; None for the whole company's.
        deployed_version: what new runs follow; None before the first deployment.
    """

    __tablename__ = "process"

    key: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    department_id: Mapped[str | None] = mapped_column(ForeignKey(Department.id))
    deployed_version: Mapped[int | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ProcessVersionRow(Base):
    """One version. Postgres refuses to change what a version says once it was deployed.

    Attributes:
        sha256: of the content, see rules/process_content.py.
        revision: counts the saves of a draft; a writer names the one it has read.
        editor_ids: everybody who saved it.
    """

    __tablename__ = "process_version"
    __table_args__ = (
        Index("uq_process_version_process_key_version", "process_key", "version", unique=True),
        Index(
            "uq_process_version_one_open",
            "process_key",
            unique=True,
            postgresql_where=text("state IN ('draft', 'checked')"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    process_key: Mapped[str] = mapped_column(ForeignKey("process.key"))
    version: Mapped[int]
    state: Mapped[str]
    content: Mapped[dict[str, Any]]
    sha256: Mapped[str]
    revision: Mapped[int] = mapped_column(server_default=text("1"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    editor_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    reason: Mapped[str] = mapped_column(server_default=text("''"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    saved_at: Mapped[datetime] = mapped_column(server_default=func.now())
    checked_at: Mapped[datetime | None]
    deployed_at: Mapped[datetime | None]
    deployed_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    retired_at: Mapped[datetime | None]

    @property
    def process(self) -> Process:
        """What it says."""
        return read_process(self.content)

    @property
    def for_runs(self) -> dict[str, Any]:
        """The content as a run loads it: without the canvas and the scenarios, for which its history has no use."""
        return {name: value for name, value in self.content.items() if name not in ("layout", "scenarios")}


def all_processes(session: Session) -> Sequence[ProcessRow]:
    """Every process by title."""
    return session.scalars(select(ProcessRow).order_by(ProcessRow.title, ProcessRow.key)).all()


def by_key(session: Session, key: str, *, lock: bool = False) -> ProcessRow:
    """One process; raises NotFound."""
    query = select(ProcessRow).where(ProcessRow.key == key)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    row = session.scalars(query).one_or_none()
    if row is None:
        raise NotFound(f"There is no process {key!r}.", "key")
    return row


def versions(session: Session, key: str) -> Sequence[ProcessVersionRow]:
    """Every version of a process, the newest first."""
    return session.scalars(
        select(ProcessVersionRow)
        .where(ProcessVersionRow.process_key == key)
        .order_by(ProcessVersionRow.version.desc())
    ).all()


def version(session: Session, key: str, number: int, *, lock: bool = False) -> ProcessVersionRow:
    """One version, whatever its state; raises NotFound."""
    query = select(ProcessVersionRow).where(
        ProcessVersionRow.process_key == key, ProcessVersionRow.version == number
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    row = session.scalars(query).one_or_none()
    if row is None:
        raise NotFound(f"The process {key!r} has no version {number}.", "version")
    return row


def draft(session: Session, key: str, *, lock: bool = False) -> ProcessVersionRow | None:
    """The version that is being worked on, checked or not."""
    query = select(ProcessVersionRow).where(
        ProcessVersionRow.process_key == key, ProcessVersionRow.state.in_(OPEN)
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).one_or_none()


def deployed(session: Session, key: str) -> ProcessVersionRow:
    """What new runs of a process follow; raises NotFound."""
    number = by_key(session, key).deployed_version
    if number is None:
        raise NotFound(f"The process {key!r} is not deployed yet.", "key")
    return version(session, key, number)


def create(
    session: Session, content: Mapping[str, Any], department_id: str | None, author: UUID, reason: str
) -> ProcessVersionRow:
    """A new process with its first draft.

    Raises:
        InvalidFields: the content has no shape. KeyIsTaken.
    """
    process = _read(content)
    if department_id is not None and session.get(Department, department_id) is None:
        raise NotFound(f"There is no department {department_id!r}.", "department")
    row = ProcessRow(
        key=process.key, title=process.name or process.key, department_id=department_id, created_by=author
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise KeyIsTaken(f"There is a process {process.key!r} already.", "key") from None
    return _begin_draft(session, process, 1, author, reason)


def save_draft(
    session: Session, key: str, content: Mapping[str, Any], author: UUID, revision: int, reason: str = ""
) -> ProcessVersionRow:
    """Save the draft, or begin one; a checked one is a draft again, one that some were given is followed by the next.

    Args:
        revision: of the draft that was edited; 0 where none is expected to be there.

    Raises:
        InvalidFields: the content has no shape; errors of sense do not keep a draft from being saved.
        NotFound, DraftChanged, IsRolledOut.
    """
    by_key(session, key, lock=True)
    process = _read({**content, "key": key})
    row = draft(session, key, lock=True)
    if (row.revision if row else 0) != revision:
        raise DraftChanged(
            f"The draft has revision {row.revision if row else 0} by now. Please look at it first.",
            "revision",
        )
    if row is not None and _was_given(session, row):
        row.state, row.retired_at = RETIRED, now(session)
        session.flush()
        row = None
    if row is None:
        newest = session.scalar(
            select(func.max(ProcessVersionRow.version)).where(ProcessVersionRow.process_key == key)
        )
        return _begin_draft(session, process, (newest or 0) + 1, author, reason)
    row.content, row.sha256, row.state = to_content(process), content_hash(process), DRAFT
    row.revision += 1
    row.saved_at, row.checked_at = now(session), None
    row.reason = reason or row.reason
    if author not in row.editor_ids:
        row.editor_ids = [*row.editor_ids, author]
    session.flush()
    return row


def _was_given(session: Session, row: ProcessVersionRow) -> bool:
    """Whether runs follow a version that was not deployed; raises IsRolledOut while more of them may come."""
    given = rollout_list.that_keeps_version(session, row.process_key, row.version)
    if given is not None and given.ended_at is None:
        raise IsRolledOut(
            f"Version {row.version} is being rolled out, so it stays as it is. End the rollout before you edit it.",
            "revision",
        )
    return given is not None


def _read(content: Mapping[str, Any]) -> Process:
    check_plain(content, "definition")
    return read_process(content)


def _begin_draft(
    session: Session, process: Process, number: int, author: UUID, reason: str
) -> ProcessVersionRow:
    row = ProcessVersionRow(
        process_key=process.key, version=number, state=DRAFT, content=to_content(process),
        sha256=content_hash(process), author_id=author, editor_ids=[author], reason=reason,
    )  # fmt: skip
    session.add(row)
    session.flush()
    session.refresh(row)
    audit.record(
        session, Actor.person(author), "process.drafted", process=process.key, version=number, reason=reason
    )
    return row


def surroundings(session: Session, *, is_draft: bool = False) -> Surroundings:
    """What a process may name outside of itself."""
    keys = session.scalars(
        select(ProcessRow.key).where(ProcessRow.deployed_version.is_not(None)).order_by(ProcessRow.key)
    ).all()
    return Surroundings(roles=tuple(role.value for role in Role), processes=tuple(keys), is_draft=is_draft)


def check(session: Session, key: str, revision: int) -> tuple[ProcessVersionRow, tuple[Problem, ...]]:
    """Judge the draft; one without errors is checked then and may be deployed. Raises NotFound, DraftChanged."""
    row = draft(session, key, lock=True)
    if row is None:
        raise NotFound(f"The process {key!r} has no draft.", "key")
    if row.revision != revision:
        raise DraftChanged(f"The draft has revision {row.revision} by now.", "revision")
    problems = check_process(row.process, surroundings(session))
    if not any(each.severity is Severity.ERROR for each in problems):
        row.state, row.checked_at = CHECKED, now(session)
        session.flush()
    return row, problems


def deploy(session: Session, key: str, number: int, by: UUID, reason: str) -> ProcessVersionRow:
    """Let new runs follow a version from the commit on; those that run stay on theirs.

    Raises:
        NotFound, NotDeployable, SecondPersonNeeded.
        ProcessHasErrors: what it names outside of itself has changed since it was checked.
        ScenariosFail: scenarios go another way, or leave edges out; not asked of what was deployed before, as a way back.
    """
    process_row = by_key(session, key, lock=True)
    row = version(session, key, number, lock=True)
    if row.state not in (CHECKED, RETIRED):
        raise NotDeployable(f"Version {number} is {row.state}; it has to be checked first.", "version")
    if by in row.editor_ids:
        raise SecondPersonNeeded("You wrote this version, so somebody else has to deploy it.")
    require_no_errors(row.process, surroundings(session))
    if row.deployed_at is None:
        require_scenarios(row.process)
    before = process_row.deployed_version
    if before is not None:
        old = version(session, key, before, lock=True)
        old.state, old.retired_at = RETIRED, now(session)
    row.state, row.deployed_at, row.deployed_by, row.retired_at = DEPLOYED, now(session), by, None
    process_row.deployed_version = number
    process_row.title = row.process.name or key
    session.flush()
    audit.record(
        session, Actor.person(by), "process.deployed", process=key, version=number, sha256=row.sha256,
        replaces=before, reason=reason,
    )  # fmt: skip
    return row


def retire(session: Session, key: str, by: UUID, reason: str) -> None:
    """Let nothing new follow a process; those that run go on. Raises NotFound."""
    process_row = by_key(session, key, lock=True)
    row = deployed(session, key)
    row.state, row.retired_at = RETIRED, now(session)
    process_row.deployed_version = None
    session.flush()
    audit.record(
        session, Actor.person(by), "process.retired", process=key, version=row.version, reason=reason
    )
