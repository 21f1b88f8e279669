"""The KPIs through the API, in the groups automated_review, deployment and departments; defined in docs/kpis.md."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from app import database
from app.access import current_person, opens
from app.api import shown
from app.api.setup import PREFIX, Subject
from app.pages.kpi import asked
from rules.kpi import Durations, Scope, Share, own_department_only
from rules.kpi_estimate import change, of_share
from rules.kpi_review import TARGETS, Grouping, ReviewTally, estimates
from rules.person import Act
from storage import department, kpi_deployment, kpi_review
from storage.database import now
from storage.kpi_deployment import Deployment
from storage.kpi_review import Slices

api = Subject("api_kpi", __name__, url_prefix=f"{PREFIX}/kpis", description="Key figures")


@api.at("", "GET")
@opens(Act.READ_KPI)
def read() -> dict[str, Any]:
    """All KPIs of one window: `first`, `last`, `department` and `demo` as on the page."""
    session = database.session()
    scope = asked.scope(department.names(session))
    return kpis_as_json(session, scope, own_department_only(current_person()))


def kpis_as_json(session: Session, scope: Scope, limited: bool = False) -> dict[str, Any]:
    """The KPIs of one scope; shares from 0 to 1, times in seconds, None where n is too small.

    Args:
        limited: leave out the deployment, which is the whole company's.
    """
    slices = kpi_review.count(session, scope)
    before = kpi_review.count_whole(session, scope.before)
    whole = slices[Grouping.ALL, ""]
    names = department.names(session)
    return {
        "at": shown.when(now(session)),
        "window": {
            "first": scope.first.isoformat(),
            "last": scope.last.isoformat(),
            "department": scope.department_id,
            "demo": scope.include_demo,
        },
        "automated_review": {
            **_review(whole),
            "targets": _targets(whole),
            "changes": _changes(before, whole),
            "by_build": _side_by_side(slices, Grouping.BUILD),
            "by_policy_version": _side_by_side(slices, Grouping.POLICY),
            "by_variant": _side_by_side(slices, Grouping.VARIANT),
        },
        "deployment": None if limited else _deployment(kpi_deployment.count(session, scope)),
        "departments": {
            key: {"name": names.get(key, key), **_review(tally)}
            for (grouping, key), tally in sorted(slices.items())
            if grouping is Grouping.DEPARTMENT
        },
    }


def _side_by_side(slices: Slices, grouping: Grouping) -> dict[str, Any]:
    return {key: _review(tally) for (kind, key), tally in sorted(slices.items()) if kind is grouping}


def _review(tally: ReviewTally) -> dict[str, Any]:
    return {
        **{key: asdict(estimate) for key, estimate in estimates(tally).items()},
        "time_to_approval": {"automatic": asdict(tally.quick), "by_a_person": asdict(tally.slow)},
        "review_time_quantiles": _durations(tally.review_time),
        "reviews_that_could_not_judge": tally.blind,
        "automatic_approvals": tally.given,
        "rechecks": {
            "drawn": tally.drawn,
            "right": tally.right,
            "wrong": tally.wrong,
            "waiting": tally.waiting,
        },
        "false_positives": {
            "known": tally.false_positives,
            "judged_wrong": tally.judged_wrong,
            "reversed": tally.reversed_since,
        },
        "error_rate": _share(tally.errors),
        "average_amount": {
            currency: {"decided": asdict(amounts.decided), "automatic": asdict(amounts.auto)}
            for currency, amounts in sorted(tally.amounts.items())
        },
    }


def _targets(tally: ReviewTally) -> dict[str, Any]:
    found = estimates(tally)
    return {
        key: {
            "low": target.low,
            "high": None if target.high == math.inf else target.high,
            "standing": target.standing(found[key]).value,
        }
        for key, target in TARGETS.items()
    }


def _changes(before: ReviewTally, whole: ReviewTally) -> dict[str, Any]:
    """How each figure moved against the window before; None where one of both has too few cases."""
    old = estimates(before)
    moved = {key: change(old[key], figure) for key, figure in estimates(whole).items()}
    return {
        key: None if each is None else {**asdict(each), "is_certain": each.is_certain}
        for key, each in moved.items()
    }


def _deployment(found: Deployment) -> dict[str, Any]:
    current = found.current
    return {
        "current_build": current and current.build,
        "ramping_build": current and current.ramping,
        "ramping_percent": None if current is None else float(current.percent),
        "seen_at": None if current is None else shown.when(current.checked_at),
        "error_rate": _share(found.errors),
        "stage_time": _durations(found.stage_time),
        "deployments": found.deployments,
        "without_downtime": _share(found.without_downtime),
        "time_to_return": {
            "n": found.returns,
            "median": found.return_median,
            "longest": found.return_longest,
        },
    }


def _share(share: Share) -> dict[str, Any]:
    return {"part": share.part, **asdict(of_share(share))}


def _durations(found: Durations) -> dict[str, Any]:
    return asdict(found)
