"""Audit entries in plain words. An action without words is shown as it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from rules.decision import Why

#: Every action that the product writes.
ACTIONS: Final[Mapping[str, Any]] = {
    "request.submitted": _l("Request submitted"),
    "request.in_review": _l("Checks begun"),
    "request.awaiting_decision": _l("A person asked to decide"),
    "request.ordering": _l("Approved"),
    "request.order_unknown": _l("Order unclear"),
    "request.completed": _l("Ordered"),
    "request.rejected": _l("Rejected"),
    "request.expired": _l("Expired without a decision"),
    "request.withdrawn": _l("Withdrawn"),
    "request.order_refused": _l("Order refused"),
    "request.read_refused": _l("Reading refused"),
    "review.skipped": _l("Automated review not used"),
    "review.left_to_person": _l("Automated review left it to a person"),
    "decision.asked": _l("A process asked to decide"),
    "decision.escalated": _l("Next person asked"),
    "decision.reminded": _l("Reminder sent"),
    "order.sent": _l("Order sent to the vendor"),
    "order.placed": _l("Vendor took the order"),
    "order.part_placed": _l("Vendor took a part of the order"),
    "order.refused": _l("Vendor refused the order"),
    "order.price_changed": _l("Vendor asks more than approved"),
    "signal.stray": _l("Message without effect"),
    "signal.late": _l("Message came too late"),
    "route.late": _l("Chosen build was gone"),
    "recheck.judged": _l("Automatic approval looked at again"),
    "recheck.share_set": _l("Share of approvals to look at again changed"),
    "requests.exported": _l("List of requests downloaded"),
    "policy.saved": _l("Rules changed"),
    "policy.candidate_saved": _l("Candidate of the rules saved"),
    "flag.set": _l("Flag changed"),
    "flag.proposed": _l("Flag change proposed"),
    "flag.refused": _l("Flag change refused"),
    "flag.rollout_agreed": _l("Rollout of a flag agreed to"),
    "routing.rule_added": _l("Routing rule added"),
    "routing.rule_changed": _l("Routing rule changed"),
    "routing.rule_removed": _l("Routing rule removed"),
    "routing.state_set": _l("Routing frozen, thawed or its mode changed"),
    "routing.build_not_live": _l("Sent to the current build, as the chosen one had no live worker"),
    "routing.redirected": _l("Requests taken off a build"),
    "rollout.started": _l("Rollout started"),
    "rollout.pause": _l("Rollout paused"),
    "rollout.resume": _l("Rollout resumed"),
    "rollout.promote": _l("Rollout promoted"),
    "rollout.abort": _l("Rollout aborted"),
    "rollout.share_set": _l("Share of a rollout set"),
    "rollout.sent_back": _l("Rollout sent back"),
    "rollout.judged": _l("Rollout moved by its figures"),
    "rollout.taken_back": _l("Rollout taken back"),
    "rollout.not_carried": _l("Rollout stopped: its share could not be set"),
    "build.gate_begun": _l("Gate of a build begun"),
    "build.gate_passed": _l("Gate of a build passed"),
    "build.gate_failed": _l("Gate of a build shut"),
    "build.rejected": _l("Build rejected"),
    "build.forget_asked": _l("Server asked to forget a build"),
    "build.not_forgotten": _l("Server did not forget a build"),
    "build.return_asked": _l("Return from a build asked for"),
    "build.frozen": _l("Build frozen"),
    "build.return_routed": _l("No new request reaches the build any more"),
    "build.return_done": _l("Return from a build carried out"),
    "build.return_refused": _l("Return from a build not possible"),
    "process.drafted": _l("Version of a process begun"),
    "process.deployed": _l("Process deployed"),
    "process.followed": _l("Request follows a process"),
    "process.not_followed": _l("Process of the department could not be followed"),
    "process.retired": _l("Process retired"),
    "process_run.started": _l("Run of a process started"),
    "process_run.ended": _l("Run of a process ended"),
    "process_run.signalled": _l("Signal sent to a run"),
    "process_run.operated": _l("Incident of a run dealt with"),
    "process_run.cancel_asked": _l("Run called off"),
    "process_run.moved": _l("Run moved to another version"),
    "process_run.stayed": _l("Run could not be moved"),
    "process_run.read_refused": _l("Reading of a run refused"),
    "process_move.asked": _l("Move of runs asked for"),
    "process_task.answered": _l("Question of a process answered"),
    "process_trigger.created": _l("Trigger written"),
    "process_trigger.changed": _l("Trigger changed"),
    "process_trigger.switched_on": _l("Trigger switched on"),
    "process_trigger.switched_off": _l("Trigger switched off"),
    "process_trigger.started": _l("Run started by a trigger"),
    "process_trigger.held": _l("Trigger held back"),
    "process_timetable.created": _l("Timetable written"),
    "process_timetable.changed": _l("Timetable changed"),
    "process_timetable.switched_on": _l("Timetable switched on"),
    "process_timetable.switched_off": _l("Timetable switched off"),
    "process_timetable.removed": _l("Timetable removed"),
    "process_timetable.started": _l("Run started by a timetable"),
    "process_timetable.held": _l("Planned time left out"),
    "process_timetable.mended": _l("Schedule at Temporal mended"),
    "token.added": _l("API token made"),
    "token.revoked": _l("API token revoked"),
    "person.added": _l("Account opened"),
    "person.locked": _l("Account locked"),
    "person.unlocked": _l("Account unlocked"),
    "person.roles_changed": _l("Roles changed"),
    "demo.loaded": _l("Demo company loaded"),
}

#: What the entries of an act's detail are called; ids and hashes are left to the exact record.
_FACTS: Final[Mapping[str, Any]] = {
    "amount": _l("amount"),
    "asked": _l("asked"),
    "version": _l("version"),
    "level": _l("for"),
    "value": _l("set to"),
    "before": _l("before"),
    "until": _l("until"),
    "granted": _l("granted"),
    "revoked": _l("taken away"),
    "rows": _l("rows"),
    "filter": _l("filter"),
    "verdict": _l("verdict"),
    "comment": _l("comment"),
    "text": _l("said"),
    "reason": _l("because"),
    "why": _l("because"),
    "note": _l("because"),
    "step": _l("step"),
    "sessions_ended": _l("sessions ended"),
}

#: Why a person was asked; elsewhere the reason is what somebody typed.
_WHYS: Final[Mapping[str, Any]] = {
    Why.REVIEW_SAYS_NO: _l("the automated review left it to a person"),
    Why.REVIEW_IS_OFF: _l("the automated review was switched off"),
    Why.REVIEW_FAILED: _l("the automated review did not work"),
    Why.PRODUCT_UNCLEAR: _l("something about the product was unclear"),
    Why.PRICE_ROSE: _l("the price rose above what was approved"),
}


def title(action: str) -> str:
    """What was done."""
    return str(ACTIONS.get(action, action))


def facts(detail: Mapping[str, Any], names: Mapping[str, str]) -> list[tuple[str, str]]:
    """The telling parts of an entry as (word, value).

    Args:
        names: ids of people and departments -> names.
    """
    found = []
    about = detail.get("person") or detail.get("subject") or detail.get("department_id")
    if about:
        found.append((str(_("about")), names.get(str(about), str(about))))
    for key, word in _FACTS.items():
        if detail.get(key) not in (None, "", [], {}) or (key == "value" and key in detail):
            text = _readable(_WHYS.get(detail[key], detail[key]) if key == "why" else detail[key])
            if key == "amount":
                text = f"{text} {detail.get('currency', '')}".strip()
            found.append((str(word), text))
    return found


def _readable(value: Any) -> str:
    match value:
        case True:
            return str(_("on"))
        case False:
            return str(_("off"))
        case None:
            return str(_("nothing"))
        case list():
            return ", ".join(map(str, value))
        case dict():
            return ", ".join(f"{key}: {one}" for key, one in value.items())
        case _:
            return str(value).replace("_", " ") if str(value).replace("_", "").isalpha() else str(value)
