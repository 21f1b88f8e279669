"""The only page with a framework stays light: what the canvas loads, packed as it is sent."""

from __future__ import annotations

from app.assets import STATIC, read_manifest

MOST_BYTES = 180 * 1024


def test_the_canvas_loads_less_than_180_kilobytes_of_its_own() -> None:
    manifest = read_manifest(STATIC)
    packed = [
        (STATIC / "dist" / f"{manifest[name]}.gz").stat().st_size for name in ("designer.js", "canvas.css")
    ]
    assert sum(packed) < MOST_BYTES


def test_the_canvas_makes_no_code_from_text() -> None:
    script = (STATIC / "dist" / read_manifest(STATIC)["designer.js"]).read_text(encoding="utf-8")
    assert "new Function(" not in script
    assert "eval(" not in script
