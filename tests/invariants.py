"""The checker: reads a product's database, the vendor's ledger, the workflow histories and a client's journal after a
quiet time, and prints every breach of a law with its counter-example. Knows where to look; the laws are in checking/.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from temporalio.client import Client

from storage.database import make_engine, make_sessions
from tests.checking import decision_laws, order_laws, process_laws, request_laws
from tests.checking.facts import Call, Facts, Run
from tests.checking.law import Breach, Law
from tests.checking.loading import read_database, read_journal, read_ledger, read_runs, read_unlisted_runs

LAWS: Final[Sequence[Law]] = (
    *request_laws.LAWS,
    *decision_laws.LAWS,
    *order_laws.LAWS,
    *process_laws.LAWS,
)


def breaches(facts: Facts) -> list[Breach]:
    """Every counter-example to every law."""
    return [breach for law in LAWS for breach in law.breaches(facts)]


async def gather(
    database_url: str,
    vendor_url: str,
    client: Client,
    calls: Sequence[Call] | None = None,
    *,
    ended: Sequence[Run] = (),
    is_quiet: bool = True,
) -> Facts:
    """The facts of a product, from all its sides.

    Args:
        ended: runs that are known to be over; their histories are not read again.
        is_quiet: whether everything that was begun has had the time to end; else what is under way is no breach.
    """
    # What ends between two looks must not seem broken: first the engine, then the books, then the money.
    runs = await read_runs(client, ended)
    facts = await asyncio.to_thread(_read_snapshot, database_url)
    ledger = await asyncio.to_thread(read_ledger, vendor_url)
    if is_quiet:
        runs += await read_unlisted_runs(client, facts.requests, runs)
    else:
        ledger = [order for order in ledger if order.at <= facts.now]
    return replace(facts, runs=runs, vendor_orders=ledger, calls=calls, is_quiet=is_quiet)


def _read_snapshot(database_url: str) -> Facts:
    """All tables as of one moment."""
    engine = make_engine(database_url, name="invariants").execution_options(isolation_level="REPEATABLE READ")
    try:
        with make_sessions(engine).begin() as session:
            return read_database(session)
    finally:
        engine.dispose()


async def _main(asked: argparse.Namespace) -> int:
    client = await Client.connect(asked.temporal_address, namespace=asked.namespace)
    calls = read_journal(asked.journal) if asked.journal else None
    facts = await gather(asked.database_url, asked.vendor_url, client, calls, is_quiet=not asked.busy)
    found = breaches(facts)
    for breach in found:
        sys.stdout.write(f"{breach}\n")
    looked_at = f"{len(facts.requests)} requests, {len(facts.runs)} runs, {len(facts.vendor_orders)} orders"
    sys.stdout.write(f"{len(found)} breaches of {len(LAWS)} laws in {looked_at}\n")
    return 1 if found else 0


def main() -> int:
    """The command line; the exit status is 1 where a law is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.invariants",
        description=__doc__,
        epilog="\n".join(["laws:", *(f"  {law.id:<4} {law.title}" for law in LAWS)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--vendor-url", required=True)
    parser.add_argument("--temporal-address", required=True)
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--journal", type=Path, help="JSON lines: actor, key, payload, t0, t1, result, told")
    parser.add_argument(
        "--busy", action="store_true", help="work is under way, so what has not ended is no breach"
    )
    return asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
