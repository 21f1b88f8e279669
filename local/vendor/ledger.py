"""The sandbox shop's own book: an append-only file of JSON lines, written before any answer leaves the shop."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from rules.exact_json import parse_exact, write_exact

#: Kinds of lines. An "order" is money spent; the others are not.
ORDER: Final = "order"
TRIAL: Final = "trial"
REJECTION: Final = "rejection"
CANCELLATION: Final = "cancellation"
PRICE: Final = "price"

Record = dict[str, Any]


class Ledger:
    """The book, held in memory and on disk. One writer: its callers hold the shop's lock."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._records = list(read_records(path))
        self._by_external_id: dict[str, Record] = {}
        self._cancelled: set[str] = set()
        for record in self._records:
            self._index(record)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        _drop_cut_line(path)

    def append(self, kind: str, at: str, fields: Mapping[str, Any]) -> Record:
        """Write one line, in one system call and before returning; a killed process still leaves it behind."""
        record: Record = {"kind": kind, "at": at, **fields}
        os.write(self._file, f"{write_exact(record)}\n".encode())
        self._records.append(record)
        self._index(record)
        return record

    def find(self, external_id: str) -> Record | None:
        """The first order, trial or rejection under this key."""
        return self._by_external_id.get(external_id)

    def is_cancelled(self, external_id: str) -> bool:
        """Whether the order under this key was cancelled after it had been taken."""
        return external_id in self._cancelled

    def records(self, kind: str) -> list[Record]:
        """All lines of a kind, oldest first."""
        return [record for record in self._records if record["kind"] == kind]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _index(self, record: Record) -> None:
        if record["kind"] in {ORDER, TRIAL, REJECTION}:
            self._by_external_id.setdefault(record["external_id"], record)
        elif record["kind"] == CANCELLATION:
            self._cancelled.add(record["external_id"])


def read_records(path: Path) -> Iterator[Record]:
    """The whole lines of a ledger file; a last line without its end was never answered and does not count."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n")[:-1]:
        yield parse_exact(line)


def _drop_cut_line(path: Path) -> None:
    content = path.read_bytes()
    os.truncate(path, content.rfind(b"\n") + 1)
