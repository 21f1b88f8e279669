"""Runs that nobody starts by hand: what they are given, filled from what caused them. Starts nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules.errors import BusinessError, InvalidFields
from rules.process import Process
from rules.process_input import REQUESTER, check_plain, judge_input
from rules.process_template import render


def fill_input(
    process: Process, wanted: Mapping[str, Any], context: Mapping[str, Any], field: str = "input"
) -> dict[str, Any]:
    """The input of a run, its templates filled from `context`.

    Raises:
        InvalidFields: a sentence for each entry that leads nowhere, or is unknown, missing or of another kind.
    """
    problems: dict[str, str] = {}
    given: dict[str, Any] = {}
    for name, value in wanted.items():
        try:
            given[name] = render(value, context)
        except BusinessError as refusal:
            problems[f"{field}.{name}"] = refusal.message
    if problems:
        raise InvalidFields(problems)
    return judge_input(process, given, "")


def check_input(
    process: Process, wanted: Mapping[str, Any], sample: Mapping[str, Any], field: str = "input"
) -> None:
    """Raises InvalidFields for an input that could not be given to a run of the process.

    It is tried with a sample of what will be there, so that a wrong path or kind is told to whoever writes it and not,
    at night, to nobody.
    """
    check_plain(dict(wanted), field)
    known = {each.name: each for each in process.inputs}
    if REQUESTER in known and known[REQUESTER].required and wanted.get(REQUESTER) in (None, ""):
        raise InvalidFields(
            {f"{field}.{REQUESTER}": "Nobody starts these runs by hand, so please say whose wish they carry."}
        )
    fill_input(process, wanted, sample, field)
