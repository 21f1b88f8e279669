"""The designer in a real browser: drawn with the keyboard and the mouse, mended, saved, and shared by two tabs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session, sessionmaker

from rules.process import Process
from storage import process as processes
from tests.app.people import Company
from tests.browser.conftest import barriers, log_in
from tests.process_samples import content, deployed, travel

OpenPage = Callable[..., Page]
Sessions = sessionmaker[Session]

pytestmark = [pytest.mark.browser, pytest.mark.whole]


def begin(sessions: Sessions, company: Company, definition: dict[str, Any]) -> None:
    """A draft of Elena's."""
    with sessions.begin() as session:
        processes.create(session, definition, None, company.elena.id, "for a test")


def stored(sessions: Sessions) -> Process:
    """The draft of the trip as it is stored."""
    with sessions() as session:
        row = processes.draft(session, "travel")
        assert row is not None
        return row.process


def saved(page: Page) -> None:
    """Wait until the canvas says that everything is saved."""
    expect(page.locator(".designer-saved")).to_have_text("Saved")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_the_designer_pages_have_no_barriers_and_fit_the_screen(
    width: int, dark: bool, open_page: OpenPage, company: Company, sessions: Sessions
) -> None:
    begin(sessions, company, travel(deadline=None))
    page = open_page(width=width, dark=dark, bypass_policy=True)
    log_in(page, company.elena)
    for path in (
        "/processes",
        "/processes/new",
        "/processes/travel",
        "/processes/travel/outline",
        "/processes/travel/outline?node=ask",
        "/processes/travel/outline?edge=ask-true_branch>yes",
        "/processes/travel/outline?as=text",
        "/processes/travel/try",
        "/processes/travel/scenarios",
        "/processes/templates",
        "/processes/templates/travel-expense",
        "/processes/travel/canvas",
    ):
        page.goto(path)
        if path.endswith("canvas"):
            expect(page.locator(".react-flow__node")).to_have_count(3)
            expect(page.get_by_role("heading", name="The process")).to_be_visible()
        assert barriers(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_a_process_is_drawn_with_the_keyboard_alone_mended_and_undone(
    page: Page, company: Company, sessions: Sessions
) -> None:
    begin(sessions, company, {"key": "travel", "name": "Travel"})
    log_in(page, company.elena)
    page.goto("/processes/travel/canvas")
    expect(page.get_by_text("Choose a first node")).to_be_visible()
    for words, count in (("approval", 1), ("end", 2)):
        page.keyboard.press("a")
        page.keyboard.type(words)
        page.keyboard.press("Enter")
        expect(page.locator(".react-flow__node")).to_have_count(count)
        saved(page)
        page.keyboard.press("Escape")
    problems = page.get_by_role("region", name="Problems")
    expect(problems).to_contain_text("false_branch")
    problems.get_by_role("button", name="Approval").first.focus()
    page.keyboard.press("Enter")
    inspector = page.get_by_role("region", name="What is chosen")
    expect(inspector.get_by_role("heading", name="approval")).to_be_visible()
    page.keyboard.press("a")
    page.keyboard.type("end")
    page.keyboard.press("Enter")
    expect(page.locator(".react-flow__node")).to_have_count(3)
    saved(page)
    process = stored(sessions)
    assert [edge.id for edge in process.edges if edge.source] == [
        "approval-true_branch>end",
        "approval-false_branch>end_2",
    ]
    page.keyboard.press("Escape")
    page.keyboard.press("Control+z")
    expect(page.locator(".react-flow__node")).to_have_count(2)
    page.keyboard.press("Control+y")
    expect(page.locator(".react-flow__node")).to_have_count(3)
    saved(page)
    assert stored(sessions) == process


def test_a_problem_leads_to_its_form_and_what_is_typed_there_is_saved(
    page: Page, company: Company, sessions: Sessions
) -> None:
    definition = travel()
    del definition["nodes"][0]["config"]["deadline"]
    begin(sessions, company, definition)
    log_in(page, company.elena)
    page.goto("/processes/travel/canvas")
    problems = page.get_by_role("region", name="Problems")
    expect(page.locator(".react-flow__node", has_text="Manager").locator(".step-mark")).to_have_text("1")
    problems.get_by_role("button", name="Manager").click()
    page.get_by_label("Until when").fill("3 d")
    page.get_by_label("Until when").press("Tab")
    expect(problems).to_contain_text("none")
    saved(page)
    node = stored(sessions).node("ask")
    assert node is not None
    assert node.config["deadline"] == "3 d"


def test_nodes_are_connected_moved_copied_and_removed(
    page: Page, company: Company, sessions: Sessions
) -> None:
    nodes: dict[str, dict[str, Any]] = {
        "wait": {"type": "wait", "config": {"duration": "1 d"}},
        "done": {"type": "end"},
    }
    begin(sessions, company, content("travel", nodes, ">wait"))
    log_in(page, company.elena)
    page.goto("/processes/travel/canvas")
    first, last = (page.locator(f'.react-flow__node[data-id="{each}"]') for each in ("wait", "done"))
    first.locator(".source").drag_to(last.locator(".target"))
    expect(page.locator(".react-flow__edge")).to_have_count(1)
    saved(page)
    assert stored(sessions).edge("wait-sequence>done") is not None
    first.click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Control+c")
    page.keyboard.press("Control+v")
    expect(page.locator(".react-flow__node")).to_have_count(3)
    saved(page)
    assert stored(sessions).node("wait_2") is not None
    page.keyboard.press("Delete")
    expect(page.locator(".react-flow__node")).to_have_count(2)
    saved(page)
    assert stored(sessions).node("wait_2") is None


def test_of_two_tabs_the_later_one_is_told_and_keeps_its_change(
    open_page: OpenPage, company: Company, sessions: Sessions
) -> None:
    begin(sessions, company, travel())
    elena, carla = open_page(), open_page()
    for page, person in ((elena, company.elena), (carla, company.carla)):
        log_in(page, person)
        page.goto("/processes/travel/canvas")
        expect(page.locator(".react-flow__node")).to_have_count(3)
    for page, node, name in ((carla, "yes", "Agreed"), (elena, "no", "Refused")):
        page.locator(f'.react-flow__node[data-id="{node}"]').click()
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_label("Name", exact=True).press("Enter")
        if page is carla:
            expect(page.locator(".react-flow__node", has_text=name)).to_be_visible()
    told = elena.get_by_role("alert")
    expect(told).to_contain_text("Somebody else changed the draft.")
    told.get_by_role("button", name="Show theirs and put mine on top").click()
    expect(elena.locator(".react-flow__node", has_text="Agreed")).to_be_visible()
    expect(elena.locator(".react-flow__node", has_text="Refused")).to_be_visible()
    saved(elena)
    assert [node.name for node in stored(sessions).nodes] == ["Manager", "Refused", "Agreed"]


def test_the_outline_edits_the_same_process_on_a_phone(
    open_page: OpenPage, company: Company, sessions: Sessions
) -> None:
    begin(sessions, company, {"key": "travel"})
    page = open_page(width=390)
    log_in(page, company.elena)
    page.goto("/processes/travel/outline")
    for kind, name in (("Approval", "Boss"), ("End", "Yes")):
        page.get_by_label("Add a node").select_option(kind)
        page.get_by_label("Name (optional)").fill(name)
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        expect(page.locator("#said")).to_contain_text("Saved.")
        page.get_by_label("After", exact=True).select_option("Boss")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="Yes")).to_have_count(0)
    assert [node.id for node in stored(sessions).nodes] == ["boss"]


