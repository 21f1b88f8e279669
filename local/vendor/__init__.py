"""The vendor sandbox: a shop of its own process that speaks the Amazon Business contract and misbehaves on wish."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

#: The only credentials that the sandbox accepts; they open nothing else.
CLIENT_ID: Final = "local-client"
CLIENT_SECRET: Final = "local-client-secret"  # noqa: S105
REFRESH_TOKEN: Final = "local-refresh-token"  # noqa: S105

READY: Final = "Vendor sandbox: "
_ROOT: Final = Path(__file__).resolve().parents[2]


@contextmanager
def running(
    port: int | None = None, ledger: Path | None = None, catalogue: Path | None = None
) -> Iterator[str]:
    """A sandbox process for as long as the block runs; gives its base URL, without a trailing slash.

    Args:
        port: on 127.0.0.1; None takes a free one.
        ledger: kept and reloaded where given, else one that vanishes with the block.
        catalogue: a file from local.vendor.catalogue.save_catalogue; None for the seeded default.

    Raises:
        RuntimeError: the process ended before it was ready; the message holds what it said.
    """
    with tempfile.TemporaryDirectory(prefix="vendor-") as scratch:
        command = [sys.executable, "-m", "local.vendor", "--port", str(port or 0), "--until-stdin-ends"]
        command += ["--ledger", str(ledger or Path(scratch) / "ledger.jsonl")]
        command += ["--catalogue", str(catalogue)] if catalogue else []
        process = subprocess.Popen(
            command,
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield _base_url(process)
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:  # its ledger is whole at any moment, so this loses nothing
        process.kill()
        process.communicate()


def _base_url(process: subprocess.Popen[str]) -> str:
    said: list[str] = []
    for line in process.stdout or ():
        if line.startswith(READY):
            return line.removeprefix(READY).strip()
        said.append(line)
    raise RuntimeError(f"the vendor sandbox did not start: {''.join(said)}")
