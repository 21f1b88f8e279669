"""How a step that gave up looks to the run: a node that failed, with one sentence. Judges nothing."""

from __future__ import annotations

from typing import Final

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError, FailureError

with workflow.unsafe.imports_passed_through():
    from rules.process import Outcome
    from rules.process_messages import NodeResult

#: A step that gave up: plain activities wrap their failure, local ones raise it as it is.
STEP_FAILED: Final = (ActivityError, ApplicationError, ChildWorkflowError)


def failed(error: str) -> NodeResult:
    """A node that failed for good."""
    return NodeResult(Outcome.FAILED.value, error=error)


def said(failure: FailureError) -> str:
    """The innermost sentence of a failure: what surrounds it names only the step."""
    cause: BaseException = failure
    while isinstance(cause, FailureError) and cause.cause is not None:
        cause = cause.cause
    return str(getattr(cause, "message", "") or cause)
