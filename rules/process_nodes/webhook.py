"""Webhook: another system is called over HTTPS, signed. Where the name leads is checked again when it is called."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from rules.process import ValueKind
from rules.process_language import both, say_value
from rules.process_node import Complaint, Field, FieldKind, NodeType
from rules.process_template import has_template


def _check(config: Mapping[str, Any]) -> Iterator[Complaint]:
    """A host that is inside, as far as its name tells; a template may stand in the path only."""
    url = config["url"]
    host = urlsplit(url).hostname or ""
    if has_template(url) and (not url.startswith("https://") or has_template(url.split("/", 3)[2])):
        yield Complaint("webhook_address", "url", "Only the part after the host may be filled in.")
        return
    try:
        inside = not ipaddress.ip_address(host).is_global
    except ValueError:
        inside = "." not in host or host.endswith((".local", ".internal", ".localhost"))
    if inside:
        yield Complaint("webhook_address", "url", f"{host} is not in the public network.")


TYPE: Final = NodeType(
    key="webhook",
    title=both("Webhook", "Webhook"),
    say=lambda config, language: both("Call {}", "Llamar a {}")[language].format(
        say_value(config.get("url", ""), language)
    ),
    fields=(
        Field("url", FieldKind.ADDRESS, "Address", required=True),
        Field(
            "secret_name",
            FieldKind.WORD,
            "Signed with",
            required=True,
            hint="The name of a secret, not the secret.",
        ),
        Field("body", FieldKind.VALUES, "Content", usual={}),
    ),
    outputs={"status": ValueKind.NUMBER, "body": ValueKind.ANY},
    check=_check,
)
