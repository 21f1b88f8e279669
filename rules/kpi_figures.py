"""The figures on the KPI page and the one definition of each; docs/kpis.md says the same, word for word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: A request that nobody looked at for longer felt a deployment as downtime.
LONGEST_WAIT_SECONDS: Final = 30
#: What was submitted so long before or after a deployment came close to it; its definition says so in words.
NEAR_BEFORE_MINUTES: Final = 1
NEAR_AFTER_MINUTES: Final = 5


@dataclass(frozen=True)
class Figure:
    """One figure with its one definition."""

    key: str
    title: str
    definition: str


FIGURES: Final[Mapping[str, Figure]] = {
    figure.key: figure
    for figure in (
        Figure(
            "decided",
            "Requests decided",
            "Requests whose final decision fell into the window. The final decision is the approval by the automated "
            "review where nobody was asked, else the answer to the last question: approved or rejected by a person, "
            "or expired. Withdrawn requests and requests with an open question are not decided.",
        ),
        Figure(
            "auto_approval_rate",
            "Auto-approval rate",
            "Decided requests that the automated review approved and that nobody was asked about, among the decided "
            "requests that entered the automated review.",
        ),
        Figure(
            "automation_coverage",
            "Automation coverage",
            "Decided requests that entered the automated review, among all decided requests.",
        ),
        Figure(
            "auto_time",
            "Submit to decision, automatic",
            "Wall-clock time from submit to the final decision of requests that the automated review approved: "
            "median and 90th percentile by nearest rank, the 99th from 100 requests on.",
        ),
        Figure(
            "manual_time",
            "Submit to decision, by a person",
            "Wall-clock time, nights and weekends included, from submit to the final decision of requests that a "
            "person approved or rejected: median and 90th percentile by nearest rank, the 99th from 100 requests on. "
            "Expired requests are not in it; they are counted on their own.",
        ),
        Figure(
            "rejected_rate",
            "Rejected",
            "Decided requests that a person rejected, among those that a person approved or rejected.",
        ),
        Figure(
            "expired_rate",
            "Timed out",
            "Decided requests that expired because nobody decided within 7 days, among the decided requests that a "
            "person was asked about.",
        ),
        Figure(
            "withdrawn_rate",
            "Withdrawn",
            "Requests withdrawn in the window, among the requests withdrawn or decided in it.",
        ),
        Figure(
            "order_refused_rate",
            "Order refused",
            "Requests that ended in the window because the vendor took nothing, among those that ended in it with an "
            "order or a refused one.",
        ),
        Figure(
            "order_unknown_rate",
            "Order unclear",
            "Orders begun in the window whose outcome was unknown for a while, among all orders begun in it.",
        ),
        Figure(
            "ordered_amount",
            "Amount ordered",
            "What the vendor charged for orders whose outcome became known in the window, wholly or partly taken; "
            "where no charge is known, the approved amount times the accepted share of the quantity. Currencies are "
            "never added up.",
        ),
        Figure(
            "auto_amount",
            "Of it approved automatically",
            "The part of the amount ordered that belongs to requests which the automated review approved and nobody "
            "else. A share of money, not of cases, so it has no interval.",
        ),
        Figure(
            "open_requests",
            "Open now",
            "Requests that have not ended, counted now whatever the window, with the median and the longest time "
            "since submit; beside them those whose order is unclear now.",
        ),
        Figure(
            "time_saved",
            "Time to approval saved",
            "By which part the median time from submit to approval is shorter where the automated review approved "
            "than where a person did; rejected and expired requests are in neither. The interval is the widest that "
            "the ends of both medians' intervals allow; those are 97.5 % order-statistic intervals, so that both hold "
            "at once in 95 %. n is the smaller number of both.",
        ),
        Figure(
            "precision",
            "Precision of auto-approval",
            "Automatic approvals given in the window, drawn for a recheck, that somebody of finance judged right, "
            "among those drawn of which it is known: judged right or wrong, or reversed. Reversed means that a person "
            "who was asked again, as when the price rose, rejected the request; it counts as wrong whatever the "
            "reason. Drawn ones that nobody has judged yet are in neither number.",
        ),
        Figure(
            "false_positives",
            "Wrong approvals known",
            "False positives: automatic approvals given in the window that finance judged wrong or a person reversed, "
            "drawn or not. A count of what is known, not an estimate: what nobody looked at again is not in it.",
        ),
        Figure(
            "review_time",
            "Review time",
            "Mean time from the beginning to the end of the automated review of requests whose review ended in the "
            "window, with the median and 90th percentile by nearest rank. Reviews that could not judge for want of "
            "usable rules are left out and counted beside it.",
        ),
        Figure(
            "confidence",
            "Mean confidence",
            "Mean of the confidence, from 0 to 1, of the same reviews as in the review time.",
        ),
        Figure(
            "average_amount",
            "Average amount",
            "Mean amount of the requests decided in the window, by currency, and beside it that of those which the "
            "automated review approved.",
        ),
        Figure(
            "current_build",
            "Current build",
            "The worker build that new requests start on, as last seen at Temporal, and the share of a ramping one. "
            "Requests that the routing rules send elsewhere are not in that share.",
        ),
        Figure(
            "error_rate",
            "Error rate",
            "Requests on a build of which a stage failed there for good in the window, among the requests of which a "
            "stage ended there. A stage that succeeded when it was tried again is no error, nor is a refusal by the "
            "vendor or by a rule. The request counts once for each build that worked on it.",
        ),
        Figure(
            "stage_time",
            "Stage time",
            "How long one stage of a request took on a worker: median, and the 99th percentile from 100 stages on, by "
            "nearest rank; of a stage that was tried again the last attempt.",
        ),
        Figure(
            "without_downtime",
            "Deployments without downtime",
            "Changes of the current build in the window around which no request waited for more than "
            f"{LONGEST_WAIT_SECONDS} seconds until it was looked at, among those around which one was "
            "submitted: from a minute before until five minutes after. A change that no request came close to "
            "proves nothing and is counted beside it.",
        ),
        Figure(
            "return_time",
            "Time to return",
            "From the moment when somebody, or the rollout itself, asked to return from a build until no new request "
            "could reach it: median and longest of the ways back asked for in the window.",
        ),
    )
}
