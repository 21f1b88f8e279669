"""The connection to Temporal of the lifecycle's worker and client: TEMPORAL_… as the product reads them, nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from temporalio.client import Client

from gateways import temporal
from settings import LOCAL_DEFAULTS, Settings

#: What Settings wants and a worker of the drills never uses: it has neither pages nor a database.
UNUSED = {
    **LOCAL_DEFAULTS,
    "VISTOBUENO_MODE": "local",
    "SECRET_KEY": "never used, since there are no pages here",
    "DATABASE_URL": "postgresql://unused@localhost/unused",
}


async def connect(given: Mapping[str, str]) -> Client:
    """A client of the Temporal that the environment names.

    Raises:
        SettingsError: a variable makes no sense.
        RuntimeError: nobody answers.
    """
    named = {name: value for name, value in given.items() if name.startswith("TEMPORAL_")}
    return await temporal.connect(Settings.from_environment({**UNUSED, **named}))