def test_a_run_is_tried_step_by_step(page: Page, company: Company, sessions: Sessions) -> None:
    begin(sessions, company, travel())
    log_in(page, company.elena)
    page.goto("/processes/travel/try")
    page.get_by_label("Manager", exact=True).select_option("no")
    row = page.locator('tr[data-node="yes"]')
    expect(row).to_contain_text("“Manager” ended with: no.")
    page.get_by_role("button", name="Begin").click()
    expect(row).to_contain_text("waiting")
    page.get_by_role("button", name="On").click()
    expect(row).to_contain_text("skipped")
    expect(page.get_by_label("Manager", exact=True)).to_have_value("not_satisfied")


def test_a_template_is_filled_in_tried_and_deployed_by_a_second_person(
    open_page: OpenPage, company: Company, sessions: Sessions
) -> None:
    page = open_page()
    log_in(page, company.elena)
    page.goto("/processes/templates")
    page.get_by_role("link", name="Travel expense").click()
    page.get_by_label("Below this the manager decides").fill("250.00")
    page.get_by_label("Key").fill("travel")
    page.get_by_role("button", name="Begin with it").click()
    page.get_by_role("link", name="Try it").click()
    page.get_by_label("amount").fill("300.00")
    page.get_by_label("Director", exact=True).select_option("no")
    expect(page.locator('tr[data-node="director"]')).to_contain_text("completed")
    expect(page.locator('tr[data-node="manager"]')).to_contain_text("“Under the limit?” ended with: no.")
    expect(page.locator('g[data-node="refused"]')).to_have_class("node node-end is-completed")
    page.get_by_label("Name").fill("A costly trip is refused")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("listitem").filter(has_text="A costly trip is refused")).to_contain_text(
        "goes as it says"
    )
    page.get_by_role("link", name="Versions").click()
    expect(page.get_by_text("take every edge")).to_be_visible()
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("somebody else of platform or finance has to deploy it")).to_be_visible()
    second = open_page()
    log_in(second, company.carla)
    second.goto("/processes/travel")
    second.get_by_label("Why?").fill("We travel again")
    second.get_by_role("button", name="Deploy").click()
    second.get_by_role("dialog").get_by_role("button", name="Deploy").click()
    expect(second.get_by_text("new runs follow version 1")).to_be_visible()
    with sessions() as session:
        assert processes.deployed(session, "travel").state == "deployed"


