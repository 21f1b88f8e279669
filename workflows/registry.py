"""The workflows that each kind of worker serves, and what runs them."""

from __future__ import annotations

from typing import Final

from temporalio.worker import UnsandboxedWorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from workflows.build_gate import BuildGate
from workflows.process import Process
from workflows.process_timetable import PlannedStart
from workflows.purchase_approval import PurchaseApproval
from workflows.rollout import Rollout
from workflows.smoke_run import SmokeRun

APPROVALS: Final = (PurchaseApproval, Process)
#: What every build serves beside the approvals.
TRIALS: Final = (SmokeRun,)
#: Served by the control worker, which is no build: a bad build cannot steer its own way.
CONTROL: Final = (BuildGate, Rollout, PlannedStart)


def sandbox() -> SandboxedWorkflowRunner:
    """Runs workflow code shut off from clock, random and I/O: for tests and replays, where a slip must show."""
    passed = SandboxRestrictions.default.with_passthrough_modules("rules")
    return SandboxedWorkflowRunner(restrictions=passed)


def fast() -> UnsandboxedWorkflowRunner:
    """Runs the same code without the sandbox's import of every module for every workflow: for production.

    What it would catch, the tests catch: they run in the sandbox, and the import contract shuts I/O out.
    """
    return UnsandboxedWorkflowRunner()
