"""The draft that is being edited: opened, changed by operations, saved on top of the revision that was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from app import database
from app.access import current_person
from rules.process import Process
from rules.process_check import Problem, check_process
from rules.process_content import to_content
from rules.process_edit import Operation, apply_and_invert
from storage import process as processes
from storage.process import DRAFT, DraftChanged, ProcessRow


@dataclass(frozen=True)
class Opened:
    """What an editor shows.

    Attributes:
        number: of the version that is shown.
        revision: of the draft; 0 where none is under way and the first change begins one from the newest version.
    """

    row: ProcessRow
    process: Process
    number: int
    state: str
    revision: int

    @property
    def key(self) -> str:
        """The process in every version."""
        return self.row.key


@dataclass(frozen=True)
class Saved:
    """What saving did.

    Attributes:
        back: the operations that take it back.
    """

    opened: Opened
    back: Sequence[Operation]


def open_draft(key: str) -> Opened:
    """The draft of a process, or its newest version; raises NotFound."""
    session = database.session()
    row = processes.by_key(session, key)
    draft = processes.draft(session, key)
    shown = draft or processes.versions(session, key)[0]
    return Opened(row, shown.process, shown.version, shown.state, draft.revision if draft else 0)


def save(opened: Opened, revision: int, operations: Sequence[Operation]) -> Saved:
    """Apply operations to the draft that was opened and save it; the caller commits.

    Raises:
        NotFound. DraftChanged: somebody saved since `revision`.
        CannotBeApplied, InvalidFields: as `rules.process_edit.apply`.
    """
    if opened.revision != revision:
        raise DraftChanged(
            _("The draft was changed meanwhile: it has revision %(num)s by now.", num=opened.revision),
            "revision",
        )
    process, back = apply_and_invert(opened.process, operations)
    if to_content(process) == to_content(opened.process):
        return Saved(opened, ())
    saved = processes.save_draft(
        database.session(), opened.key, to_content(process), current_person().id, revision
    )
    return Saved(Opened(opened.row, process, saved.version, DRAFT, saved.revision), back)


def problems_of(opened: Opened) -> tuple[Problem, ...]:
    """What the checks say of it as a draft."""
    return check_process(opened.process, processes.surroundings(database.session(), is_draft=True))


def answer(saved: Saved) -> dict[str, Any]:
    """What the canvas is told after every change: all it shows."""
    opened = saved.opened
    return {
        "revision": opened.revision,
        "version": opened.number,
        "process": to_content(opened.process),
        "problems": [each.to_content() for each in problems_of(opened)],
        "back": [each.to_content() for each in saved.back],
    }
