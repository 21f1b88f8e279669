"""Other builds of the product: its code copied into a folder, with some lines of it changed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from local.program import ROOT

#: What a worker needs of the repository.
CODE: Final = ("activities", "gateways", "local", "rules", "storage", "workflows", "settings.py", "worker.py")


def changed_code(folder: Path, path: str, *changes: tuple[str, str]) -> Path:
    """A copy of the code in `folder` in which these texts of one file stand changed; the same folder again: the same copy.

    Args:
        path: of the file, from the top of the repository.
        changes: (before, after); each text must be there exactly once.

    Raises:
        ValueError: a text is not there once.
    """
    if not folder.exists():
        folder.mkdir(parents=True)
        for name in CODE:
            _copy(ROOT / name, folder / name)
    file = folder / path
    text = file.read_text(encoding="utf-8")
    for before, after in changes:
        if text.count(before) != 1:
            raise ValueError(f"{before!r} stands {text.count(before)} times in {path}")
        text = text.replace(before, after)
    file.write_text(text, encoding="utf-8")
    return folder


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)  # with what is compiled, which else each build does anew
    else:
        shutil.copy2(source, target)
