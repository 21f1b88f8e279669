"""A routing rule: whom it is for, and where it sends them. Chooses for nobody; its stored form is elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from rules.errors import InvalidFields
from rules.money import Money
from rules.routing_window import ALWAYS, Window


class Mode(StrEnum):
    """How a canary gets its share; one at a time for all, so that two hands never steer.

    SELECTIVE: the server's ramp stands at 0 % and chosen requests start with an override.
    NATIVE: the server's ramp alone chooses, by workflow id; rules that name a build rest.
    """

    SELECTIVE = "selective"
    NATIVE = "native"


def check_mode(mode: Mode, ramping: str | None, percent: Decimal) -> None:
    """Whether a person may choose this mode while the server gives `percent` of new work to `ramping`.

    Raises:
        InvalidFields: rules would take over, and could exclude nobody from what the server itself gives away.
    """
    if mode is Mode.SELECTIVE and percent > 0:
        raise InvalidFields(
            {
                "why": f"The server itself still gives {percent.normalize():f} % to {ramping}, whoever asks, so no"
                " rule could exclude anybody. End that rollout first."
            }
        )


class Kind(StrEnum):
    """What a rule does with whom it matches."""

    ROUTE = "route"
    EXCLUDE = "exclude"


class Unit(StrEnum):
    """What is drawn: each request by itself, or a person once for all of their requests."""

    REQUEST = "request"
    PERSON = "person"


@dataclass(frozen=True)
class Variant:
    """One arm of an experiment.

    Attributes:
        build: where it runs; None for the current build, as with a control.
        weight: its part of the sum of all weights, a whole number from 1.
    """

    name: str
    weight: int
    build: str | None = None


@dataclass(frozen=True)
class Rule:
    """One routing rule.

    A named person is matched always; everybody else by department and role, of which an empty one names all.
    A rule that names nobody is for everyone.

    Attributes:
        build: where a route goes; None where the variants say it. For an exclusion the build that is closed to
            whom it matches, None for every build.
        share_percent: from 0 to 100 in steps of 0.1; of those matched, so many are taken.
        salt: of the draw; the same for all rules of one rollout, so that a unit keeps its place among them.
        priority: the smallest is asked first.
        variants: none, or at least two.
        amount_above: an exclusion matches only above it, and in any other currency.
        rollout_id: the rollout that steers this rule; empty where people do.
    """

    id: str
    name: str
    kind: Kind = Kind.ROUTE
    build: str | None = None
    share_percent: Decimal = Decimal(100)
    salt: str = ""
    unit: Unit = Unit.REQUEST
    departments: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    window: Window = ALWAYS
    priority: int = 100
    variants: tuple[Variant, ...] = ()
    amount_above: Money | None = None
    enabled: bool = True
    rollout_id: str = ""

    @property
    def builds(self) -> tuple[str, ...]:
        """Every build that it may send to."""
        named = [self.build, *(variant.build for variant in self.variants)]
        return tuple(dict.fromkeys(build for build in named if build is not None))


@dataclass(frozen=True)
class RuleSet:
    """All routing rules at one revision.

    Attributes:
        frozen: nobody is sent to another than the current build, whatever the rules say.
    """

    revision: int = 0
    rules: tuple[Rule, ...] = ()
    frozen: bool = False
    mode: Mode = Mode.SELECTIVE


def in_order(rules: Collection[Rule]) -> list[Rule]:
    """The rules as they are asked: the smallest priority first, then by id, never by chance."""
    return sorted(rules, key=lambda rule: (rule.priority, rule.id))
