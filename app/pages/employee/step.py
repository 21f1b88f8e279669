"""One bead of a request's stepper. Knows no request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

DONE, NOW, AHEAD, STOPPED = "done", "now", "ahead", "stopped"


@dataclass(frozen=True)
class Step:
    """One bead of the stepper.

    Attributes:
        text: a few words below the name.
        at: when it was done, or since when it goes on.
    """

    name: str
    state: str
    text: str = ""
    at: datetime | None = None
