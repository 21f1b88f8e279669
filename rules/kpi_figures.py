"""The figures on the KPI page and the one definition of each; docs/kpis.md says the same, word for word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


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
    )
}
