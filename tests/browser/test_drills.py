"""The page of the drills in a browser: a story grows on it without being loaded anew, wide, narrow and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from local.drills.catalogue import QUICK, drill_of
from local.drills.page import Hall, make_pages
from local.drills.stories import Stories
from local.drills.story import Check, How, Story, judged
from local.program import free_port
from tests.browser.conftest import barriers, serving

NAME = "20260302-090000-replay-quick"


@pytest.fixture
def story(tmp_path: Path) -> Story:
    """A story that has begun."""
    story = Story(Stories(tmp_path).new(drill_of("replay"), QUICK).with_name(f"{NAME}.jsonl"))
    story.open("replay", "Replay", "What is lost?", "quick")
    story.chapter("A worker takes an order")
    story.next("It is about to begin")
    return story


@pytest.fixture
def website(tmp_path: Path) -> Iterator[str]:
    """The pages of the drills, in place of the application's."""
    port = free_port()
    with serving(make_pages(Hall(Stories(tmp_path)), port), port) as address:
        yield address


@pytest.mark.browser
@pytest.mark.whole
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_a_story_grows_on_its_page_until_the_verdict(
    width: int, dark: bool, open_page: Callable[..., Page], story: Story
) -> None:
    page = open_page(width=width, dark=dark, bypass_policy=True)
    page.goto(f"/stories/{NAME}")
    expect(page.get_by_text("It is about to begin")).to_be_visible()
    page.evaluate("document.body.dataset.same = 'yes'")
    story.ran("pack", How.REPLAYED, "worker-1", "A", 2, "receipt 1")
    story.table("Who did what", [f"column {number}" for number in range(9)], [["worker-1"] * 9])
    expect(page.locator(".ran.replayed")).to_contain_text("worker-1")
    expect(page.locator("td .worker")).to_have_count(9)
    story.verdict(judged("Take this home", Check("It holds", True, "seen")))
    expect(page.get_by_role("heading", name="The verdict holds")).to_be_visible()
    expect(page.locator("#state")).to_have_text("holds")
    assert page.locator("body").get_attribute("data-same") == "yes", "it was not loaded anew"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert barriers(page) == []
    page.goto("/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert barriers(page) == []
