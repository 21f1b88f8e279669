"""Taking a person's answer from a form to the store, also when the form comes twice. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from rules.decision import Answer, judge_answer
from rules.errors import AlreadyDecided, BusinessError, ChangedSinceShown, RequestIsClosed
from rules.person import Person
from storage import decision as decisions
from storage.decision import DecisionRow
from storage.request import RequestRow

#: What a page shows of a question and an answer has to carry back.
SHOWN = ("decision", "amount", "content")


@dataclass(frozen=True)
class Given:
    """An answer as it was sent: what was chosen and said, and what the page showed."""

    choice: str
    comment: str
    shown: dict[str, str]

    @classmethod
    def of(cls, form: Mapping[str, str], prefix: str = "") -> Given:
        """From a form; `prefix` stands before the names of what was shown where a form carries several."""
        shown = {name: form.get(f"{prefix}{name}", "") for name in SHOWN}
        return cls(form.get("choice", ""), form.get("comment", ""), shown)


def give_answer(session: Session, row: RequestRow, person: Person, given: Given) -> DecisionRow:
    """Record the answer; the same answer by the same person again gives the first one's result.

    Raises:
        Invalid: what was typed is no answer.
        BusinessError: see storage.decision.answer.
    """
    judged = judge_answer(given.choice, given.comment)
    before = _given_before(session, row, person, judged, given)
    if before is not None:
        return before
    try:
        return decisions.answer(session, row, person, judged, given.shown)
    except (AlreadyDecided, ChangedSinceShown, RequestIsClosed):
        session.rollback()
        # The twin of this answer may have been recorded while this one waited for it.
        before = _given_before(session, row, person, judged, given)
        if before is None:
            raise
        return before


def _given_before(
    session: Session, row: RequestRow, person: Person, judged: Answer, given: Given
) -> DecisionRow | None:
    try:
        decision = decisions.by_id(session, UUID(given.shown["decision"]))
    except ValueError:
        return None
    if decision is None or decision.request_id != row.id:
        return None
    same = decision.decided_by == person.id and decision.outcome == judged.outcome.value
    return decision if same else None


def explain(refusal: BusinessError) -> str:
    """A refusal in the words of the page: ids and hashes mean nothing to a reader."""
    if not isinstance(refusal, ChangedSinceShown):
        return refusal.message
    shown, now = refusal.changes.get("amount", ("", ""))
    if shown:
        text = _(
            "The amount changed since you looked: it was %(shown)s and is now %(now)s. Please look again.",
            shown=shown,
            now=now,
        )
    elif now:
        text = _("The form did not say which amount it showed. Please look again and decide then.")
    elif "decision" in refusal.changes:
        text = _("This is another question than the one you looked at. Please read it and decide again.")
    else:
        text = _("What would be bought changed since you looked. Please look again and decide then.")
    return str(text)
