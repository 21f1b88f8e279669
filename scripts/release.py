"""What a release pipeline asks of Vistobueno's API, with the standard library only: no package has to be installed.

VISTOBUENO_URL names the product, VISTOBUENO_TOKEN opens it (`python -m app.api_token add`).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

#: Exit codes, the same for every script.
GOOD, BAD, UNCLEAR, REFUSED, AWAY = 0, 1, 2, 3, 4
CALL_SECONDS: Final = 10
LOOK_SECONDS: Final = 2.0


class Refused(Exception):
    """The API said no; the message is its reason, and `is_unknown` whether there is no such thing."""

    is_unknown = False


class Away(Exception):
    """The API did not answer."""


def call(method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One call; raises Refused or Away."""
    base = os.environ.get("VISTOBUENO_URL", "http://127.0.0.1:8000").rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise Refused("VISTOBUENO_URL must begin with http:// or https://")
    headers = {
        "Authorization": f"Bearer {os.environ.get('VISTOBUENO_TOKEN', '')}",
        "Accept": "application/json",
    }
    data = None
    if body is not None:
        data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    request = urllib.request.Request(f"{base}/api/v1{path}", data, headers, method=method)  # noqa: S310  (checked above)
    try:
        with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise Away(f"{base} answered {error.code}") from None
        try:
            problem = json.load(error)
        except ValueError:
            problem = {}
        refusal = Refused(str(problem.get("detail") or f"{base} answered {error.code}"))
        refusal.is_unknown = error.code == 404
        raise refusal from None
    except OSError as error:
        raise Away(f"{base} does not answer: {error}") from None


