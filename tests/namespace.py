"""A Temporal namespace for one test."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from gateways.temporal import ensure_search_attributes


async def make_namespace(address: str, name: str) -> None:
    """Make it, with the search attributes that the product needs; it is usable at once."""
    client = await Client.connect(address)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=Duration(seconds=86_400))
    )
    await ensure_search_attributes(await Client.connect(address, namespace=name))
