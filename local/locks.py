"""File locks that end with the process that holds them, however it ends. Knows files; not what they guard.

They are POSIX record locks: no child inherits them, and the kernel lets go of them even after SIGKILL, so that
waiting for a lock is waiting for a process. A process must open each lock file only once: closing any
descriptor of the file would let its lock go.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def take(path: Path, *, shared: bool = False) -> int:
    """Wait until the lock is ours and hold it as long as this process lives; returns the descriptor."""
    descriptor = _opened(path)
    fcntl.lockf(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    return descriptor


def try_to_take(path: Path) -> int | None:
    """The descriptor of the lock, which is now ours alone, or None where somebody holds it."""
    descriptor = _opened(path)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def release(descriptor: int) -> None:
    """Let the lock go."""
    os.close(descriptor)


def wait_until_free(path: Path, *, of_sharers: bool = False) -> None:
    """Wait until nobody holds the lock alone; with `of_sharers`, until nobody holds it at all."""
    release(take(path, shared=not of_sharers))


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
