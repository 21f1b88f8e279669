"""What an address asks to be counted: the days, the department, with or without the demo history."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime

from flask import current_app, request

from app.access import current_person
from rules.kpi import Scope, judge_department, judge_window


def today() -> date:
    """This day in UTC."""
    return datetime.now(UTC).date()


def scope(departments: Collection[str]) -> Scope:
    """What is asked for, as far as whoever asks may see it; raises InvalidFields, NotAllowed, NotFound."""
    chosen = judge_department(current_person(), request.args.get("department", ""), departments)
    window = judge_window(request.args.get("first", ""), request.args.get("last", ""), today())
    return Scope(*window, department_id=chosen, include_demo=include_demo())


def include_demo() -> bool:
    """Made-up requests count where the address says so, and by default only on a laptop."""
    return {"yes": True, "no": False}.get(request.args.get("demo", ""), is_local())


def is_local() -> bool:
    """Whether this is a laptop."""
    return bool(current_app.config["SETTINGS"].mode == "local")
