"""The demo company's logins: a table for the terminal, a file for the login page. For local mode only."""

from __future__ import annotations

import json
from pathlib import Path

from local.demo.company import Colleague, Company


def role_words(one: Colleague) -> str:
    """What somebody is here, such as `Head of Finance: employee, finance, manager`."""
    return f"{one.title}: {', '.join(sorted(one.roles))}"


def table(company: Company) -> str:
    """Names, roles and addresses of those whom one would like to be first, and the password of all."""
    shown = [(one.name, role_words(one), one.email) for one in company.on_tour()]
    rows = [("Name", "Role", "Mail address"), *shown]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows
    ]
    others = ", ".join(one.login for one in company.people if not one.tour)
    return "\n".join(
        [
            *(line.rstrip() for line in lines),
            "",
            f"  Password of everybody: {company.password}",
            f"  Also there, by the same pattern: {others}",
        ]
    )


def write_file(company: Company, path: Path) -> None:
    """Write the logins for app/pages/account/demo_logins.py; a reader never sees half a file."""
    entries = [
        {"name": one.name, "email": one.email, "role": role_words(one), "password": company.password}
        for one in company.on_tour()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(json.dumps(entries, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)
