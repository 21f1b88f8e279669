"""What a test of containers may ask for: the servers outside, and the image's files in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.room import Room
from tests.conftest import FOLDER
from tests.containers.dockerfile import fill, read_image
from tests.containers.outside import Outside, outside


@pytest.fixture
def room() -> Room:
    """Where the keepers of this session's processes are."""
    return Room(Path(os.environ[FOLDER]))


@pytest.fixture
def servers_outside(tmp_path: Path, room: Room) -> Iterator[Outside]:
    """Postgres, Valkey, Temporal and a mailbox of this test's own, all empty."""
    with outside(tmp_path, room) as servers:
        yield servers


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder that holds what the image for drills holds: the product's files, and local/ beside them."""
    folder = tmp_path / "image"
    fill(folder, read_image("drills", {}))
    return folder
