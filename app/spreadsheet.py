"""Tables for spreadsheets as CSV, written so that no cell is taken for a formula. Knows no subject."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from flask import Response, stream_with_context

Cell = str | Decimal | int | date | datetime | bool | None

#: A text cell that begins so would be run as a formula by some program; the full-width forms count too.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
#: Excel reads UTF-8 only after this mark.
_BYTE_ORDER_MARK = "\ufeff"


def safe_cell(value: Cell) -> str:
    """The cell as text. Numbers stay numbers; text that looks like a formula gets an apostrophe in front."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal | int):
        return str(value)
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    text = value.replace("\x00", "")
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) or text.startswith(_FORMULA) else text


def csv_download(name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """A CSV file that is written while it is sent.

    Args:
        name: the file's name, ASCII, without its ending.
        rows: read one by one; the database session they come from stays open until the last.
    """
    response = Response(stream_with_context(_lines(head, rows)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _lines(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_MINIMAL)
    buffer.write(_BYTE_ORDER_MARK)
    writer.writerow([safe_cell(cell) for cell in head])
    for row in rows:
        writer.writerow([safe_cell(cell) for cell in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()
