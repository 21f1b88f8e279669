"""`python -m activities.run_gate BUILD`: the gate for a release pipeline; says why it is shut. Judges nothing itself.

Exit codes: 0 the build may have traffic, 1 it may not, 2 nobody could tell.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from gateways import temporal, temporal_gate
from rules.build import check_build_id
from rules.errors import Invalid
from rules.gate_messages import GateResult
from settings import Settings


async def _run(settings: Settings, build_id: str) -> GateResult:
    return await temporal_gate.run_gate(await temporal.connect(settings), build_id)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, run the gate on the control worker, and print its reasons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", help="the id of the build that wants traffic; its workers must run")
    given = parser.parse_args(arguments)
    try:
        build_id = check_build_id(given.build)
    except Invalid as refusal:
        parser.error(refusal.message)
    try:
        result = asyncio.run(_run(Settings.or_exit(os.environ), build_id))
    except (RuntimeError, temporal.RPCError, temporal.WorkflowFailureError) as error:
        sys.stderr.write(f"The gate could not be run: {error}\n")
        return 2
    for reason in result.reasons:
        sys.stdout.write(f"{reason}\n")
    sys.stdout.write(f"Build {build_id} {'may' if result.passed else 'may not'} have traffic.\n")
    return 0 if result.passed else 1


if __name__ == "__main__":
    temporal.leave(main())
