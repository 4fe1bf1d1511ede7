"""Reading on the page: answers that come late, regions of problems, characters that hide, formulas without an end."""

import sys
import unicodedata

import polars as pl
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("playwright")

from logs import as_trl
from page_browser import BROWSED, PATIENCE, chromium, opened
from page_server import serving

from conet.base.text import visible

pytestmark = BROWSED
HIDDEN = [one for code in range(sys.maxunicode + 1) if visible(one := chr(code)) != one]


def log(place, completion):
    rows = [
        {
            "step": step,
            "prompt": f"problem {problem}",
            "completion": completion(step, problem, sample),
            "accuracy_reward": float(step > 2 and sample > 0),
            "advantage": 0.0,
            "completion_length": 7,
        }
        for step in range(6)
        for problem in range(3)
        for sample in range(4)
    ]
    return as_trl(pl.DataFrame(rows), place)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    place = tmp_path_factory.mktemp("logs")
    log(place / "log", lambda step, problem, sample: f"said at step {step} of problem {problem}, {sample}")
    # Halves of surrogate pairs cannot stand in a file of UTF-8.
    shown = "".join(one for one in HIDDEN if unicodedata.category(one) != "Cs")
    log(place / "hidden", lambda step, problem, sample: f"[{shown}]")
    endless = [r"\[ x " * 40_000, r"\( x " * 40_000, "$$ x " * 40_000, "$x$ " * 40_000]
    log(place / "endless", lambda step, problem, sample: endless[sample])
    alike = [f"word{number}" for number in range(3000)]
    log(
        place / "alike",
        lambda step, problem, sample: " ".join([*alike[:40], f"own{sample}", *alike, f"end{sample}"]),
    )
    log(place / "capitals", lambda step, problem, sample: f"{'İ' * 9} then the Word. {sample}")
    with serving(place) as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.set_default_timeout(PATIENCE)
    found, errors = context.new_page(), []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield found
    assert not errors
    context.close()


def held(page, pattern):
    """Hold the first answer to a pattern until it is let go of."""
    routes = []

    def hold(route):
        if routes:
            route.continue_()
        else:
            routes.append(route)

    page.route(pattern, hold)
    return routes


def test_a_late_text_does_not_replace_the_right_one(page, server):
    opened(page, server, "run/log/rollouts?first=0&last=0")
    page.locator(".rollout .text").first.wait_for()
    routes = held(page, "**/texts?*")
    page.get_by_label("show rollout 1,").uncheck()
    page.get_by_label("show rollout 2,").check()
    page.wait_for_timeout(300)
    page.get_by_label("show rollout 2,").uncheck()
    page.get_by_label("show rollout 9,").check()
    page.locator(".rollout .text", has_text="of problem 2").wait_for()
    routes[0].continue_()
    page.wait_for_timeout(1500)
    assert "of problem 2" in page.locator(".rollout").text_content()


def test_a_late_search_does_not_replace_the_newer_list(page, server):
    opened(page, server, "run/log/rollouts?first=0&last=0")
    page.locator(".rollout .text").first.wait_for()
    routes = held(page, "**/search?*")
    words = page.get_by_label("search in completions")
    words.fill("problem 1")
    words.press("Enter")
    page.wait_for_timeout(300)
    words.fill("problem 2")
    words.press("Enter")
    page.get_by_text("4 rollouts with these words").wait_for()
    routes[0].continue_()
    page.wait_for_timeout(1500)
    page.get_by_label("show rollout 2,").check()
    page.locator(".rollout").nth(1).wait_for()
    assert all("problem 2" in text for text in page.locator(".rollout header").all_text_contents())


def test_an_answer_that_comes_late_leaves_the_address_of_another_page_alone(page, server):
    for tab in ("problems", "rollouts"):
        routes = held(page, "**/problems")
        opened(page, server, f"run/log/{tab}")
        while not routes:
            page.wait_for_timeout(50)
        page.evaluate("location.hash = '#/?sort=newest'")
        page.locator(".run").first.wait_for()
        routes[0].continue_()
        page.wait_for_timeout(1500)
        assert page.url.endswith("#/?sort=newest")
        page.unroute("**/problems")


