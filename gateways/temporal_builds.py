"""Worker builds at Temporal: which there are, where new work goes, who asks for it, and changing that.

Knows the server's calls and traps (docs/decisions/0011); knows no reason to change a route and no Postgres.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, NoReturn, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.deployment.v1 import RoutingConfig, WorkerDeploymentInfo, WorkerDeploymentVersion
from temporalio.api.enums.v1 import WorkerDeploymentVersionStatus
from temporalio.api.workflowservice.v1 import (
    DeleteWorkerDeploymentVersionRequest,
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentManagerRequest,
    SetWorkerDeploymentRampingVersionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from gateways.temporal import CALL_SECONDS
from rules.build import BuildState, check_build_id, check_percent
from rules.messages import APPROVALS_DEPLOYMENT

#: The name under which all changes of routes are made, so that the server can keep others out.
ROUTER: Final = "vistobueno"

T = TypeVar("T")

_STATES: Final[Mapping[WorkerDeploymentVersionStatus.ValueType, BuildState]] = {
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_CREATED: BuildState.CREATED,
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_INACTIVE: BuildState.INACTIVE,
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT: BuildState.CURRENT,
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING: BuildState.RAMPING,
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING: BuildState.DRAINING,
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED: BuildState.DRAINED,
}


class RouteRefused(Exception):
    """The server did not change the route; the message is its reason."""


class RouteChanged(RouteRefused):
    """Somebody else changed the route since it was read."""


class UnknownBuild(RouteRefused):
    """No worker of this build has ever asked for work, or the server has forgotten it."""


class OtherManager(RouteRefused):
    """Another program has taken the routes of this deployment into its hands; see `take_over`."""


@dataclass(frozen=True)
class Route:
    """Where new work goes.

    Attributes:
        current: the build id, None where there is none: then only unversioned workers get work.
        ramping: the build id of the canary, None where nothing ramps.
        percent: the canary's share; 0 may stand beside a ramping build.
        revision: counts the changes.
        token: hand it to a change that must not overwrite somebody else's.
        had_current: whether there has ever been a current build.
        changed_at: when it was changed last, by the server's clock; None where it never was.
    """

    current: str | None
    ramping: str | None
    percent: Decimal
    revision: int
    token: bytes
    had_current: bool
    manager: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True)
class Build:
    """A build as the server sees it; times are the server's, in UTC."""

    build_id: str
    state: BuildState
    first_seen_at: datetime
    current_since: datetime | None
    ramping_since: datetime | None
    last_current_at: datetime | None = None


@dataclass(frozen=True)
class Deployment:
    """All builds, the newest first, and the route."""

    route: Route
    builds: tuple[Build, ...]

    def build(self, build_id: str) -> Build:
        """The build of this id; raises UnknownBuild."""
        for each in self.builds:
            if each.build_id == build_id:
                return each
        raise UnknownBuild(f"There is no build {build_id!r}.")

    def current_before(self, build_id: str) -> str | None:
        """The build that was current last, before or beside this one; None where there was none."""
        earlier = [each for each in self.builds if each.build_id != build_id and each.last_current_at]
        last = max(earlier, key=lambda each: each.last_current_at or each.first_seen_at, default=None)
        return last.build_id if last else None


NOTHING: Final = Deployment(Route(None, None, Decimal(0), 0, b"", had_current=False), ())


async def describe(client: Client, timeout: timedelta = CALL_SECONDS) -> Deployment:
    """All builds and the route; empty before the first worker came. Raises RPCError."""
    try:
        answer = await client.workflow_service.describe_worker_deployment(
            DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=APPROVALS_DEPLOYMENT),
            retry=True,  # the server takes few of these a second, and says so
            timeout=timeout,
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return NOTHING
        raise
    info = answer.worker_deployment_info
    builds = sorted(map(_build, info.version_summaries), key=lambda each: each.first_seen_at, reverse=True)
    return Deployment(_route(info, answer.conflict_token), tuple(builds))


def _build(summary: WorkerDeploymentInfo.WorkerDeploymentVersionSummary) -> Build:
    return Build(
        build_id=summary.deployment_version.build_id,
        state=_STATES.get(summary.status, BuildState.INACTIVE),
        first_seen_at=_time(summary.create_time) or datetime.fromtimestamp(0, UTC),
        current_since=_time(summary.current_since_time),
        ramping_since=_time(summary.ramping_since_time),
        last_current_at=_time(summary.last_current_time),
    )


def _route(info: WorkerDeploymentInfo, token: bytes) -> Route:
    config: RoutingConfig = info.routing_config
    changes = (
        config.current_version_changed_time,
        config.ramping_version_changed_time,
        config.ramping_version_percentage_changed_time,
    )
    return Route(
        current=config.current_deployment_version.build_id or None,
        ramping=config.ramping_deployment_version.build_id or None,
        percent=_percent(config.ramping_version_percentage),
        revision=config.revision_number,
        token=token,
        had_current=_time(config.current_version_changed_time) is not None,
        manager=info.manager_identity,
        changed_at=max(filter(None, map(_time, changes)), default=None),
    )


