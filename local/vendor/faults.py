"""Which faults the sandbox shop shows, to whom and how often. Knows no wire and no goods."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

OPERATIONS: Final = ("order", "read", "product", "token")


@dataclass(frozen=True)
class Scenario:
    """One way of misbehaving.

    Attributes:
        group: "outcome": what becomes of an order; "delivery": how the answer travels; "repeat": what a second
            order under the same key gets.
        taken: for deliveries, whether the call takes effect before the fault shows.
        seconds: how long where time matters, unless the fault says otherwise.
    """

    name: str
    group: str
    title: str
    taken: bool = True
    seconds: float = 0.0


_ALL: Final = (
    Scenario("all_accepted", "outcome", "Every item is accepted"),
    Scenario("part_accepted", "outcome", "Half of the quantity is accepted"),
    Scenario("rejected", "outcome", "Every item is rejected with a code and a message"),
    Scenario("price_above_expectation", "outcome", "The unit price is 20 % above the expected one"),
    Scenario("charge_above_expectation", "outcome", "The charge is 20 % above the expected one"),
    Scenario("trial", "outcome", "The shop treats the order as a trial"),
    Scenario("unknown_asin", "outcome", "The shop does not know the product"),
    Scenario("blocked", "outcome", "Guided buying blocks the product"),
    Scenario("other_amount", "outcome", "The order is taken at half as much again"),
    Scenario("cancelled_later", "outcome", "The order is taken and cancelled afterwards"),
    Scenario("token_expired", "delivery", "All access tokens end: 403", taken=False),
    Scenario("busy", "delivery", "429 with Retry-After and the rate header", taken=False, seconds=1),
    Scenario("error_500", "delivery", "500, nothing done", taken=False),
    Scenario("error_500_after_order", "delivery", "500 although the order was taken"),
    Scenario("errors_in_200", "delivery", "200 with an error document, nothing done", taken=False),
    Scenario("redirect", "delivery", "302 to another address, nothing done", taken=False),
    Scenario("reset", "delivery", "Connection reset, nothing done", taken=False),
    Scenario("lost_answer", "delivery", "Connection reset after the order was taken"),
    Scenario("lost_answer_visible_late", "delivery", "The same, and three read-backs do not find it yet"),
    Scenario("hang", "delivery", "No answer at all, nothing done", taken=False, seconds=120),
    Scenario("slow", "delivery", "The order is taken, the answer comes late", seconds=30),
    Scenario("trickle", "delivery", "The answer comes byte by byte", seconds=0.1),
    Scenario("cut_json", "delivery", "Half of the JSON document"),
    Scenario("cut_connection", "delivery", "The connection ends in the middle of the answer"),
    Scenario("html_answer", "delivery", "200 with a web page, nothing done", taken=False),
    Scenario("html_404", "delivery", "404 with a web page, nothing done", taken=False),
    Scenario("oversized", "delivery", "An answer of three megabytes"),
    Scenario("answers_twice", "delivery", "The same answer twice on one connection"),
    Scenario("foreign_answer", "delivery", "The answer to somebody else's question"),
    Scenario("repeat_same_result", "repeat", "A repeated key gets the first answer again"),
    Scenario("repeat_refused", "repeat", "A repeated key gets 400"),
    Scenario("repeat_second_order", "repeat", "A repeated key makes a second order"),
)
SCENARIOS: Final[Mapping[str, Scenario]] = {scenario.name: scenario for scenario in _ALL}


class BadFault(ValueError):
    """The wish for a fault cannot be understood."""


@dataclass
class Fault:
    """A switched-on scenario.

    Attributes:
        left: how many more times it shows; None for always.
        asin: only for this product; None for all.
    """

    number: int
    scenario: str
    operation: str
    left: int | None
    asin: str | None
    seconds: float
    taken: bool

    def fits(self, group: str, operation: str, asin: str | None) -> bool:
        """Whether it shows at this call."""
        return (
            SCENARIOS[self.scenario].group == group
            and self.operation == operation
            and (self.asin is None or self.asin == asin)
        )


class Switchboard:
    """The faults that are switched on. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._faults: list[Fault] = []
        self._cleared = threading.Event()

    def switch_on(self, wish: Mapping[str, Any]) -> Fault:
        """Add a fault from `{scenario, count | always, asin?, operation?, seconds?, taken?}`; raises BadFault."""
        unknown = set(wish) - {"scenario", "count", "always", "asin", "operation", "seconds", "taken"}
        if unknown:
            raise BadFault(f"unknown fields: {', '.join(sorted(unknown))}")
        scenario = SCENARIOS.get(str(wish.get("scenario")))
        if scenario is None:
            raise BadFault(f"scenario must be one of {', '.join(SCENARIOS)}")
        operation = wish.get("operation", "order")
        if operation not in OPERATIONS or (operation != "order" and scenario.group != "delivery"):
            raise BadFault(
                f"operation must be one of {', '.join(OPERATIONS)}; outcomes and repeats know only order"
            )
        always, count = wish.get("always", False), wish.get("count", 1)
        if type(always) is not bool or type(count) is not int or count < 1:
            raise BadFault("always must be true or false, count a whole number from 1")
        taken = wish.get("taken", scenario.taken)
        seconds = float(wish.get("seconds", scenario.seconds))
        with self._lock:
            fault = Fault(
                next(self._numbers), scenario.name, operation, None if always else count, wish.get("asin"),
                seconds, bool(taken),
            )  # fmt: skip
            self._faults.append(fault)
        return fault

    def take(self, group: str, operation: str, asin: str | None) -> Fault | None:
        """The oldest fault that fits this call, counted down; None where all is well."""
        with self._lock:
            for fault in self._faults:
                if fault.fits(group, operation, asin):
                    if fault.left is not None:
                        fault.left -= 1
                        if fault.left == 0:
                            self._faults.remove(fault)
                    return fault
        return None

    def listed(self) -> list[dict[str, Any]]:
        """The switched-on faults, oldest first; seconds as text."""
        with self._lock:
            return [{**asdict(fault), "seconds": f"{fault.seconds:g}"} for fault in self._faults]

    def clear(self, number: int | None = None) -> None:
        """Switch one fault off, or all; all also lets go of every call that hangs."""
        with self._lock:
            self._faults = [fault for fault in self._faults if number is not None and fault.number != number]
            if number is None:
                self._cleared.set()
                self._cleared = threading.Event()

    def wait(self, seconds: float) -> bool:
        """Hold a call for so long, or until all faults are cleared; True where they were."""
        with self._lock:
            cleared = self._cleared
        return cleared.wait(seconds)