def patiently(
    ask: Callable[[], dict[str, Any]], seconds: float, done: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Ask again and again until it is done or the time is over; the last answer. An outage is waited out."""
    ends_at = time.monotonic() + seconds
    while True:
        try:
            seen = ask()
            if done(seen) or time.monotonic() >= ends_at:
                return seen
        except Away:
            if time.monotonic() >= ends_at:
                raise
        time.sleep(LOOK_SECONDS)


def deploy_selective(arguments: Sequence[str]) -> int:
    """Give a build to a share of a department."""
    parser = argparse.ArgumentParser(
        prog="deploy-selective",
        description="Give a build to a share of a department's new requests.",
        epilog="Exit codes: 0 the share is set (with --wait: carried out), 1 the build was sent back,"
        " 2 not carried out in time, 3 refused, 4 the product does not answer.",
    )
    parser.add_argument("build")
    parser.add_argument("department", help="its id; `all` for everyone")
    parser.add_argument("percent", nargs="?", default="100", help="0 to 100 in steps of 0.1; default 100")
    parser.add_argument("--why", default="deploy-selective")
    parser.add_argument("--wait", type=float, metavar="SECONDS", help="until the share is carried out")
    given = parser.parse_args(arguments)
    body = {
        "build_id": given.build,
        "percentage": given.percent,
        "departments": [] if given.department == "all" else [given.department],
        "why": given.why,
    }
    begun = call("POST", "/deployment/rollout", body)
    print(f"{begun['changed']['what']} at {begun['changed']['at']}: {given.build} to {given.percent} %")
    if given.wait is None:
        return GOOD
    path = f"/deployment/rollouts/{begun['rollout']['id']}"
    seen = patiently(lambda: call("GET", path), given.wait, lambda each: _is_settled(each["rollout"]))[
        "rollout"
    ]
    print(f"{seen['state']}: {seen['why']}")
    if seen["state"] in {"returning", "returned", "aborted", "paused"}:
        return BAD
    return GOOD if seen["carried"] else UNCLEAR


def _is_settled(rollout: Mapping[str, Any]) -> bool:
    """Whether the share is out, or will not be."""
    return rollout["state"] not in {"gate", "step", "bake"} or bool(rollout["carried"])


def check_metrics(arguments: Sequence[str]) -> int:
    """Say how a build fares."""
    parser = argparse.ArgumentParser(
        prog="check-metrics",
        description="Say how a build fares, each metric with its figures.",
        epilog="Exit codes: 0 every required metric passes, 1 one fails or the build was sent back,"
        " 2 not enough is known, 3 refused, 4 the product does not answer.",
    )
    parser.add_argument("build")
    parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="until there is a verdict")
    parser.add_argument("--json", action="store_true", help="the whole answer instead of lines")
    given = parser.parse_args(arguments)
    path = f"/deployment/builds/{quote(given.build, safe='')}"
    seen = patiently(lambda: call("GET", path), given.wait, lambda each: verdict_of(each) != UNCLEAR)
    if given.json:
        print(json.dumps(seen, indent=2))
    else:
        for metric in seen["metrics"]:
            print(f"{metric['verdict'].upper():13} {metric['why']}")
        print(f"{given.build}: {seen['verdict']}")
    return verdict_of(seen)


def await_build(arguments: Sequence[str]) -> int:
    """Wait until a build asks for work."""
    parser = argparse.ArgumentParser(
        prog="await-build",
        description="Wait until workers of a build ask for work on every queue.",
        epilog="Exit codes: 0 it is there, 2 not in time, 3 refused, 4 the product does not answer.",
    )
    parser.add_argument("build")
    parser.add_argument("--wait", type=float, default=120.0, metavar="SECONDS")
    given = parser.parse_args(arguments)
    path = f"/deployment/builds/{quote(given.build, safe='')}"

    def look() -> dict[str, Any]:
        try:
            return call("GET", path)
        except Refused as refusal:
            if not refusal.is_unknown:
                raise
            return {"build": {"live": False, "workers": 0}}  # its first worker has not come yet

    seen = patiently(look, given.wait, lambda each: bool(each["build"]["live"]))["build"]
    print(f"{given.build}: {'ready' if seen['live'] else 'no live worker'}, {seen['workers']} worker(s)")
    return GOOD if seen["live"] else UNCLEAR


def run_gate(arguments: Sequence[str]) -> int:
    """Try a build before it gets traffic."""
    parser = argparse.ArgumentParser(
        prog="run-gate",
        description="Replay histories on a build and back, and bring one run through it.",
        epilog="Exit codes: 0 the gate is open, 1 it is shut, 2 it did not end in time, 3 refused,"
        " 4 the product does not answer.",
    )
    parser.add_argument("build")
    parser.add_argument("--wait", type=float, default=900.0, metavar="SECONDS")
    given = parser.parse_args(arguments)
    path = f"/builds/{quote(given.build, safe='')}/gate"
    call("POST", path, {})
    seen = patiently(lambda: call("GET", path), given.wait, lambda each: each["gate"]["state"] != "running")
    gate = seen["gate"]
    for reason in gate["reasons"]:
        print(reason)
    print(f"{given.build}: the gate is {gate['state']}")
    if gate["state"] == "running":
        return UNCLEAR
    return GOOD if gate["passed"] else BAD


def promote(arguments: Sequence[str]) -> int:
    """Let a rollout go on."""
    parser = argparse.ArgumentParser(
        prog="promote",
        description="Let the rollout of a build go on: from its last step to the bake, from there to everybody for"
        " good. For another person than the one who began it.",
        epilog="Exit codes: 0 it went on, 2 not carried out in time, 3 refused, 4 the product does not answer.",
    )
    parser.add_argument("build")
    parser.add_argument("--why", default="promote")
    parser.add_argument("--wait", type=float, default=60.0, metavar="SECONDS", help="until it is carried out")
    given = parser.parse_args(arguments)
    rollout = call("GET", f"/deployment/builds/{quote(given.build, safe='')}")["rollout"]
    if rollout is None:
        raise Refused(f"There is no rollout of {given.build}.")
    path = f"/deployment/rollouts/{rollout['id']}"
    state = call("POST", f"{path}/promote", {"why": given.why})["rollout"]["state"]
    print(f"{given.build}: {state}")
    if state != "promoted":
        return GOOD

    def is_there(seen: Mapping[str, Any]) -> bool:
        return bool(seen["route"] and seen["route"]["current"] == given.build)

    if not is_there(patiently(lambda: call("GET", "/deployment"), given.wait, is_there)):
        return UNCLEAR
    print(f"{given.build}: every new request goes to it")
    return GOOD


def go_back(arguments: Sequence[str]) -> int:
    """Return from a build."""
    parser = argparse.ArgumentParser(
        prog="go-back",
        description="Return from a bad build, at once and for good: it gets no request again.",
        epilog="Exit codes: 0 nothing goes to it and what it held is free, 1 the way back is shut, 2 not yet,"
        " 3 refused, 4 the product does not answer.",
    )
    parser.add_argument("build")
    parser.add_argument("--why", required=True)
    parser.add_argument("--wait", type=float, default=60.0, metavar="SECONDS", help="until it is done")
    given = parser.parse_args(arguments)
    asked = call(
        "POST", "/deployment/emergency-rollback", {"current_build_id": given.build, "reason": given.why}
    )
    path = f"/deployment/emergency-rollback/{asked['return']['id']}"
    seen = patiently(
        lambda: call("GET", path), given.wait, lambda each: each["return"]["state"] in {"done", "refused"}
    )["return"]
    print(f"{given.build}: {seen['state']}, back to {seen['stable']}; {seen['why']}")
    if seen["state"] == "refused":
        return BAD
    return GOOD if seen["state"] == "done" else UNCLEAR


def verdict_of(seen: Mapping[str, Any]) -> int:
    """The exit code that an answer means."""
    rollout = seen["rollout"] or {}
    if (
        seen["verdict"] == "fail"
        or seen["build"]["rejected_at"]
        or rollout.get("state") in {"returning", "returned"}
    ):
        return BAD
    return GOOD if seen["verdict"] == "pass" else UNCLEAR


def run(script: Callable[[Sequence[str]], int]) -> int:
    """Run a script and turn what went wrong into its exit code."""
    try:
        return script(sys.argv[1:])
    except Refused as refusal:
        print(f"Refused: {refusal}", file=sys.stderr)
        return REFUSED
    except Away as silence:
        print(str(silence), file=sys.stderr)
        return AWAY
