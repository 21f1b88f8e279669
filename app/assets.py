"""Bundled scripts and styles: which file a name stands for now, and how long a browser may keep it."""

from __future__ import annotations

import json
import mimetypes
from pathlib import Path

from flask import Flask, Response, request, send_from_directory, url_for

from app.access import opens
from rules.person import Act

STATIC = Path(__file__).parent / "static"
YEAR_SECONDS = 31_536_000


class NotBundled(Exception):
    """The front end has not been bundled yet."""


def read_manifest(folder: Path) -> dict[str, str]:
    """Name -> file with a content hash in its name, as app/frontend/build.mjs wrote it."""
    path = folder / "dist" / "manifest.json"
    try:
        manifest: dict[str, str] = json.loads(path.read_text())
    except FileNotFoundError as missing:
        raise NotBundled(f"{path} is missing: run `make frontend` once.") from missing
    return manifest


def set_up_assets(app: Flask, folder: Path = STATIC) -> None:
    """Serve app/static and give templates `asset('app.js')`."""
    manifest = read_manifest(folder)

    def asset(name: str) -> str:
        if app.debug:
            return url_for("static", filename=f"dist/{read_manifest(folder)[name]}")
        return url_for("static", filename=f"dist/{manifest[name]}")

    @opens(Act.ANYONE)
    def static(filename: str) -> Response:
        hashed = filename.startswith("dist/")
        packed = f"{filename}.gz"
        if hashed and request.accept_encodings.find("gzip") >= 0 and (folder / packed).is_file():
            response = send_from_directory(folder, packed, mimetype=mimetypes.guess_type(filename)[0])
            response.headers["Content-Encoding"] = "gzip"
        else:
            response = send_from_directory(folder, filename)
        response.vary.add("Accept-Encoding")
        keep = f"public, max-age={YEAR_SECONDS}, immutable" if hashed else "public, max-age=3600"
        response.headers["Cache-Control"] = keep
        return response

    app.add_url_rule("/static/<path:filename>", "static", static)
    app.jinja_env.globals["asset"] = asset
