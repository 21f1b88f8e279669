"""The workflows that each kind of worker serves, and what runs them."""

from __future__ import annotations

from typing import Final

from temporalio.worker import UnsandboxedWorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from workflows.purchase_approval import PurchaseApproval

APPROVALS: Final = (PurchaseApproval,)


def sandbox() -> SandboxedWorkflowRunner:
    """Runs workflow code shut off from clock, random and I/O: for tests and replays, where a slip must show."""
    passed = SandboxRestrictions.default.with_passthrough_modules("rules")
    return SandboxedWorkflowRunner(restrictions=passed)


def fast() -> UnsandboxedWorkflowRunner:
    """Runs the same code without the sandbox's import of every module for every workflow: for production.

    What it would catch, the tests catch: they run in the sandbox, and the import contract shuts I/O out.
    """
    return UnsandboxedWorkflowRunner()
