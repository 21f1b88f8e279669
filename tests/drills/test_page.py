"""The page of the drills: it lists, begins one at a time, follows, keeps, and obeys nobody but itself."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from local.drills.catalogue import DRILLS, QUICK, Drill, Pace, drill_of
from local.drills.page import Hall, make_pages, workers
from local.drills.stories import SILENT_SECONDS, State, Stories
from local.drills.story import Check, How, Story, judged, read_story
from local.program import PATIENCE_SECONDS, ROOT, free_port
from tests.drills.test_story import tell_all

PORT = 8055
HOME = f"http://127.0.0.1:{PORT}"
EVIL = "<script>alert(1)</script>"


class Staged:
    """Begins a process that tells nothing and waits, in place of a drill."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, str]] = []
        self.processes: list[subprocess.Popen[bytes]] = []

    def __call__(self, drill: Drill, pace: Pace, path: Path) -> subprocess.Popen[bytes]:
        self.begun.append((drill.key, pace.name))
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        self.processes.append(process)
        return process

    def end(self) -> None:
        for process in self.processes:
            process.communicate(b"\n")


@pytest.fixture
def staged() -> object:
    staged = Staged()
    yield staged
    staged.end()


@pytest.fixture
def stories(tmp_path: Path) -> Stories:
    return Stories(tmp_path)


@pytest.fixture
def client(stories: Stories, staged: Staged) -> FlaskClient:
    client = make_pages(Hall(stories, staged), PORT).test_client()
    client.environ_base["HTTP_HOST"] = f"127.0.0.1:{PORT}"
    return client


def token(client: FlaskClient) -> str:
    found = re.search(r'name="token" value="([^"]+)"', client.get("/", base_url=HOME).text)
    assert found is not None
    return found[1]


def told(stories: Stories, *, at: str = "20260302-090000", key: str = "replay") -> Story:
    """A story that has begun."""
    new = stories.new(drill_of(key), QUICK)
    story = Story(new.with_name(f"{at}-{key}-quick.jsonl"))
    story.open(key, drill_of(key).title, "What is lost?", "quick")
    return story


def test_it_lists_every_drill_and_every_story(client: FlaskClient, stories: Stories) -> None:
    told(stories).verdict(judged("", Check("It holds", True, "seen")))
    page = client.get("/", base_url=HOME).text
    for drill in DRILLS:
        assert drill.title in page
        assert f'value="{drill.key}"' in page
    assert "/stories/20260302-090000-replay-quick" in page
    assert "02 Mar 09:00 UTC" in page


def test_a_press_begins_a_drill_and_leads_to_its_story(client: FlaskClient, staged: Staged) -> None:
    answer = client.post(
        "/begin", base_url=HOME, data={"token": token(client), "key": "replay", "pace": "quick"}
    )
    assert answer.status_code == 303
    assert staged.begun == [("replay", "quick")]
    story = client.get(answer.location, base_url=HOME)
    assert (story.status_code, "It begins" in story.text) == (200, True)


def test_a_second_drill_waits_until_the_first_has_ended(client: FlaskClient, staged: Staged) -> None:
    asked = {"token": token(client), "key": "replay", "pace": "long"}
    first = client.post("/begin", base_url=HOME, data=asked)
    second = client.post("/begin", base_url=HOME, data={**asked, "key": "scale"})
    assert first.location == second.location
    assert staged.begun == [("replay", "long")]
    assert "disabled" in client.get("/", base_url=HOME).text
    client.post("/end", base_url=HOME, data={"token": asked["token"]})
    assert staged.processes[0].returncode == -signal.SIGTERM
    assert "disabled" not in client.get("/", base_url=HOME).text


@pytest.mark.parametrize(
    ("data", "headers", "base_url"),
    [
        ({}, {}, HOME),
        ({"token": "guessed"}, {}, HOME),
        ({"token": "known"}, {"Origin": "http://evil.example"}, HOME),
        ({"token": "known"}, {"Origin": "null"}, HOME),
        ({"token": "known"}, {}, "http://evil.example:8055"),
        ({"token": "known"}, {}, "http://127.0.0.1:9"),
    ],
)
def test_nothing_begins_that_another_site_asks_for(
    data: dict[str, str], headers: dict[str, str], base_url: str, client: FlaskClient, staged: Staged
) -> None:
    known = token(client)
    form = {name: known if value == "known" else value for name, value in data.items()}
    client.environ_base.pop("HTTP_HOST")
    for where in ("/begin", "/end"):
        asked = {**form, "key": "replay", "pace": "quick"}
        answer = client.post(where, base_url=base_url, data=asked, headers=headers)
        assert answer.status_code == 403
    assert staged.begun == []


