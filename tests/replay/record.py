"""Records the history of every journey on the real server: `make record-histories`."""

from __future__ import annotations

import sys

import pytest

if __name__ == "__main__":
    sys.exit(pytest.main(["-n", "2", "tests/replay/recording.py"]))
