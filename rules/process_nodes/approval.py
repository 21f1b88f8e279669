"""Approval: people decide, one or several, until a deadline. Knows when enough have answered; asks nobody itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rules.process import Node, OnTimeout, Outcome, ValueKind
from rules.process_language import Language, both, say_duration, say_people, say_value
from rules.process_node import Complaint, Field, FieldKind, NodeType, parse_duration

POLICIES: Final = ("first", "all", "quorum", "per_group")


@dataclass(frozen=True)
class Seat:
    """One of those who are asked: a place in a group, and what came from it; None while nothing did."""

    group: str = ""
    agrees: bool | None = None


def count(policy: str, quorum: int, veto: bool, seats: Sequence[Seat]) -> Outcome | None:
    """What the answers so far mean; None while it is open.

    Args:
        policy: first: the first answer counts; all: everybody agrees; quorum: so many agree; per_group: one of each
            group agrees.
        veto: one refusal is enough.
    """
    given = [seat.agrees for seat in seats if seat.agrees is not None]
    if not seats or (veto and False in given):
        return Outcome.NOT_SATISFIED if seats else None
    if policy == "first":
        return None if not given else Outcome.SATISFIED if given[0] else Outcome.NOT_SATISFIED
    if policy == "per_group":
        groups = dict.fromkeys(seat.group for seat in seats)
        said = [_enough([seat for seat in seats if seat.group == group], 1) for group in groups]
        if False in said:
            return Outcome.NOT_SATISFIED
        return None if None in said else Outcome.SATISFIED
    enough = _enough(seats, len(seats) if policy == "all" else quorum)
    return None if enough is None else Outcome.SATISFIED if enough else Outcome.NOT_SATISFIED


def _enough(seats: Sequence[Seat], wanted: int) -> bool | None:
    agreed = sum(seat.agrees is True for seat in seats)
    still_open = sum(seat.agrees is None for seat in seats)
    return True if agreed >= wanted else False if agreed + still_open < wanted else None


def _check(config: Mapping[str, Any]) -> Iterator[Complaint]:
    policy, who = config.get("policy", "first"), config.get("who", [])
    if (policy == "quorum") is not ("quorum" in config):
        yield Complaint("approval_policy", "quorum", "Only a quorum says how many must agree, and it must.")
    if policy == "per_group" and not (isinstance(who, list) and all(each.get("group") for each in who)):
        yield Complaint(
            "approval_policy", "who", "Approval by each group needs a group for everyone who is asked."
        )
    limit = parse_duration(config.get("deadline") or "")
    if limit is not None:
        for name in ("reminders", "escalate_after"):
            times = config.get(name, [])
            for each in times if isinstance(times, list) else [times]:
                after = parse_duration(each)
                if after is not None and after >= limit:
                    yield Complaint(
                        "approval_times", name, f"{each} is not before the deadline of {config['deadline']}."
                    )
    if ("escalate_after" in config) is not bool(config.get("escalate_to")):
        yield Complaint("approval_times", "escalate_to", "An escalation says both when and to whom.")


def _say(config: Mapping[str, Any], language: Language) -> str:
    policy = str(config.get("policy", "first"))
    who = say_people(config.get("who"), language, either=policy == "first")
    number = say_value(config.get("quorum", ""), language)
    asked = {
        "first": both(f"Ask {who} to approve", f"Pedir aprobación a {who}"),
        "all": both(f"Ask all of {who} to approve", f"Pedir aprobación a todos: {who}"),
        "quorum": both(
            f"Ask {who}, of whom {number} must approve",
            f"Pedir aprobación a {who}, con al menos {number} a favor",
        ),
        "per_group": both(
            f"Ask {who}, one of each group, to approve", f"Pedir aprobación a uno de cada grupo: {who}"
        ),
    }.get(policy, both(f"Ask {who}", f"Preguntar a {who}"))[language]
    if config.get("deadline"):
        time = say_duration(config["deadline"], language)
        asked += both(f" within {time}", f" en un plazo de {time}")[language]
    if config.get("escalate_to"):
        time, others = (
            say_duration(config.get("escalate_after", "…"), language),
            say_people(config["escalate_to"], language),
        )
        asked += both(f", after {time} also {others}", f"; tras {time}, también a {others}")[language]
    return asked


def _lets_go(node: Node) -> bool:
    # Where silence counts as yes, or the requester's own word does, nobody has agreed.
    return node.on_timeout is not OnTimeout.TRUE and node.config.get("requester_may_decide") is not True


TYPE: Final = NodeType(
    key="approval",
    title=both("Approval", "Aprobación"),
    say=_say,
    fields=(
        Field("who", FieldKind.PEOPLE, "Who is asked", hint="For example [{role: finance}]."),
        Field("question", FieldKind.LONG_TEXT, "What they read"),
        Field("policy", FieldKind.CHOICE, "Whose answer counts", usual="first", choices=POLICIES),
        Field("quorum", FieldKind.WHOLE, "How many must agree", most=50),
        Field("veto", FieldKind.FLAG, "One refusal is enough", usual=False),
        Field("requester_may_decide", FieldKind.FLAG, "The requester may answer, too", usual=False),
        Field("deadline", FieldKind.DURATION, "Until when", hint="For example 7 d."),
        Field("reminders", FieldKind.DURATIONS, "Reminders after", usual=[]),
        Field("escalate_after", FieldKind.DURATION, "Ask others after"),
        Field("escalate_to", FieldKind.PEOPLE, "Whom then"),
    ),
    outcomes=(Outcome.SATISFIED, Outcome.NOT_SATISFIED, Outcome.TIMEOUT),
    outputs={"decided_by": ValueKind.LIST, "note": ValueKind.TEXT, "decided_at": ValueKind.MOMENT},
    waits=True,
    history_events=14,
    check=_check,
    lets_go=_lets_go,
)
