"""What a version would have meant for the runs before it: on a page, and as a part of the version's page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import opens
from app.errors import is_htmx
from app.pages.designer.trial import WORDS
from app.pages.run.routes import pages
from rules.person import Act
from rules.process_impact import How, Parting
from rules.process_plan import ProcessCannotRun
from rules.rollout import Kind
from rules.rollout_target import ProcessTarget, lane_of
from storage import process, process_impact, process_run_list, rollout
from storage.rollout import RolloutRow

#: On the version's page the page itself has the rest.
LISTED_IN_PART: Final = 5


@pages.get("/processes/<key>/versions/<int:number>/impact", endpoint="impact")
@opens(Act.READ_PROCESS)
def impact(key: str, number: int) -> ResponseReturnValue:
    """Which of the last finished runs would have gone another way."""
    session = database.session()
    shown: dict[str, Any] = {"key": key, "number": number, "row": process.by_key(session, key), "refusal": ""}
    try:
        found = process_impact.look(session, key, number)
    except ProcessCannotRun as refusal:
        shown["refusal"] = refusal.message
    else:
        titles = titles_of(key)
        shown |= {
            "impact": found,
            "titles": titles,
            "say": lambda parting: say_parting(parting, titles),
            "most": LISTED_IN_PART if is_htmx() else len(found.tried),
        }
    return render_template("run/_impact.html" if is_htmx() else "run/impact.html", **shown)


@dataclass(frozen=True)
class Standing:
    """What runs on which version of a process.

    Attributes:
        open_runs: version -> how many.
        rollout: what gives a version to some, `rollout_version` to `share` percent of new runs; None where none does.
    """

    open_runs: Mapping[int, int]
    rollout: RolloutRow | None = None
    rollout_version: int = 0
    share: str = ""


@pages.app_template_global()
def versions_standing(key: str) -> Standing:
    """What runs on which version, for the page of a version."""
    session = database.session()
    open_runs = process_run_list.open_by_version(session, key)
    running = rollout.open_in(session, lane_of(Kind.PROCESS, key))
    if running is None:
        return Standing(open_runs)
    target, share = ProcessTarget.from_content(running.content), running.plan["steps"][running.step]["share"]
    return Standing(open_runs, running, target.version, str(share))


def titles_of(key: str) -> Mapping[str, str]:
    """What people call each node, in the newest version that has it."""
    versions = reversed(process.versions(database.session(), key))
    return {node.id: node.title for version in versions for node in version.process.nodes}


def say_parting(parting: Parting, titles: Mapping[str, str]) -> str:
    """Where and how a run would have parted."""
    name = titles.get(parting.node, parting.node)
    was, would_be = WORDS.get(parting.was, parting.was), WORDS.get(parting.would_be, parting.would_be)
    said = {
        How.OTHER_OUTCOME: _(
            "“%(name)s” ended with “%(was)s” and would with “%(new)s”", name=name, was=was, new=would_be
        ),
        How.NEW_NODE: _("“%(name)s” would have run, and did not", name=name),
        How.LEFT_OUT: _("“%(name)s” ran, and would not have", name=name),
        How.OTHER_END: _("it ended as “%(was)s” and would as “%(new)s”", was=was, new=would_be),
    }
    return str(said[parting.how])