def test_yaml_is_written_beside_the_graph_and_taken_back_and_missing_edges_are_shown(
    page: Page, company: Company, sessions: Sessions
) -> None:
    begin(sessions, company, travel())
    log_in(page, company.elena)
    page.goto("/processes/travel/canvas")
    expect(page.locator(".react-flow__node")).to_have_count(3)
    page.keyboard.press("v")
    expect(page.get_by_text("0 of 3 edges are taken by scenarios")).to_be_visible()
    page.keyboard.press("y")
    text = page.get_by_label("YAML", exact=True).last
    expect(text).to_have_value(re.compile("name: Manager"))
    text.fill(text.input_value().replace("name: Manager", "name: Boss"))
    page.get_by_role("button", name="Write it into the draft").click()
    expect(page.locator(".react-flow__node", has_text="Boss")).to_have_count(1)
    expect(text).to_have_value(re.compile("name: Boss"))
    text.fill(text.input_value().replace("type: approval", "type: [approval"))
    page.get_by_role("button", name="Write it into the draft").click()
    expect(page.locator(".designer-saved")).to_contain_text("this is no YAML")
    expect(text).to_have_value(re.compile(r"type: \[approval"))
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".react-flow__node", has_text="Manager")).to_have_count(1)
    node = stored(sessions).node("ask")
    assert node is not None
    assert node.name == "Manager"


def test_a_chosen_edge_gets_its_scenario_with_one_button(
    page: Page, company: Company, sessions: Sessions
) -> None:
    begin(sessions, company, travel())
    log_in(page, company.elena)
    page.goto("/processes/travel/canvas")
    edge = page.locator('.react-flow__edge[data-id="ask-false_branch>no"]')
    expect(edge).to_have_count(1)
    page.keyboard.press("v")
    expect(page.get_by_text("0 of 3 edges are taken by scenarios")).to_be_visible()
    edge.press("Enter")
    page.get_by_role("button", name="Make a scenario that takes this edge").press("Enter")
    expect(page.get_by_text("2 of 3 edges are taken by scenarios")).to_be_visible()
    assert [each.name for each in stored(sessions).scenarios] == ["Manager: no"]


def test_the_canvas_shows_what_differs_from_the_version_in_force(
    page: Page, company: Company, sessions: Sessions
) -> None:
    with sessions.begin() as session:
        deployed(session, company, travel())
        later = travel(deadline="3 d")
        later["nodes"] = [node for node in later["nodes"] if node["id"] != "no"] + [
            {"id": "stop", "type": "end"}
        ]
        later["edges"] = [each for each in later["edges"] if each["target"] != "no"]
        later["edges"].append({"source": "ask", "target": "stop", "type": "false_branch"})
        processes.save_draft(session, "travel", later, company.elena.id, 0)
    log_in(page, company.elena)
    page.goto("/processes/travel/canvas")
    expect(page.locator(".react-flow__node")).to_have_count(3)
    page.keyboard.press("d")
    expect(page.get_by_text("Against version 1: 2 new, 1 changed, 2 removed")).to_be_visible()
    for node, mark in (("stop", "added"), ("ask", "changed"), ("no", "removed")):
        expect(page.locator(f'.react-flow__node[data-id="{node}"]')).to_have_class(re.compile(f"is-{mark}"))
    page.keyboard.press("d")
    expect(page.locator(".react-flow__node")).to_have_count(3)


#: The line on which the text of an element that directly holds some stands, in pixels from the top of the window.
BASELINE = """async element => {
  await document.fonts.ready;
  const text = [...element.childNodes].find(each => each.nodeType === Node.TEXT_NODE && each.data.trim());
  const range = document.createRange();
  range.selectNodeContents(text);
  const pen = document.createElement("canvas").getContext("2d");
  const style = getComputedStyle(element);
  pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  const { fontBoundingBoxAscent: up, fontBoundingBoxDescent: down } = pen.measureText(text.data);
  const box = [...range.getClientRects()].at(-1);
  return box.top + box.height * up / (up + down);
}"""


def test_on_a_phone_four_buttons_stand_two_by_two(
    open_page: OpenPage, company: Company, sessions: Sessions
) -> None:
    begin(sessions, company, travel(deadline=None))
    phone = open_page(width=390)
    log_in(phone, company.elena)
    phone.goto("/processes/travel")
    buttons = phone.locator(".page-top .actions .btn")
    expect(buttons).to_have_count(4)
    tops = buttons.evaluate_all("all => all.map(each => Math.round(each.getBoundingClientRect().top))")
    assert tops[0] == tops[1] < tops[2] == tops[3]


def test_the_word_for_the_state_of_a_version_is_in_line_with_its_number(
    page: Page, company: Company, sessions: Sessions
) -> None:
    begin(sessions, company, travel(deadline=None))
    log_in(page, company.elena)
    for path, beside in (
        ("/processes/travel", "h2#words"),
        ("/processes/travel", ".process-versions a"),
        ("/processes", "td:has(> .status)"),
    ):
        page.goto(path)
        words = page.locator(beside).first
        badge = page.locator(f"{beside} .status, {beside} + .status").first
        assert words.evaluate(BASELINE) == pytest.approx(badge.evaluate(BASELINE), abs=1), beside
