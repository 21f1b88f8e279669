"""CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app.spreadsheet import Cell, csv_download, safe_cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "yes"),
        (Decimal("-5.10"), "-5.10"),
        (-5, "-5"),
        (date(2026, 11, 24), "2026-11-24"),
        (datetime(2026, 11, 24, 8, 5, tzinfo=UTC), "2026-11-24 08:05:00+00:00"),
        ("plain", "plain"),
        ("-5", "'-5"),
        ("=1+1", "'=1+1"),
        ("\x00=1", "'=1"),
        ("\r=1", "'\r=1"),
        ("  @x", "'  @x"),
    ],
)
def test_a_cell_is_written_as_what_it_is(value: Cell, cell: str) -> None:
    assert safe_cell(value) == cell


@given(st.text())
def test_no_text_cell_begins_like_a_formula(value: str) -> None:
    cell = safe_cell(value)
    assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert "\x00" not in cell
    assert cell.removeprefix("'") in {value.replace("\x00", ""), value.replace("\x00", "").removeprefix("'")}


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2)))
def test_every_row_arrives_whole(rows: list[list[str]]) -> None:
    app = Flask(__name__)
    with app.test_request_context():
        body = csv_download("list", ["a", "b"], rows).get_data(as_text=True)
    read = list(csv.reader(io.StringIO(body.removeprefix("\ufeff"), newline="")))
    assert read == [["a", "b"], *([safe_cell(cell) for cell in row] for row in rows)]
