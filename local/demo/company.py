"""Reads who works in the demo company and what they are like. Knows no database."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rules.person import Role

HERE: Final = Path(__file__).parent
MAIL_DOMAIN: Final = "vistobueno.example"


@dataclass(frozen=True)
class Colleague:
    """Somebody of the demo company.

    Attributes:
        login: the mail address before the @.
        title: what they do, in two or three words.
        manager: the login of their manager, None at the top.
        buys: how often they buy, beside the others' figures; 0 for never.
        pace: how long they take for a decision, beside 1 for the usual.
        tour: their place among the logins that are offered first; None for the others.
        unblemished: whether nobody has refused them anything of late, so that the review may approve theirs.
    """

    login: str
    name: str
    title: str
    department: str
    roles: frozenset[Role]
    manager: str | None
    buys: int
    pace: float
    tour: int | None
    unblemished: bool

    @property
    def email(self) -> str:
        """The address to log in with."""
        return f"{self.login}@{MAIL_DOMAIN}"


@dataclass(frozen=True)
class Absence:
    """Days on which somebody decides nothing, counted back from the day of loading."""

    login: str
    from_days_ago: int
    to_days_ago: int


@dataclass(frozen=True)
class Waiting:
    """What somebody has just asked for, and a manager has to decide.

    Attributes:
        article: the end of its title in the sandbox shop's catalogue.
        needed_in_days: None where no date is given.
    """

    login: str
    article: str
    quantity: int
    reason: str
    needed_in_days: int | None = None


@dataclass(frozen=True)
class Drawn:
    """A process that two of the company made of a template of the gallery; `why` is what the second one said."""

    template: str
    drawn_by: str
    deployed_by: str
    why: str


@dataclass(frozen=True)
class Begun:
    """A run that somebody has just begun.

    Attributes:
        given: its input, but for who asks.
        begins_in_days: for the input `begins_at`; None where the process has none.
    """

    login: str
    process: str
    given: dict[str, Any]
    begins_in_days: int | None = None


@dataclass(frozen=True)
class Company:
    """The whole company as company.json describes it.

    Attributes:
        password: the one password of all demo accounts.
        departments: id -> name.
        people: managers before those who report to them.
        earlier_rules: how a rule set was before it became the shipped one; see company.json.
        tastes: department id -> category -> how often it is bought.
    """

    password: str
    departments: dict[str, str]
    people: tuple[Colleague, ...]
    absences: tuple[Absence, ...]
    earlier_rules: dict[str, Any]
    flag: dict[str, str]
    tastes: dict[str, dict[str, int]]
    waiting: tuple[Waiting, ...]
    processes: tuple[Drawn, ...]
    runs: tuple[Begun, ...]

    def on_tour(self) -> list[Colleague]:
        """Those whom a visitor would like to be, in a good order."""
        return sorted((one for one in self.people if one.tour), key=lambda one: one.tour or 0)


def read_company() -> Company:
    """The company in company.json."""
    data = json.loads((HERE / "company.json").read_text(encoding="utf-8"))
    people = tuple(
        Colleague(
            login=one["login"],
            name=one["name"],
            title=one["title"],
            department=one["department"],
            roles=frozenset(map(Role, one["roles"])),
            manager=one["manager"],
            buys=one["buys"],
            pace=one.get("pace", 1.0),
            tour=one.get("tour"),
            unblemished=one.get("unblemished", False),
        )
        for one in data["people"]
    )
    return Company(
        password=data["password"],
        departments=data["departments"],
        people=people,
        absences=tuple(Absence(**one) for one in data["absences"]),
        earlier_rules=data["earlier_rules"],
        flag=data["flag"],
        tastes=data["tastes"],
        waiting=tuple(Waiting(**one) for one in data["waiting"]),
        processes=tuple(Drawn(**one) for one in data["processes"]),
        runs=tuple(Begun(**one) for one in data["runs"]),
    )


@dataclass(frozen=True)
class Words:
    """What people and the vendor say, by occasion; see words.json."""

    asks: dict[str, list[str]]
    approvals: list[str]
    rejections: dict[str, list[str]]
    refusals: list[tuple[str, str]]
    short_delivery: tuple[str, str]
    settled: str
    recheck_share: str
    recheck_wrong: list[str]


def read_words() -> Words:
    """The sentences in words.json."""
    data = json.loads((HERE / "words.json").read_text(encoding="utf-8"))
    return Words(
        asks=data["asks"],
        approvals=data["approvals"],
        rejections=data["rejections"],
        refusals=[(code, text) for code, text in data["refusals"]],
        short_delivery=(data["short_delivery"][0], data["short_delivery"][1]),
        settled=data["settled"],
        recheck_share=data["recheck_share"],
        recheck_wrong=data["recheck_wrong"],
    )
