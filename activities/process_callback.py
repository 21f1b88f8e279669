"""Takes what other systems say through the message broker of the work that they were given. A token is all that it knows."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session, sessionmaker

from gateways.broker import Broker, BrokerNotSetUp, BrokerSilent
from rules.errors import BusinessError, Invalid
from storage import process_callback

log = logging.getLogger(__name__)

#: One look at the queue; a control worker that is told to end waits no longer for it.
LOOK_SECONDS: Final = 5.0
LARGEST_BYTES: Final = 1_000_000


@dataclass(frozen=True)
class CallbackDesk:
    """Completes or fails nodes by messages `{"token": …, "output": {…}, "error": …}`, each token once."""

    sessions: sessionmaker[Session]
    broker: Broker

    def take(self) -> int:
        """Take what is there; returns how many came. A broker that is away is looked for again later."""
        try:
            return self.broker.take(self.handle, LOOK_SECONDS)
        except (BrokerSilent, BrokerNotSetUp) as failure:
            log.warning("no answers through the broker", extra={"error": str(failure)})
            return 0

    def handle(self, body: bytes) -> None:
        """One message; what makes no sense, or came too late, is told to the log and given up."""
        try:
            token, output, error = _read(body)
            with self.sessions.begin() as session:
                process_callback.use(session, token, output, error)
        except BusinessError as refusal:
            log.warning("an answer through the broker changed nothing", extra={"why": refusal.message})


def _read(body: bytes) -> tuple[str, dict[str, Any], str]:
    if len(body) > LARGEST_BYTES:
        raise Invalid(f"It has {len(body):,} bytes; at most {LARGEST_BYTES:,} are taken.")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise Invalid("It is no JSON.") from None
    if not isinstance(said, dict) or not said.keys() <= {"token", "output", "error"}:
        raise Invalid("It holds something else than token, output and error.")
    token, output, error = said.get("token"), said.get("output", {}), said.get("error", "")
    if not isinstance(token, str) or not isinstance(output, dict) or not isinstance(error, str):
        raise Invalid("Its token and error have to be text, its output an object.")
    return token, output, error.replace("\0", "")
