"""One product of their own for all tests of faults: each finds every part alive and leaves the books in order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import FOLDER
from tests.faults.plant import Plant, running


@pytest.fixture(scope="session")
def standing_plant() -> Iterator[Plant]:
    """The product, started once."""
    folder = Path(os.environ[FOLDER]) / "plant"
    folder.mkdir()
    with running(folder) as plant:
        yield plant


@pytest.fixture
def plant(standing_plant: Plant) -> Iterator[Plant]:
    """The product with every part alive."""
    standing_plant.restore()
    yield standing_plant
    standing_plant.restore()
