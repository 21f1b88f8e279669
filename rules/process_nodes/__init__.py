"""The types of nodes that a process may have: each file in this folder is one, under the name of the file."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from typing import Final

from rules.process_node import NodeType

_FOUND: Final = (import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
#: Key -> type. Adding a file adds a type.
NODE_TYPES: Final[Mapping[str, NodeType]] = {module.TYPE.key: module.TYPE for module in _FOUND}
