"""The templates of processes: each file in this folder is one. Names come in the language that was chosen."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from typing import Final

from rules.process_gallery import Template

_FOUND: Final = (import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
#: Key -> template. Adding a file adds a template.
TEMPLATES: Final[Mapping[str, Template]] = {module.TEMPLATE.key: module.TEMPLATE for module in _FOUND}
