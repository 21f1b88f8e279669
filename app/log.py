"""One line a request, as name=value pairs with the request's id. Never logs queries, forms, cookies or passwords."""

from __future__ import annotations

import logging
import time
from typing import Final

from flask import Flask, Response, g, has_request_context, request

from storage.database import new_id

_log = logging.getLogger("vistobueno.request")
#: What a log record always carries; anything else was given with `extra=` and is printed.
_ORDINARY: Final = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "message",
    "asctime",
    "taskName",
}


class PairsFormatter(logging.Formatter):
    """Writes a record as one line of name=value pairs.

    Args:
        fold: whether a traceback is folded into the line; on a laptop it follows as people read it.
    """

    def __init__(self, *, fold: bool = True) -> None:
        super().__init__()
        self._fold = fold

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        pairs: dict[str, object] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + "Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if has_request_context():
            pairs["request_id"] = request_id()
        pairs |= {name: value for name, value in vars(record).items() if name not in _ORDINARY}
        trace = self.formatException(record.exc_info) if record.exc_info else None
        if self._fold:
            pairs["trace"] = trace
        line = " ".join(f"{name}={_quote(value)}" for name, value in pairs.items() if value is not None)
        return f"{line}\n{trace}" if trace and not self._fold else line

    converter = staticmethod(time.gmtime)


def _quote(value: object) -> str:
    text = str(value)
    if text and not any(letter.isspace() or letter in '"=\\' or not letter.isprintable() for letter in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in escaped)
    return f'"{shown}"'


def set_up_log(app: Flask, *, fold: bool) -> None:
    """Give every request an id and a line, and the product's loggers a handler if nobody else did."""
    root = logging.getLogger("vistobueno")
    if not root.handlers and not logging.getLogger().handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(PairsFormatter(fold=fold))
        root.addHandler(handler)
        app.logger.handlers = [handler]
        root.setLevel(logging.INFO)
    app.before_request(_begin)
    app.after_request(_write_line)


def request_id() -> str:
    """The id of this request: in the log, in the X-Request-Id header and on error pages."""
    if "request_id" not in g:
        g.request_id = new_id().hex
    return str(g.request_id)


def _begin() -> None:
    g.began_at = time.perf_counter()


def _write_line(response: Response) -> Response:
    response.headers["X-Request-Id"] = request_id()
    if request.endpoint in {"static", "health.alive"}:
        return response
    took = time.perf_counter() - g.began_at if "began_at" in g else 0.0
    _log.info(
        "request",
        extra={
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "milliseconds": round(took * 1000, 1),
            "person": g.get("person_id"),
        },
    )
    return response
