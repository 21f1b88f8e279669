"""Which processes go by the flags: what was told, how long ago, and what a silence means."""

from __future__ import annotations

from datetime import timedelta

from rules.flag_roll import FORGOTTEN_AFTER, SILENT_AFTER, TELL_EVERY, Standing, Told, call_roll

LITTLE = timedelta(milliseconds=1)


def told(process: str, revision: int = 7, ago: timedelta = timedelta(0)) -> Told:
    return Told(process, revision, ago)


def test_who_told_the_revision_within_three_turns_goes_by_it() -> None:
    roll = call_roll([told("web"), told("approvals", ago=SILENT_AFTER)], 7)
    assert (roll.applied, roll.missing) == (2, ())
    assert SILENT_AFTER >= 3 * TELL_EVERY


def test_who_was_silent_longer_is_missing_whatever_was_told_last() -> None:
    roll = call_roll([told("web"), told("approvals", ago=SILENT_AFTER + LITTLE)], 7)
    [missing] = roll.missing
    assert (roll.applied, missing.told.process, missing.standing) == (1, "approvals", Standing.SILENT)


def test_another_revision_is_behind_also_a_higher_one() -> None:
    roll = call_roll([told("behind", 6), told("before-a-restore", 8), told("there", 7)], 7)
    assert roll.applied == 1
    assert {each.told.process: each.standing for each in roll.missing} == {
        "behind": Standing.BEHIND,
        "before-a-restore": Standing.BEHIND,
    }


def test_who_was_silent_for_minutes_has_ended_and_nobody_waits_for_it() -> None:
    roll = call_roll([told("ended", ago=FORGOTTEN_AFTER + LITTLE), told("web")], 7)
    assert [each.told.process for each in roll.answers] == ["web"]
    assert roll.missing == ()


def test_nobody_heard_of_is_nobody_who_goes_by_it() -> None:
    roll = call_roll([], 7)
    assert (roll.applied, len(roll.answers)) == (0, 0)
