"""Log lines: one an event, whatever is in them."""

from __future__ import annotations

import logging
import sys

from app.log import PairsFormatter


def _line(message: str, *, fold: bool = True, **extra: object) -> str:
    record = logging.LogRecord("vistobueno", logging.INFO, "", 0, message, (), None)
    vars(record).update(extra)
    return PairsFormatter(fold=fold).format(record)


def test_what_was_given_with_the_event_becomes_pairs() -> None:
    line = _line("request", method="GET", status=200, person=None)
    assert line.endswith("level=info event=request method=GET status=200")


def test_a_line_break_in_a_value_does_not_begin_a_second_line() -> None:
    line = _line("request", path='/a\nlevel=error event="forged"')
    assert "\n" not in line
    assert '\\nlevel=error event=\\"forged\\"' in line


def test_a_traceback_is_folded_in_production_and_readable_on_a_laptop() -> None:
    try:
        int("broken")
    except ValueError:
        trace = sys.exc_info()
    assert "\n" not in _line("fault", exc_info=trace)
    assert (
        _line("fault", fold=False, exc_info=trace).splitlines()[-1].startswith("ValueError: invalid literal")
    )
