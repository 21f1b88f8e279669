"""The web process's own copy of the feature flags. Asking it costs no network, whatever Redis does."""

from __future__ import annotations

import os
import threading
from typing import cast

from flask import Flask, current_app

from storage.flag_copy import FlagCopy
from storage.flag_roll import process_name


class ProcessFlags:
    """Starts one copy for each process when it serves its first request: threads do not live through a fork."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._starting = threading.Lock()
        self._copy: FlagCopy | None = None
        self._process: int | None = None

    def copy(self) -> FlagCopy:
        """This process's copy. It is stale until Redis has answered for the first time; nobody waits for that."""
        if self._copy is None or self._process != os.getpid():
            with self._starting:
                if self._copy is None or self._process != os.getpid():
                    self._copy = FlagCopy(self._redis_url, process=process_name("web")).start()
                    self._process = os.getpid()
        return self._copy

    def stop(self) -> None:
        """End this process's copy, if there is one."""
        if self._copy is not None and self._process == os.getpid():
            self._copy.stop()
        self._copy = None


def set_up_flags(app: Flask, redis_url: str) -> None:
    """Keep a copy of the flags from the first request on."""
    held = ProcessFlags(redis_url)
    app.extensions["flags"] = held

    def begin() -> None:
        held.copy()

    app.before_request(begin)


def flag_copy() -> FlagCopy:
    """The copy of the process that serves this request."""
    return cast(ProcessFlags, current_app.extensions["flags"]).copy()
