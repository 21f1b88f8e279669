"""What a law is and what a breach of one looks like. Knows no law."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.checking.facts import Facts

Finding = tuple[str, str]
Check = Callable[[Facts], Iterator[Finding]]
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class Breach:
    """One counter-example: which law, about what, and what was seen."""

    law: str
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.law}  {self.subject}: {self.text}"


@dataclass(frozen=True)
class Law:
    """One invariant; `check` gives subject and text of each counter-example."""

    id: str
    title: str
    check: Check

    def breaches(self, facts: Facts) -> list[Breach]:
        """Every counter-example among the facts."""
        return [Breach(self.id, subject, text) for subject, text in self.check(facts)]


def grouped(values: Iterable[V], key: Callable[[V], K]) -> dict[K, list[V]]:
    """The values by key, in their order."""
    groups: dict[K, list[V]] = {}
    for value in values:
        groups.setdefault(key(value), []).append(value)
    return groups


def listed(values: Iterable[Any]) -> str:
    """Several things in one line."""
    return ", ".join(str(value) for value in values) or "none"
