"""What a rollout gives to some: the form it is stored in, by kind, and what people call it. Knows no store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from rules.errors import Invalid
from rules.flag import Value
from rules.rollout import Kind


@dataclass(frozen=True)
class PolicyTarget:
    """A candidate of a department's rules.

    Attributes:
        rule_set_id: of the candidate.
        version: its number.
        department: the department's name.
        replaces_id: the rule set that was in force when the candidate was saved; empty where none was.
    """

    rule_set_id: str
    version: int
    department: str
    replaces_id: str

    @property
    def id(self) -> UUID:
        """The candidate's id."""
        return UUID(self.rule_set_id)

    def to_content(self) -> dict[str, Any]:
        """The JSON form in which it is stored with the rollout."""
        return asdict(self)

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> PolicyTarget:
        """What `to_content` wrote."""
        return cls(**content)


@dataclass(frozen=True)
class FlagTarget:
    """One value of a flag.

    Attributes:
        revision: of the flag store when the rollout began; a later change of the flag by hand ends its say.
        proposal_id: what a second person has to agree to before anybody is exposed; empty where nobody has to.
    """

    value: Value
    revision: int
    proposal_id: str = ""

    def to_content(self) -> dict[str, Any]:
        """The JSON form in which it is stored with the rollout."""
        return asdict(self)

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> FlagTarget:
        """What `to_content` wrote."""
        return cls(**content)


@dataclass(frozen=True)
class ProcessTarget:
    """A version of a process.

    Attributes:
        sha256: of what the version says.
        replaces: the version that was deployed when the rollout began.
    """

    version: int
    sha256: str
    replaces: int

    def to_content(self) -> dict[str, Any]:
        """The JSON form in which it is stored with the rollout."""
        return asdict(self)

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> ProcessTarget:
        """What `to_content` wrote."""
        return cls(**content)

    def conflict(self, deployed: int | None) -> str:
        """Why it can no longer be deployed for all; empty where it can.

        Args:
            deployed: the version that new runs follow now; None where the process was retired.
        """
        if deployed == self.replaces:
            return ""
        if deployed == self.version:
            return f"Version {self.version} was deployed by hand: new runs follow it already. Abort this rollout."
        stands = "The process was retired" if deployed is None else f"Version {deployed} was deployed"
        return f"{stands} after the rollout of version {self.version} began. Abort it, and begin anew."


def parse_process(typed: str) -> tuple[str, int]:
    """Key and version of `travel@4`; raises Invalid."""
    key, _sign, number = typed.partition("@")
    if not key or not (number.isascii() and number.isdigit() and len(number) <= 9):
        raise Invalid("Please give a process and its version, such as travel@4.", "target")
    return key, int(number)


def lane_of(kind: Kind, target: str) -> str:
    """Of the rollouts of one lane only one is open at a time.

    There is one build, one policy a department, one value a flag, one version a process.
    """
    return kind.value if kind is Kind.BUILD else f"{kind}:{target}"


def label(kind: Kind, target: str, content: Mapping[str, Any]) -> str:
    """What people call it.

    Args:
        target: the build id, the id of the policy's department, or the key of the flag or process.
        content: what is stored with the rollout; empty for a build.
    """
    match kind:
        case Kind.POLICY:
            policy = PolicyTarget.from_content(content)
            return f"Policy of {policy.department}, version {policy.version}"
        case Kind.FLAG:
            return f"Flag {target} = {say_value(FlagTarget.from_content(content).value)}"
        case Kind.PROCESS:
            return f"Process {target}, version {ProcessTarget.from_content(content).version}"
        case Kind.BUILD:
            return f"Build {target}"


def say_value(value: Value) -> str:
    """A flag's value as people read it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else json.dumps(value)
