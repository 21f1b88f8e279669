"""Changes of flags: which values fit, which need a second person, what is out of date. Knows no store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from rules.errors import BusinessError, Invalid, NotAllowed
from rules.flag import (
    LARGEST_NUMBER,
    LONGEST_VALUE,
    Flag,
    Kind,
    Overrides,
    Setting,
    Target,
    Value,
    fits,
    read_chain,
)

#: A flag that nobody read for this long can probably go.
UNUSED_AFTER: Final = timedelta(days=30)
#: A proposal that nobody confirmed for this long has to be made anew.
PROPOSAL_OPEN_FOR: Final = timedelta(days=7)


_TYPED_BOOLEANS: Final = {"on": True, "off": False}


class NeedsSecondPerson(BusinessError):
    """One person alone may not let the system spend more."""

    status = 403


class ProposalIsClosed(BusinessError):
    """The proposal was answered, or what it was made for has changed since."""

    status = 409


class FlagChangedSinceShown(BusinessError):
    """Somebody else changed the flag for the same people after it was shown."""

    status = 409


class AlreadyProposed(BusinessError):
    """Somebody's proposal for the same flag and the same people waits for an answer."""

    status = 409


def judge_value(flag: Flag, value: Value, field: str = "value") -> Value:
    """The value, where the flag can take it; raises Invalid with what would be right."""
    if fits(flag, value):
        return value
    match flag.kind:
        case Kind.BOOLEAN:
            wanted = "true or false"
        case Kind.STRING if flag.options:
            wanted = "one of: " + ", ".join(flag.options)
        case Kind.STRING:
            wanted = f"a text of at most {LONGEST_VALUE} characters"
        case Kind.NUMBER:
            wanted = f"a number between -{LARGEST_NUMBER:.0f} and {LARGEST_NUMBER:.0f}"
        case Kind.JSON:
            wanted = f"a JSON list or object of at most {LONGEST_VALUE} characters"
    raise Invalid(f"{flag.key} takes {wanted}.", field)


def judge_until(until: datetime | None, now: datetime) -> None:
    """Raises Invalid where a change would have ended before it begins."""
    if until is not None and until <= now:
        raise Invalid("The end has to be in the future.", "until")


def loosens(
    flag: Flag, overrides: Overrides, targets: Sequence[Target], after: Setting | None, now: datetime
) -> bool:
    """Whether a change lets the system spend more at any time from `now` on, so that one person is not enough.

    Args:
        overrides: what is set before the change.
        targets: the chain of whom it is for, from `chain`.
        after: what is to be set for the first of them; None takes away what is set.
    """
    if not flag.spending:
        return False
    changed = {target: setting for target, setting in overrides.items() if target != targets[0]}
    if after is not None:
        changed[targets[0]] = after
    ends = {setting.until for world in (overrides, changed) for setting in world.values() if setting.until}
    # Between these moments nothing changes by itself: an end may bring back what was taken away.
    for moment in sorted({now, *(end for end in ends if end > now)}):
        before_value = read_chain(flag, overrides, targets, 0, moment).value
        after_value = read_chain(flag, changed, targets, 0, moment).value
        if _is_looser(flag, after_value, before_value):
            return True
    return False


def _is_looser(flag: Flag, value: Value, than: Value) -> bool:
    if value == than and isinstance(value, bool) == isinstance(than, bool):
        return False
    if flag.options:
        return flag.options.index(value) > flag.options.index(than)
    return bool(value != flag.safe)


def check_may_confirm(proposed_by: UUID, confirmer: UUID, proposed_at: datetime, now: datetime) -> None:
    """Whether this person may agree to this proposal now.

    Raises:
        NotAllowed: it is their own.
        ProposalIsClosed: it has waited too long.
    """
    if proposed_by == confirmer:
        raise NotAllowed("Somebody else has to agree to what you proposed.")
    if is_outdated(proposed_at, now):
        raise ProposalIsClosed("This proposal is too old. Please propose it anew.")


def is_outdated(proposed_at: datetime, now: datetime) -> bool:
    """Whether a proposal has waited too long to be confirmed."""
    return now - proposed_at > PROPOSAL_OPEN_FOR


def is_unused(last_read_at: datetime | None, known_since: datetime, now: datetime) -> bool:
    """Whether nobody has read a flag for 30 days.

    Args:
        last_read_at: None where nobody ever did.
        known_since: since when reads are counted; before 30 days of counting nothing is called unused.
    """
    return now - (last_read_at or known_since) > UNUSED_AFTER


def parse_value(flag: Flag, text: str) -> Value:
    """What somebody typed or chose as a flag's value; raises Invalid for the field `value`.

    Args:
        text: `on` or `off` for a boolean flag, one of the options, a number, a text, or JSON.
    """
    typed = text.strip()
    match flag.kind:
        case Kind.BOOLEAN:
            if typed not in _TYPED_BOOLEANS:
                raise Invalid("Please choose on, off, or to take away what is set.", "value")
            return _TYPED_BOOLEANS[typed]
        case Kind.STRING:
            return judge_value(flag, typed)
        case Kind.NUMBER | Kind.JSON:
            try:
                return judge_value(flag, json.loads(typed))
            except (ValueError, RecursionError):
                return judge_value(flag, None)
