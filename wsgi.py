"""The web door: settings from the environment, then the application."""

from __future__ import annotations

import os

from app import create_app
from settings import Settings

app = create_app(Settings.or_exit(os.environ))
