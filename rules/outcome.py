"""Outcomes of stages: for how long they are kept. Counting is in rules/evidence.py, judging in rules/analysis.py."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

#: The figures of the deployment look back so far; what the audit tells stays for ever.
KEPT_FOR: Final = timedelta(days=90)


def kept_since(now: datetime, open_since: datetime | None) -> datetime:
    """From when on outcomes are kept.

    Args:
        open_since: when the oldest rollout began that has not ended; it is judged by all that came after.
    """
    oldest = now - KEPT_FOR
    return oldest if open_since is None else min(oldest, open_since)
