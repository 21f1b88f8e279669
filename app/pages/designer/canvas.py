"""The canvas: the page that holds it, and the draft as data. Every change of it goes through the outline's address."""

from __future__ import annotations

from dataclasses import replace

from flask import jsonify, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import opens
from app.pages.designer.draft import Opened, Saved, answer, open_draft
from app.pages.designer.outline import ICONS
from app.pages.designer.routes import pages
from rules.person import Act
from rules.process_content import to_content
from rules.process_diff import Mark, diff, marks
from rules.process_language import Language
from rules.process_nodes import NODE_TYPES
from storage import process as processes
from storage.process import ProcessVersionRow


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
            for name in ("edit", "inspect", "draft", "coverage", "changes")
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


@pages.get("/processes/<key>/changes", endpoint="processes_changes")
@opens(Act.DRAW_PROCESS)
def changes(key: str) -> ResponseReturnValue:
    """What differs from the version that new runs follow, or from the one before: for the canvas to colour."""
    opened = open_draft(key)
    before = _before(opened)
    if before is None:
        return jsonify({"marks": {}, "removed": {}, "text": _("There is no earlier version.")})
    found = marks(diff(before.process, opened.process))
    kept = replace(
        before.process,
        nodes=tuple(node for node in before.process.nodes if found.get(node.id) is Mark.REMOVED),
        edges=tuple(edge for edge in before.process.edges if found.get(edge.id) is Mark.REMOVED),
    )
    counted = {mark: sum(each is mark for each in found.values()) for mark in Mark}
    said = _(
        "Against version %(num)s: %(added)s new, %(changed)s changed, %(removed)s removed", num=before.version,
        **{mark.value: count for mark, count in counted.items()},
    )  # fmt: skip
    return jsonify({"marks": found, "removed": to_content(kept), "text": said})


def _before(opened: Opened) -> ProcessVersionRow | None:
    versions = [
        each for each in processes.versions(database.session(), opened.key) if each.version < opened.number
    ]
    in_force = (each for each in versions if each.version == opened.row.deployed_version)
    return next(in_force, versions[0] if versions else None)
