"""The browser of the browser tests: the system's Chromium where there is one. `python -m tests.chromium` gets one.

Where it is missing, root on Debian installs it with apt-get; everybody else gets playwright's own.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_PATHS = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
)


def system_chromium() -> str | None:
    """The path of a browser that the system has, for `executable_path`; None leaves it to playwright."""
    for name in NAMES:
        path = shutil.which(name)
        # Ubuntu's packages of this name are doors to a snap, which sees no folder of ours.
        if path and not Path(path).resolve().is_relative_to("/snap") and not _is_door_to_snap(Path(path)):
            return path
    return next((str(path) for path in MAC_PATHS if path.exists()), None)


def _is_door_to_snap(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(2048)
    return head.startswith(b"#!") and b"/snap/bin" in head


def install() -> None:
    """Get a browser. Raises CalledProcessError with what was said above it."""
    if _is_debian() and os.geteuid() == 0:
        print("A browser for the tests: apt-get install chromium", flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", "-qq", *arguments], check=True, env=quiet)
        return
    print("A browser for the tests: playwright install chromium", flush=True)
    with_libraries = ["--with-deps"] if platform.system() == "Linux" and os.geteuid() == 0 else []
    command = [sys.executable, "-m", "playwright", "install", *with_libraries, "chromium"]
    subprocess.run(command, check=True)


def _is_debian() -> bool:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return False
    return release.get("ID") == "debian"


def main() -> int:
    """Get a browser unless there is one; returns the exit code."""
    if system_chromium() is None:
        try:
            install()
        except (OSError, subprocess.CalledProcessError) as failed:
            print(f"No browser for the tests: {failed}. Install Chromium, then try again.", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
