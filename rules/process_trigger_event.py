"""What events tell of an entity, field by field, and a made-up one by which triggers are tried before they count.

Postgres writes events with the same fields (migration 0012); a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_SOMEBODY: Final = "018f2b6a-0000-7000-8000-000000000000"
_MOMENT: Final = "2026-11-21T09:30:00+00:00"

#: Entity -> field -> an example of its usual kind. Some may be empty: needed_by, awaited, auto_approved, started_by.
FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "request": {
        "id": _SOMEBODY,
        "number": "PR-2026-000123",
        "requester": _SOMEBODY,
        "department": "marketing",
        "title": "Headphones",
        "asin": "B000000001",
        "url": "https://amazon.es/dp/B000000001",
        "vendor": "amazon.es",
        "seller": "Amazon",
        "category": "electronics",
        "quantity": 1,
        "unit_price": "49.90",
        "amount": "49.90",
        "currency": "EUR",
        "reason": "for the office",
        "needed_by": "2026-12-01",
        "status": "submitted",
        "auto_approved": False,
        "awaited": _SOMEBODY,
        "round": 1,
        "closed_reason": "not needed",
    },
    "run": {
        "id": _SOMEBODY,
        "process": "travel",
        "version": 1,
        "status": "completed",
        "outcome": "satisfied",
        "started_by": _SOMEBODY,
        "requester": _SOMEBODY,
        "failed_by": "",
        "error": "",
    },
}


def sample(entity: str, operation: str) -> dict[str, Any]:
    """What templates and conditions could name in an event of that kind, see `rules.process_trigger.Event.context`."""
    fields = dict(FIELDS[entity])
    is_new = operation == "created"
    event = {
        "id": _SOMEBODY,
        "at": _MOMENT,
        "entity": entity,
        "decision": "approved" if operation == "decided" else "",
        "changed": [] if is_new else ["status"],
        "before": {} if is_new else fields,
    }
    return {"event": event, "entity": fields}
