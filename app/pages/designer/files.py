"""A version as a file: YAML, JSON, SVG or Mermaid."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

from flask import Response
from flask.typing import ResponseReturnValue

from app import database
from app.access import opens
from app.pages.designer.routes import FORMS, pages
from app.process_yaml import write_yaml
from rules.errors import NotFound
from rules.person import Act
from rules.process import Process
from rules.process_content import to_content
from rules.process_language import Language
from rules.process_mermaid import to_mermaid
from rules.process_svg import draw
from storage import process as processes

_WRITE: Final[Mapping[str, tuple[str, Callable[[Process], str]]]] = {
    "yaml": ("application/yaml", lambda process: write_yaml(to_content(process))),
    "json": (
        "application/json",
        lambda process: json.dumps(to_content(process), indent=2, ensure_ascii=False) + "\n",
    ),
    "svg": ("image/svg+xml", lambda process: draw(process, stands_alone=True)),
    "mmd": ("text/plain", lambda process: to_mermaid(process, Language.ENGLISH)),
}


@pages.get("/processes/<key>/versions/<int:version>/file/<form>", endpoint="processes_file")
@opens(Act.READ_PROCESS)
def file(key: str, version: int, form: str) -> ResponseReturnValue:
    """A version in one of its forms, to be kept."""
    row = processes.version(database.session(), key, version)
    if form not in FORMS:
        raise NotFound(f"A process is handed out as {', '.join(FORMS)}.")
    kind, write = _WRITE[form]
    answer = Response(write(row.process), mimetype=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{row.process_key}-{row.version}.{form}"'
    return answer