def test_another_name_for_this_machine_reads_nothing(client: FlaskClient) -> None:
    client.environ_base.pop("HTTP_HOST")
    assert client.get("/", base_url="http://evil.example").status_code == 403
    assert client.get("/", base_url=f"http://localhost:{PORT}").status_code == 200


@pytest.mark.parametrize("key", ["", "nothing", "../replay"])
def test_a_drill_that_there_is_not_is_refused(key: str, client: FlaskClient, staged: Staged) -> None:
    answer = client.post("/begin", base_url=HOME, data={"token": token(client), "key": key, "pace": "quick"})
    assert (answer.status_code, "There is no such drill" in answer.text) == (400, True)
    assert staged.begun == []


@pytest.mark.parametrize("name", ["nothing", "20260302-090000-replay-quick", "..%2f..%2fsettings", "%00"])
def test_a_story_that_there_is_not_is_not_found(name: str, client: FlaskClient) -> None:
    for where in (f"/stories/{name}", f"/stories/{name}/after/0"):
        assert client.get(where, base_url=HOME).status_code == 404


def test_a_story_is_shown_as_text_and_never_as_markup(client: FlaskClient, stories: Stories) -> None:
    story = told(stories)
    story.chapter(EVIL)
    story.next(EVIL)
    story.ran(EVIL, How.EXECUTED, EVIL, EVIL, 2, EVIL)
    story.table(EVIL, (EVIL,), ((EVIL,),))
    story.verdict(judged(EVIL, Check(EVIL, True, EVIL)))
    for where in ("", "/after/0"):
        answer = client.get(f"/stories/20260302-090000-replay-quick{where}", base_url=HOME)
        html = answer.json["html"] if where else answer.text  # type: ignore[index]
        assert EVIL not in html
        assert html.count("&lt;script&gt;") >= 9
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_whoever_follows_gets_only_what_is_new(client: FlaskClient, stories: Stories) -> None:
    story = told(stories)
    story.next("The first")
    first = client.get("/stories/20260302-090000-replay-quick/after/0", base_url=HOME).json
    story.next("The second")
    assert first is not None
    more = client.get(f"/stories/20260302-090000-replay-quick/after/{first['known']}", base_url=HOME).json
    assert more is not None
    assert ("The first" in more["html"], "The second" in more["html"]) == (False, True)
    assert (more["state"], more["ended"]) == ("under way", False)


def test_every_kind_of_fact_has_its_place_on_the_page(client: FlaskClient, stories: Stories) -> None:
    tell_all(Story(stories.new(drill_of("replay"), QUICK)))
    [one] = stories.all()
    page = client.get(f"/stories/{one.name}", base_url=HOME).text
    for words in ("A worker takes an order", "[bold]de[/bold]", "replayed", "lost", "not seen", "It broke"):
        assert words in page


def test_a_story_that_grows_no_more_and_has_no_end_broke_off(tmp_path: Path, stories: Stories) -> None:
    told(stories).next("And then?")
    [one] = stories.all()
    assert one.state is State.UNDER_WAY
    long_ago = time.time() - SILENT_SECONDS - 1
    os.utime(tmp_path / f"{one.name}.jsonl", (long_ago, long_ago))
    assert [each.state for each in stories.all()] == [State.BROKEN]
    found = stories.find(one.name, runs=True)
    assert found is not None
    assert found.state is State.UNDER_WAY


def test_a_worker_keeps_its_colour_as_the_story_grows(tmp_path: Path) -> None:
    path = tmp_path / "story.jsonl"
    story = Story(path)
    for name in ("b", "a", "b"):
        story.ran("pack", How.EXECUTED, name)
    before = workers(tuple(read_story(path)))
    story.ran("pack", How.EXECUTED, "c")
    after = workers(tuple(read_story(path)))
    assert before.items() <= after.items()
    assert len(set(after.values())) == 3


@pytest.mark.whole
@pytest.mark.timeout(180)
def test_the_page_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    port = free_port()
    served = subprocess.Popen(
        [sys.executable, "-m", "local.drills", "page", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "VISTOBUENO_STATE": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert served.stdout is not None
    giving_up = threading.Timer(PATIENCE_SECONDS, served.kill)
    giving_up.start()
    with served.stdout as said:
        assert f"http://127.0.0.1:{port}" in said.readline()
        served.send_signal(signal.SIGTERM)
        assert served.wait(PATIENCE_SECONDS) == 0
    giving_up.cancel()


def test_a_story_says_on_its_page_where_it_stands(client: FlaskClient, stories: Stories) -> None:
    story = told(stories)
    before = client.get("/stories/20260302-090000-replay-quick", base_url=HOME).text
    story.verdict(judged("", Check("It fails", False, "not seen")))
    after = client.get("/stories/20260302-090000-replay-quick", base_url=HOME).text
    assert ("data-more" in before, "data-more" in after) == (True, False)
    assert "does not hold" in after
    assert json.dumps("story.js")[1:-1] in before
