"""`python -m tests.k8s`: renders every overlay and tells what Kubernetes or our own policies would refuse."""

from __future__ import annotations

import sys

from tests.k8s.policies import POLICIES
from tests.k8s.rendered import WHOLES, CannotRender, Manifest, whole
from tests.k8s.schemas import VERSIONS, misfits


def main() -> int:
    """Check everything; 1 where something is wrong."""
    complaints: dict[str, None] = {}
    seen: list[Manifest] = []
    try:
        for name in WHOLES:
            manifests = whole(name)
            found = [why for policy in POLICIES for why in policy(manifests)]
            new = [each for each in manifests if each not in seen]
            seen += new
            found += [why for version in VERSIONS for each in new for why in misfits(each, version)]
            complaints |= dict.fromkeys(f"{name}: {why}" for why in found)
    except CannotRender as cannot:
        complaints[str(cannot)] = None
    for each in complaints:
        print(each)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
