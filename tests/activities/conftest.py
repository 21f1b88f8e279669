"""The desk of the workflows' tests, for its parts: the steps here are run without a workflow."""

from __future__ import annotations

from tests.workflows.conftest import desk as desk
