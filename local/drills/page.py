"""The drills as a page, for showing to others: a button for each, the story as it grows, and all that were told before.

A drill runs as a process of its own; the page follows its file. It listens on this machine only, shows nothing as it
came, and starts nothing that another site asks for.
"""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from flask import Flask, Response, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.serving import make_server

from local.drills.catalogue import DRILLS, LONG, QUICK, Drill, Pace, drill_of
from local.drills.stories import Stories, Told, stories_folder
from local.drills.story import Fact, How, Ran, Tone
from local.plan import HOST
from local.program import ROOT, free_port

#: So many workers get a colour of their own; after that they come again.
COLOURS: Final = 6
#: How long a drill may take to end its servers when it is told to.
END_SECONDS: Final = 30.0
PACES: Final = {pace.name: pace for pace in (QUICK, LONG)}

TONES: Final = {Tone.NEXT: "next", Tone.HAPPENED: "seen", Tone.WHY: "why", Tone.ASIDE: "try"}
HOWS: Final = {
    How.EXECUTED: ("✓", "done"),
    How.REPLAYED: ("↻", "replayed"),
    How.FAILED: ("✗", "failed"),
    How.LOST: ("✗", "lost"),
}

Begin = Callable[[Drill, Pace, Path], "subprocess.Popen[bytes]"]


def begin(drill: Drill, pace: Pace, path: Path) -> subprocess.Popen[bytes]:
    """Start a drill as a process that tells its story into this file; what it prints lies beside it."""
    command = [sys.executable, "-m", "local.drills", "run", drill.key, "--story", str(path)]
    command += ["--quick"] if pace is QUICK else []
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


class Hall:
    """Where drills are begun, one at a time: two at once would slow each other and the reader down."""

    def __init__(self, stories: Stories, start: Begin = begin) -> None:
        self.stories = stories
        self._start = start
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._name = ""

    @property
    def playing(self) -> str:
        """The name of the story that is being told now; empty where none is."""
        return self._name if self._process is not None and self._process.poll() is None else ""

    def begin(self, drill: Drill, pace: Pace) -> str | None:
        """Begin a drill and return the name of its story; None where one is under way."""
        with self._lock:
            if self.playing:
                return None
            path = self.stories.new(drill, pace)
            self._process, self._name = self._start(drill, pace, path), path.stem
            return self._name

    def end(self) -> None:
        """End the drill that is under way, with all its servers, and wait until it has."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._process.send_signal(signal.SIGTERM)
                self._process.wait(END_SECONDS)

    def find(self, name: str) -> Told | None:
        """The story of this name; a drill that is under way may have told nothing yet."""
        return self.stories.find(name, runs=name == self.playing)


def make_pages(hall: Hall, port: int) -> Flask:
    """The pages, served on this port of this machine."""
    here = Path(__file__).parent
    pages = Flask(
        "local.drills.page", template_folder=str(here / "templates"), static_folder=str(here / "static")
    )
    pages.jinja_env.globals.update(tones=TONES, hows=HOWS, hall=hall)
    _guard(pages, {f"{name}:{port}" for name in (HOST, "localhost")})
    _show(pages, hall)
    _act(pages, hall)
    _answer_safely(pages)
    return pages


def _guard(pages: Flask, hosts: set[str]) -> None:
    """Another site cannot read the token, as its name is not ours, and cannot send it."""
    token = secrets.token_urlsafe(32)
    origins = {f"http://{host}" for host in hosts}
    pages.jinja_env.globals["token"] = token

    @pages.before_request
    def refuse_strangers() -> None:
        if request.host not in hosts:
            abort(403, "This page answers on this machine only.")
        if request.method != "POST":
            return
        from_here = request.headers.get("Origin") in {None, *origins}
        if not (from_here and hmac.compare_digest(request.form.get("token", "").encode(), token.encode())):
            abort(403, "This did not come from the page itself. Open the page anew and try again.")


def _show(pages: Flask, hall: Hall) -> None:
    @pages.get("/")
    def list_drills() -> str:
        return render_template("list.html", drills=DRILLS, told=hall.stories.all()[:100])

    @pages.get("/stories/<name>")
    def show_story(name: str) -> str:
        told = hall.find(name)
        if told is None and name == hall.playing:
            return render_template("begins.html")
        if told is None:
            abort(404, "There is no such story.")
        return render_template("story.html", told=told, workers=workers(told.facts))

    @pages.get("/stories/<name>/after/<int:known>")
    def more(name: str, known: int) -> Response:
        told = hall.find(name)
        if told is None:
            abort(404, "There is no such story.")
        html = render_template("facts.html", facts=told.facts[known:], workers=workers(told.facts))
        return jsonify(html=html, known=len(told.facts), state=told.state, ended=told.ended)


def _act(pages: Flask, hall: Hall) -> None:
    @pages.post("/begin")
    def begin_drill() -> Any:
        try:
            drill, pace = drill_of(request.form.get("key", "")), PACES[request.form.get("pace", "")]
        except KeyError:
            abort(400, "There is no such drill.")
        name = hall.begin(drill, pace)
        return redirect(url_for("show_story", name=name or hall.playing), 303)

    @pages.post("/end")
    def end_drill() -> Any:
        hall.end()
        return redirect(url_for("list_drills"), 303)


def _answer_safely(pages: Flask) -> None:
    @pages.errorhandler(400)
    @pages.errorhandler(403)
    @pages.errorhandler(404)
    def refuse(error: Any) -> tuple[str, int]:
        return render_template("refused.html", reason=error.description), error.code

    @pages.after_request
    def shield(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"  # with none, forms would tell no origin
        response.headers["Cache-Control"] = "no-store"
        return response


def workers(facts: Sequence[Fact]) -> dict[str, int]:
    """Each worker's colour, by the order in which they come; the same as the story grows."""
    names = dict.fromkeys(fact.worker for fact in facts if isinstance(fact, Ran))
    return {name: number % COLOURS for number, name in enumerate(names)}


def main(port: int) -> int:
    """Serve until told to end; port 0 takes a free one. Then a drill that is under way is ended, too."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    hall = Hall(Stories(stories_folder(os.environ)))
    port = port or free_port()
    with make_server(HOST, port, make_pages(hall, port), threaded=True) as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        print(f"The drills: http://{HOST}:{port} (Ctrl-C ends)", flush=True)
        server.serve_forever()
    hall.end()
    return 0
