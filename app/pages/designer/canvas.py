"""The canvas: the page that holds it, and the draft as data. Every change of it goes through the outline's address."""

from __future__ import annotations

from flask import jsonify, render_template, url_for
from flask.typing import ResponseReturnValue

from app.access import opens
from app.pages.designer.draft import Saved, answer, open_draft
from app.pages.designer.outline import ICONS
from app.pages.designer.routes import pages
from rules.person import Act
from rules.process_language import Language
from rules.process_nodes import NODE_TYPES


@pages.get("/processes/<key>/canvas", endpoint="processes_canvas")
@opens(Act.DRAW_PROCESS)
def canvas(key: str) -> ResponseReturnValue:
    """The draft as a graph that is drawn."""
    opened = open_draft(key)
    kinds = sorted(NODE_TYPES.values(), key=lambda each: each.title[Language.ENGLISH])
    given = {
        **answer(Saved(opened, ())),
        "types": {
            each.key: {"title": each.title[Language.ENGLISH], "branches": each.branches} for each in kinds
        },
        "paths": {
            name: url_for(f"designer.processes_{name}", key=key)
            for name in ("edit", "inspect", "draft", "coverage")
        },
    }
    return render_template(
        "designer/canvas.html",
        opened=opened,
        given=given,
        icons={each.key: ICONS.get(each.key, "circle-dashed") for each in kinds},
    )


@pages.get("/processes/<key>/draft", endpoint="processes_draft")
@opens(Act.DRAW_PROCESS)
def draft(key: str) -> ResponseReturnValue:
    """The draft as it stands, for a canvas that came late."""
    return jsonify(answer(Saved(open_draft(key), ())))