def _percent(stored: float) -> Decimal:
    """The share as it was meant: the server keeps 0.1 as the nearest float of four bytes."""
    return Decimal(str(round(stored, 3))).normalize() + 0 if math.isfinite(stored) else Decimal(0)


def _time(stamp: Timestamp) -> datetime | None:
    return stamp.ToDatetime(UTC) if stamp.seconds else None


async def set_current(
    client: Client, build_id: str, token: bytes | None = None, timeout: timedelta = CALL_SECONDS
) -> Route:
    """Send all new work to a build; its ramp ends with that. Returns the route as it was read afterwards.

    The server takes builds whose workers are all dead: ask `temporal_pollers` before.

    Args:
        token: of the route that the caller has read; None overwrites whatever stands.

    Raises:
        RouteChanged, UnknownBuild, OtherManager, RouteRefused: nothing was changed.
        RPCError: nothing says whether it was changed.
    """
    await _changing(
        client.workflow_service.set_worker_deployment_current_version(
            SetWorkerDeploymentCurrentVersionRequest(
                namespace=client.namespace,
                deployment_name=APPROVALS_DEPLOYMENT,
                build_id=check_build_id(build_id),
                conflict_token=token or b"",
                identity=ROUTER,
            ),
            timeout=timeout,
        )
    )
    return (await describe(client, timeout)).route


async def set_ramping(
    client: Client,
    build_id: str,
    percent: Decimal,
    token: bytes | None = None,
    timeout: timedelta = CALL_SECONDS,
) -> Route:
    """Send a share of new work to a build, 0 to 100 percent; 0 keeps it ready for chosen requests.

    Raises:
        Invalid: the share or the id makes no sense.
        RouteChanged, UnknownBuild, OtherManager, RouteRefused: nothing was changed.
        RPCError: nothing says whether it was changed.
    """
    await _ramp(client, check_build_id(build_id), float(check_percent(percent)), token, timeout)
    return (await describe(client, timeout)).route


async def end_ramp(client: Client, token: bytes | None = None, timeout: timedelta = CALL_SECONDS) -> Route:
    """Send all new work to the current build; harmless where nothing ramps. Raises as `set_ramping`."""
    await _ramp(client, "", 0.0, token, timeout)
    return (await describe(client, timeout)).route


async def _ramp(
    client: Client, build_id: str, percentage: float, token: bytes | None, timeout: timedelta
) -> None:
    await _changing(
        client.workflow_service.set_worker_deployment_ramping_version(
            SetWorkerDeploymentRampingVersionRequest(
                namespace=client.namespace,
                deployment_name=APPROVALS_DEPLOYMENT,
                build_id=build_id,
                percentage=percentage,
                conflict_token=token or b"",
                identity=ROUTER,
            ),
            timeout=timeout,
        )
    )


async def take_over(client: Client, timeout: timedelta = CALL_SECONDS) -> None:
    """Make us the one who may change routes, whoever was before. Raises RPCError."""
    await client.workflow_service.set_worker_deployment_manager(
        SetWorkerDeploymentManagerRequest(
            namespace=client.namespace, deployment_name=APPROVALS_DEPLOYMENT, self=True, identity=ROUTER
        ),
        timeout=timeout,
    )


async def delete(client: Client, build_id: str) -> None:
    """Let the server forget a drained build whose workers have stopped some minutes ago.

    Raises:
        RouteRefused: it is in use, or its last polls are too young; nothing was changed.
    """
    await _changing(
        client.workflow_service.delete_worker_deployment_version(
            DeleteWorkerDeploymentVersionRequest(
                namespace=client.namespace,
                deployment_version=WorkerDeploymentVersion(
                    deployment_name=APPROVALS_DEPLOYMENT, build_id=check_build_id(build_id)
                ),
                identity=ROUTER,
            ),
            timeout=CALL_SECONDS,
        )
    )


async def ensure_first_current(client: Client, preferred: str) -> Route:
    """Make the first build current that ever came; after that, a route is only changed on purpose.

    Args:
        preferred: this build if it is there, else the one that came first.
    """
    deployment = await describe(client)
    route = deployment.route
    if not deployment.builds or route.had_current or route.current or route.ramping:
        return route
    ids = [each.build_id for each in reversed(deployment.builds) if each.state is BuildState.INACTIVE]
    if not ids:
        return route
    try:
        return await set_current(client, preferred if preferred in ids else ids[0], route.token)
    except RouteChanged:
        return (await describe(client)).route


async def _changing(call: Awaitable[T]) -> T:
    """The answer of a call that changes a route, or our word for its refusal."""
    try:
        return await call
    except RPCError as error:
        _refuse(error)


def _refuse(error: RPCError) -> NoReturn:
    message = str(error)
    if error.status is RPCStatusCode.NOT_FOUND:
        raise UnknownBuild(message) from error
    if error.status not in {RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.INVALID_ARGUMENT}:
        raise error
    if "conflict token" in message:
        raise RouteChanged(message) from error
    if "ManagerIdentity" in message:
        raise OtherManager(message) from error
    raise RouteRefused(message) from error
