"""Tells a worker whether a run takes a patch's new branch: by department, as the patch's flag says. Decides nothing.

Asked once for each run and patch, never in a replay; the answer is in the run's history from then on.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from temporalio.worker import PatchActivationInput

from gateways.temporal import DEPARTMENT, REQUESTER
from rules.flag import Flag
from rules.patch import PATCHES, is_active
from storage.flag_copy import FlagCopy

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PatchSwitch:
    """The worker's `patch_activation_callback`. It must not wait: it reads the process's own copy of the flags."""

    flags: FlagCopy
    patches: Mapping[str, Flag | None]

    @classmethod
    def of(cls, flags: FlagCopy) -> PatchSwitch:
        """For the patches that the code knows."""
        return cls(flags, PATCHES)

    def __call__(self, asked: PatchActivationInput) -> bool:
        """Whether the run that asks takes the new branch."""
        attributes = asked.workflow_info.typed_search_attributes
        requester, department = attributes.get(REQUESTER, ""), attributes.get(DEPARTMENT, "")

        def is_on(flag: Flag) -> bool:
            return self.flags.read(flag, requester, department).on

        if asked.patch_id not in self.patches:
            log.warning("a patch that nobody has entered in rules/patch.py", extra={"patch": asked.patch_id})
        return is_active(asked.patch_id, is_on, self.patches)
