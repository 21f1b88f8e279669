"""The workflows that each kind of worker serves, and the sandbox they run in."""

from __future__ import annotations

from typing import Final

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from workflows.purchase_approval import PurchaseApproval

APPROVALS: Final = (PurchaseApproval,)


def sandbox() -> SandboxedWorkflowRunner:
    """Runs workflow code shut off from clock, random and I/O; rules are pure and pass through, which is faster."""
    passed = SandboxRestrictions.default.with_passthrough_modules("rules", "workflows.steps")
    return SandboxedWorkflowRunner(restrictions=passed)
