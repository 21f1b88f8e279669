"""The draft as YAML beside the graph, versions as files, and a process that begins with one."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.process_yaml import read_definition, write_yaml
from rules.process import Process
from rules.process_content import read_process
from storage import process as processes
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.process_samples import travel

OpenBrowser = Callable[[PersonRow], Browser]
Sessions = sessionmaker[Session]


@pytest.fixture
def trip(browser_of: OpenBrowser, company: Company) -> Browser:
    """Elena of the platform with a draft of the trip."""
    elena = browser_of(company.elena)
    assert elena.send("/processes/new", {"content": write_yaml(travel())}).status_code == 303
    return elena


def drafted(sessions: Sessions) -> tuple[Process, int]:
    """The draft of the trip and its revision."""
    with sessions() as session:
        row = processes.draft(session, "travel")
        assert row is not None
        return row.process, row.revision


def shown_text(browser: Browser) -> str:
    """The YAML that the outline shows."""
    page = browser.get("/processes/travel/outline?as=text").text
    found = re.search(r'name="text"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert found
    return html.unescape(found[1])


def write(browser: Browser, text: str, revision: int = 1) -> Any:
    """Send the text back as its form does."""
    return browser.send(
        "/processes/travel/edit", {"do": "write", "as": "text", "text": text, "revision": str(revision)}
    )


def test_the_draft_is_shown_as_yaml_and_what_is_written_in_it_becomes_operations(
    trip: Browser, sessions: Sessions
) -> None:
    text = shown_text(trip)
    assert read_definition(text) == drafted(sessions)[0]
    answer = write(
        trip, text.replace("name: Manager", "name: Boss").replace("deadline: 7 d", "deadline: 3 d")
    )
    assert answer.status_code == 200
    assert "Node ask: name is set to Boss" in html.unescape(answer.text)
    node = drafted(sessions)[0].node("ask")
    assert node is not None
    assert (node.name, node.config["deadline"]) == ("Boss", "3 d")
    back = html.unescape(re.findall(r'name="operations" value="([^"]*)"', answer.text)[0])
    assert {each["op"] for each in json.loads(back)} == {"set_node", "set_config"}


def test_a_text_that_is_unchanged_changes_nothing(trip: Browser, sessions: Sessions) -> None:
    assert "Nothing was changed." in write(trip, shown_text(trip)).text
    assert drafted(sessions)[1] == 1


def test_a_text_with_a_fault_is_kept_and_its_line_named(trip: Browser, sessions: Sessions) -> None:
    text = shown_text(trip).replace("type: approval", "type: [approval")
    answer = write(trip, text)
    assert answer.status_code == 422
    assert re.search(r"Line \d+: this is no YAML", answer.text)
    assert "type: [approval" in answer.text
    unknown = write(trip, shown_text(trip) + "colour: red\n")
    assert re.search(r"colour: Line \d+: This entry is unknown", html.unescape(unknown.text))
    other = write(trip, shown_text(trip).replace("key: travel", "key: trip"))
    assert "The key stays the same" in other.text
    assert drafted(sessions)[1] == 1


def test_every_form_of_a_version_is_a_file_and_yaml_and_json_are_the_process(
    trip: Browser, sessions: Sessions
) -> None:
    process = drafted(sessions)[0]
    files = {
        form: trip.get(f"/processes/travel/versions/1/file/{form}") for form in ("yaml", "json", "svg", "mmd")
    }
    assert {form: each.mimetype for form, each in files.items()} == {
        "yaml": "application/yaml", "json": "application/json", "svg": "image/svg+xml", "mmd": "text/plain",
    }  # fmt: skip
    assert files["svg"].headers["Content-Disposition"] == 'attachment; filename="travel-1.svg"'
    assert read_definition(files["yaml"].text) == read_process(files["json"].get_json()) == process
    assert files["svg"].text.startswith("<svg")
    assert files["mmd"].text.startswith("flowchart TD")
    assert trip.get("/processes/travel/versions/1/file/bpmn").status_code == 404


def test_a_file_begins_a_process_and_the_key_that_is_typed_counts(trip: Browser, sessions: Sessions) -> None:
    sent = (io.BytesIO(write_yaml(travel()).encode()), "travel.yaml")
    answer = trip.send("/processes/new", {"key": "trip", "name": "", "file": sent})
    assert (answer.status_code, answer.location) == (303, "/processes/trip/outline")
    broken = (io.BytesIO(b"key: other\nnodes: 3\n"), "other.yaml")
    refused = trip.send("/processes/new", {"file": broken})
    assert refused.status_code == 422
    assert "nodes: Line 2: This must be a list." in html.unescape(refused.text)
    with sessions() as session:
        assert processes.by_key(session, "trip").title == "Travel"