def test_a_moment_that_is_written_late_leaves_the_address_of_another_page_alone(page, server):
    """The address changes first, and the page hears of it later: on a busy machine, after the moment is written."""
    opened(page, server, "run/log")
    page.locator(".view .chart").first.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.evaluate("history.replaceState(null, '', '#/run/log/rollouts?words=says')")  # which no event tells
    page.wait_for_timeout(600)
    assert "step=" not in page.url


def test_a_moment_goes_on_to_the_next_tab(page, server):
    opened(page, server, "run/log")
    chart = page.locator(".view .chart").first
    chart.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.get_by_role("link", name="Problems", exact=True).click()
    page.wait_for_url("**/problems?step=1*")
    page.go_back()
    page.locator(".view .chart").first.wait_for()


def test_the_rollouts_of_a_region_are_those_of_its_problems(page, server):
    opened(page, server, "run/log/problems?sort=number")
    heat = page.locator("canvas.heat")
    box = heat.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 0.5 * box["height"], steps=3)
    page.mouse.up()
    page.get_by_role("heading", name="2 problems").wait_for()
    page.get_by_role("link", name="their rollouts").click()
    page.get_by_text("48 rollouts").wait_for()
    found = page.locator(".rollout-list .facts").all_text_contents()
    assert {text.split(" · ")[1] for text in found} == {"problem 0", "problem 1"}
    page.get_by_label("search in completions").fill("step 1 of problem 1")
    page.get_by_label("search in completions").press("Enter")
    page.get_by_text("4 rollouts with these words, of 48 searched").wait_for()


def test_a_choice_is_given_up_by_escape(page, server):
    opened(page, server, "run/log/problems")
    page.locator("canvas.heat").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="1 problem").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="1 problem").wait_for(state="detached")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="choose none").click()
    page.get_by_role("heading", name="1 problem").wait_for(state="detached")


def test_every_character_that_hides_is_written_out(page, server):
    """As the command line does it: the same characters, none forgotten."""
    opened(page, server, "run/hidden/rollouts")
    text = page.locator(".rollout .text").first.text_content()
    assert [hex(ord(one)) for one in text if one in HIDDEN and one not in "\n\t"] == []
    assert "\\udb40\\udc41" in text
    assert "\\u202e" in text


def test_formulas_without_an_end_do_not_hold_up_the_page(page, server):
    """What a model writes that has collapsed: each kind of sign opened, or closed, forty thousand times."""
    opened(page, server, "run/endless/rollouts")
    for number in (1, 2, 3, 4):
        page.get_by_label(f"show rollout {number},").check()
        page.locator(".rollout .text").first.wait_for()
    assert page.locator(".katex").count() <= 2 * 500


def test_of_two_long_texts_that_share_nearly_all_only_the_rest_is_marked(page, server):
    opened(page, server, "run/alike/rollouts")
    page.get_by_label("show rollout 2,").check()
    page.get_by_label("difference of two").check()
    page.locator(".text.diff ins").first.wait_for()
    assert page.locator(".text.diff del").all_inner_texts() == ["own0", "end0"]
    assert page.locator(".text.diff ins").all_inner_texts() == ["own1", "end1"]


def test_the_words_that_were_searched_for_are_marked_where_they_stand(page, server):
    """The small letter of one capital is two characters; a dot is no wild card."""
    opened(page, server, "run/capitals/rollouts?words=the+word.")
    page.locator("mark").first.wait_for()
    assert page.locator("mark").all_inner_texts() == ["the Word."]


def test_keys_with_a_modifier_are_the_browsers(page, server):
    opened(page, server, "run/log")
    page.locator(".view .chart").first.focus()
    taken = """key => {
      const event = new KeyboardEvent("keydown", {key, ctrlKey: true, cancelable: true, bubbles: true});
      document.activeElement.dispatchEvent(event);
      return event.defaultPrevented;
    }"""
    assert not any(page.evaluate(taken, key) for key in ("+", "-", "0", "ArrowLeft"))


def test_a_page_that_is_left_is_followed_by_the_focus(page, server):
    opened(page, server, "run/log")
    page.get_by_role("link", name="Problems", exact=True).click()
    page.locator("canvas.heat").wait_for()
    assert page.evaluate("document.activeElement.id") == "main"
