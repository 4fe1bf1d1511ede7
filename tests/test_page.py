"""The page in a real browser: what a person does with it, by pointer and by keyboard."""

import json
import re
import shutil
from functools import partial
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("playwright")

from logs import as_trl
from page_browser import BROWSED, PATIENCE, chromium, opened
from page_server import serving

import conet
from conet.base.lock import exclusive
from conet.cli import main

pytestmark = BROWSED
EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>\x1b[31m\u202e"


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    place = tmp_path_factory.mktemp("shown")
    small = {"steps": 60, "graph.nodes": 60, "graph.degree": 6, "problems.count": 8}
    small |= {"learner.learning_rate": 4.0}
    config = conet.preset("smoke").override(small)
    conet.run(config, place / "first")
    conet.run(config.override({"seed": 1, "snapshots.steps": ()}), place / "without-webs")
    shutil.copytree(place / "first", place / "broken")
    (place / "broken" / "config.json").write_text("{")
    shutil.copytree(place / "first", place / "deleted")
    rows = [
        {
            "step": step,
            "prompt": f"{EVIL} problem {problem}",
            "completion": f"{EVIL} sample {sample} says $x^{{{sample}}}$ and \\boxed{{{sample}}} at step {step}",
            "accuracy_reward": float(step > 5 and sample > 0),
            "advantage": 0.0,
            "completion_length": 7,
        }
        for step in range(12)
        for problem in range(3)
        for sample in range(4)
    ]
    as_trl(pl.DataFrame(rows), place / "log")
    return place


@pytest.fixture(scope="module")
def server(runs):
    with serving(runs) as found:
        yield found


@pytest.fixture
def page(browser, server):
    """A page on which nothing fails, and that asks no other machine."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
    found = context.new_page()
    found.set_default_timeout(PATIENCE)
    errors, foreign = [], []
    found.on("pageerror", lambda error: errors.append(str(error)))
    found.on("request", lambda request: foreign.append(request.url))
    yield found
    assert not errors
    outside = [url for url in foreign if not url.startswith((server.address, "data:", "blob:", "file:"))]
    assert not outside
    context.close()


def test_the_list_is_filtered_and_two_runs_are_compared(page, server):
    opened(page, server, "")
    page.locator(".run").nth(4).wait_for()
    assert page.locator(".run").count() == 5
    page.locator(".run-said", has_text="broken").first.wait_for()
    page.get_by_role("searchbox").fill("without")
    assert page.locator(".run").count() == 1
    assert "filter=without" in page.url
    page.get_by_role("searchbox").fill("")
    page.get_by_label("choose first to compare").check()
    page.get_by_label("choose without-webs to compare").check()
    page.get_by_role("link", name="compare first with without-webs").click()
    legend = page.locator("#view-correct-length .legend").first
    legend.filter(has_text="B: ").wait_for()
    # What is the same of both has one colour, and of the second broken lines.
    looks = {}
    for item in legend.locator("li").all():
        dashes, colour = item.locator("path").evaluate(
            "e => [getComputedStyle(e).strokeDasharray, getComputedStyle(e).stroke]"
        )
        which, name = item.locator("span").first.inner_text().split(": ")
        looks[which, name.partition(" (")[0]] = dashes, colour
    names = [name for which, name in looks if which == "A"]
    assert len(names) == 2
    for name in names:
        assert looks["A", name][0] == "none" != looks["B", name][0]
        assert looks["A", name][1] == looks["B", name][1]
    assert len({colour for _, colour in looks.values()}) == 2


def test_a_finding_leads_to_its_chart_and_all_charts_have_one_cursor(page, server):
    opened(page, server, "run/first")
    page.locator(".headline a").first.wait_for()
    page.locator("#view-frustration, #view-diversity").last.wait_for()
    chart = page.locator("#view-learning-curve .chart")
    chart.focus()
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    wheres = page.locator(".chart + .where").all_text_contents()
    assert sum("3" in where for where in wheres) >= 3
    page.keyboard.press("+")
    page.wait_for_url("**from=**")
    page.keyboard.press("0")
    page.wait_for_url(lambda url: "from=" not in url)
    assert page.locator("#view-learning-curve .dots").count() >= 1
    page.get_by_label("smoothing").fill("21")
    assert page.locator("#view-correct-length .dots").count() >= 1  # the raw points stay


def test_the_web_slides_and_a_node_is_read(page, server):
    opened(page, server, "run/first/web")
    said = page.locator(".web-said")
    said.filter(has_text="Update 60").wait_for()
    page.get_by_text("Rings: questions. Squares: answers.").wait_for()
    strip = page.locator(".heat-axis").inner_text()
    assert "thin line: the snapshot shown" in strip
    # What is not there is not in the key: the thin line was taken for the heating signal.
    assert ("heating signal" in strip) == (page.locator(".timeline .signal").count() > 0)
    assert ("heated" in strip) == (page.locator(".timeline .band").count() > 0)
    page.get_by_role("slider", name="snapshot").focus()
    page.keyboard.press("Home")
    said.filter(has_text="Update 0").wait_for()
    page.keyboard.press("End")
    page.get_by_label("flipped since").select_option(index=1)
    said.filter(has_text="flipped").wait_for()
    page.get_by_label("path of problem").fill("0")
    page.get_by_role("heading", name="Problem 0").wait_for()
    page.get_by_label("node", exact=True).fill("3")
    page.get_by_label("node", exact=True).press("Enter")
    page.get_by_text("Where walks go from here").wait_for()
    box = page.locator(".sigma")
    box.click(position={"x": 40, "y": 40})
    page.get_by_role("button", name="play").click()
    # A link restores the view.
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    page.get_by_role("heading", name="Problem 0").wait_for()


def test_a_link_restores_the_view_on_the_same_page_too(page, server):
    """Whatever the address holds: what there is not is left out."""
    opened(page, server, "run/first/web?step=60")
    said = page.locator(".web-said")
    said.filter(has_text="Update 60").wait_for()
    page.evaluate("location.hash = '#/run/first/web?step=0&problem=999&problems=999&node=x&since=-1'")
    said.filter(has_text="Update 0").wait_for()
    assert page.get_by_role("spinbutton", name="path of problem").input_value() == ""
    assert page.get_by_role("heading", name="Brushed").count() == 0
    page.evaluate("location.hash = '#/run/first/web?step=60&since=31&problem=1.5'")
    said.filter(has_text="flipped").wait_for()
    page.go_back()
    said.filter(has_text="Update 0").wait_for()


def test_a_step_of_the_slider_writes_only_what_differs(page, server):
    """All nodes and edges are gone through when it rests, for their order and the labels, and not before."""
    history = server.ask("/api/runs/first/web").json
    now, before = history["moments"][-1], history["moments"][-2]
    looks = [dict(zip(one["edges"], zip(one["weight"], one["traffic"]))) for one in (now, before)]
    islands = [one["island"] for one in (now, before)]
    recoloured = {at for at, (one, other) in enumerate(zip(*islands)) if one != other}
    resized = {at for at, sizes in enumerate(zip(now["size"], before["size"])) if sizes[0] != sizes[1]}
    edges = {
        edge
        for edge in {*looks[0], *looks[1]}
        if looks[0].get(edge) != looks[1].get(edge) or history["edges"]["source"][edge] in recoloured
    }
    opened(page, server, "run/first/web")
    page.locator(".web-said").filter(has_text="Update 60").wait_for()
    everything = len(history["nodes"]["id"]) + len(history["edges"]["source"])
    page.locator(f'.sigma[data-written="{everything}"]').wait_for()
    page.wait_for_timeout(500)  # until it is drawn
    page.get_by_role("slider", name="snapshot").press("ArrowLeft")
    page.locator(".web-said").filter(has_text=f"Update {before['step']}:").wait_for()
    written = int(page.locator(".sigma").get_attribute("data-written"))
    assert written == len(recoloured | resized) + len(edges) < everything


INK = """() => {
  const canvas = document.querySelector(".sigma-labels");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return data.filter((value, at) => at % 4 === 3 && value > 0).length;
}"""


@pytest.mark.parametrize("width", [390, 1400])
def test_the_path_of_a_problem_is_brought_into_the_picture(page, server, width):
    """From a link and by choice: question and answer carry their numbers, so something is written."""
    history = server.ask("/api/runs/first/web").json
    solved = next(at for at, path in enumerate(history["moments"][-1]["paths"]) if path)
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, server, f"run/first/web?problem={solved}")
    page.get_by_role("heading", name=f"Problem {solved}").wait_for()
    page.wait_for_function(f"({INK})() > 0")
    page.get_by_role("button", name="show all").click()
    page.get_by_label("path of problem").fill(str(solved))
    page.wait_for_timeout(1000)
    page.wait_for_function(f"({INK})() > 0")
    assert (
        page.locator(".sigma").bounding_box()["width"]
        <= page.locator(".timeline").bounding_box()["width"] + 1
    )


def answered(body, route):
    route.fulfill(body=body)


def test_where_a_run_cannot_be_steered_the_page_says_what_can_be_done(page, server):
    known = server.ask("/api/runs/first").json
    for kind, said in (("language_model", "conet llm resume RUN --set key=value"), ("walks", "--control")):
        run = known["run"] | {"kind": kind, "state": "training"}
        body = json.dumps(known | {"run": run, "steerable": False})
        page.route("**/api/runs/first", partial(answered, body))
        page.route(
            "**/api/runs/first/stream", lambda route: route.abort()
        )  # it would say that it has finished
        page.route("**/api/runs/first/row", partial(answered, json.dumps(run)))
        page.goto("about:blank")
        opened(page, server, "run/first")
        page.locator(".control[role=note] code", has_text=said).wait_for()
        assert page.get_by_role("button", name="heat").count() == 0
        page.unroute_all()


FOCUSED = """() => {
  const one = document.activeElement;
  const look = getComputedStyle(one);
  const name = one.getAttribute("aria-label") || one.labels?.[0]?.innerText || one.innerText || one.textContent || "";
  return [name.trim(), one.tagName, look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 1];
}"""


def tab_to(page, name, tag=""):
    """Press Tab until something of that name has the focus, which has to be seen."""
    for _ in range(300):
        page.keyboard.press("Tab")
        said, element, seen = page.evaluate(FOCUSED)
        if said.startswith(name) and element.startswith(tag):
            assert seen, (said, element)
            return
    raise AssertionError(f"the focus never comes to {name}")


def test_all_views_are_walked_through_by_keyboard_alone(page, server):
    opened(page, server, "")
    page.locator(".run").nth(2).wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED)[0] == "to the content"
    tab_to(page, "choose first to compare")
    page.keyboard.press("Space")
    tab_to(page, "choose without-webs to compare")
    page.keyboard.press("Space")
    tab_to(page, "compare first with without-webs")
    page.keyboard.press("Enter")
    page.locator("#view-learning-curve .legend", has_text="B: ").wait_for()
    tab_to(page, "CoNet")
    page.keyboard.press("Enter")
    page.locator(".run").nth(2).wait_for()
    tab_to(page, "first", "A")
    page.keyboard.press("Enter")
    page.locator("#view-learning-curve .chart").wait_for()
    page.locator(".headline a").first.wait_for()
    tab_to(page, page.locator(".headline a").first.text_content())
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.className").startswith("view")
    tab_to(page, "", "svg")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**step=**")
    tab_to(page, "Web", "A")
    page.keyboard.press("Enter")
    page.locator(".web-said").filter(has_text="Update").wait_for()
    tab_to(page, "snapshot")
    page.keyboard.press("Home")
    page.locator(".web-said").filter(has_text="Update 0").wait_for()
    tab_to(page, "path of problem")
    page.keyboard.type("0")
    page.get_by_role("heading", name="Problem 0").wait_for()
    tab_to(page, "node")
    page.keyboard.type("3\n")
    page.get_by_text("Where walks go from here").wait_for()
    tab_to(page, "Problems", "A")
    page.keyboard.press("Enter")
    page.locator("canvas.heat").wait_for()
    tab_to(page, "accuracy of", "CANVAS")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    tab_to(page, "in the web")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Brushed").wait_for()


def test_rollouts_are_read_by_keyboard_alone(page, server):
    opened(page, server, "run/log/rollouts?problem=0&first=5&last=9")
    page.locator(".rollout .text").first.wait_for()
    tab_to(page, "right against wrong")
    page.keyboard.press("Enter")
    tab_to(page, "difference of two")
    page.keyboard.press("Space")
    page.locator(".rollout .diff").first.wait_for()
    tab_to(page, "show rollout 1,")
    page.keyboard.press("Space")
    tab_to(page, "search in completions")
    page.keyboard.type("step 8\n")
    page.locator("mark").first.wait_for()


def test_a_region_is_brushed(page, server):
    opened(page, server, "run/log/problems")
    heat = page.locator("canvas.heat")
    box = heat.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 5, steps=4)
    page.mouse.up()
    page.get_by_role("heading", name="3 problems").wait_for()
    page.get_by_label("sort by").select_option("difficulty")
    heat.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="1 problem").wait_for()
    page.get_by_role("link", name="their rollouts").click()
    page.locator(".rollout .text").first.wait_for()


def test_rollouts_are_read_and_their_texts_are_only_text(page, server):
    opened(page, server, "run/log/rollouts?problem=0&first=7&last=9")
    page.locator(".rollout .text").first.wait_for()
    text = page.locator(".rollout .text").first.text_content()
    assert "<img src=x onerror=" in text
    assert "\\u001b[31m\\u202e" in text
    assert "\x1b" not in text
    assert page.locator(".rollout .katex").count() >= 1
    page.get_by_role("button", name="right against wrong").click()
    page.locator(".side-by-side .rollout").nth(1).wait_for()
    page.get_by_label("difference of two").check()
    page.locator(".diff ins").first.wait_for()
    page.get_by_label("difference of two").uncheck()
    page.get_by_label("search in completions").fill("step 8")
    page.get_by_label("search in completions").press("Enter")
    page.locator("mark").first.wait_for()
    assert page.title() != "owned"
    assert page.locator("img, iframe, object, embed").count() == 0


def test_more_rollouts_are_listed_on_demand(page, server):
    opened(page, server, "run/log/rollouts")
    rows = page.locator(".rollout-list li")
    rows.nth(63).wait_for()
    assert rows.count() == 64
    page.get_by_role("button", name="show 64 more").click()
    rows.nth(127).wait_for()
    page.get_by_role("button", name="show 16 more").click()
    rows.nth(143).wait_for()
    assert page.get_by_role("button", name=re.compile("show .* more")).count() == 0
    page.get_by_label("show rollout 144,").check()
    page.locator(".rollout", has_text="step 11 · problem 2").first.wait_for()
    page.get_by_label("steps").first.fill("1")
    page.get_by_label("to", exact=True).fill("2")
    page.get_by_label("to", exact=True).press("Enter")
    page.get_by_text("24 rollouts").wait_for()
    page.get_by_role("button", name="right against wrong").click()
    page.get_by_text("None of the rollouts in the list is right.").wait_for()


def test_what_cannot_be_shown_is_said(page, server, runs):
    opened(page, server, "run/broken")
    page.locator(".failure").wait_for()
    opened(page, server, "run/without-webs/web")
    page.locator(".failure, .web").first.wait_for()
    opened(page, server, "run/deleted")
    page.locator(".headline, .headlines .empty").first.wait_for()
    shutil.rmtree(runs / "deleted")
    page.get_by_role("link", name="Problems", exact=True).click()
    page.locator(".failure").wait_for()


def test_a_run_is_started_heated_and_stopped(browser, tmp_path):
    with serving(tmp_path) as server:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        opened(page, server, "")
        page.get_by_text("start a run").click()
        page.get_by_label("preset").select_option("smoke")
        page.get_by_label("updates").fill("1000000")
        small = "graph.nodes=40 graph.degree=5 problems.count=6 learner.learning_rate=0.05 schedule.max_accuracy=1"
        page.get_by_label("settings").fill(f"{small} graph.nods=3")
        page.get_by_role("button", name="start").click()
        page.locator(".start .failure").filter(has_text="graph.nods").wait_for()
        page.get_by_label("settings").fill(small)
        page.get_by_role("button", name="start").click()
        page.get_by_role("button", name="heat").click()
        page.locator(".said", has_text="heat: done, at update").wait_for()
        page.locator(".live", has_text="update").wait_for()
        page.get_by_role("button", name="stop").click()
        page.locator(".state.killed").wait_for()
        page.close()
    (run,) = tmp_path.iterdir()
    assert {"heat", "stop"} <= {event.get("action") for event in conet.Run(run).events()}


def test_a_run_that_is_killed_and_resumed_is_followed(browser, runs, tmp_path):
    """What cannot be done with a run that is killed is not offered, and that it trains again is seen."""
    run = tmp_path / "growing"
    shutil.copytree(runs / "first", run)
    (run / "summary.json").unlink()
    with serving(tmp_path) as server:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        with exclusive(run):
            opened(page, server, "run/growing")
            page.locator(".state.training").wait_for()
            page.locator(".control").wait_for()
            page.locator(".live", has_text="update 60").wait_for()
        page.locator(".state.killed").wait_for()
        page.locator(".control").wait_for(state="detached")
        with exclusive(run):
            page.locator(".state.training").wait_for()
            page.locator(".control").wait_for()
            page.locator(".live", has_text="update 60").wait_for()
        page.locator(".control").wait_for(state="detached")
        page.close()


def test_a_log_is_in_no_group_of_a_setting(page, server):
    opened(page, server, "?group=learner.learning_rate")
    page.locator(".run").first.wait_for()
    groups = page.locator(".run-groups section").filter(has_text="settings not known")
    assert {"log", "broken"} <= set(groups.locator(".run-name > *:first-child").all_text_contents())
    assert page.locator("h2", has_text="its default").count() == 0


def test_long_texts_are_scrolled_in_a_box_and_one_step_is_a_dot(browser, tmp_path):
    """Of a text of 100,000 characters, with such that turn or hide text, the completion is not pages away."""
    long = "<b>\u202e\x00 مرحبا " * 6_000
    rows = [
        {
            "step": 0,
            "prompt": long,
            "completion": f"{long}{sample}",
            "accuracy_reward": float(sample > 0),
            "advantage": 0.0,
            "completion_length": 7,
        }
        for sample in range(4)
    ]
    as_trl(pl.DataFrame(rows), tmp_path / "long")
    with serving(tmp_path) as server:
        page = browser.new_page(viewport={"width": 400, "height": 800})
        page.set_default_timeout(PATIENCE)
        opened(page, server, "")
        assert "h0" in page.locator(".spark path").get_attribute("d")
        assert page.locator(".run-curve").inner_text().split()[:2] == ["0.75", "accuracy"]
        opened(page, server, "run/long/rollouts")
        page.locator(".text.long").nth(1).wait_for()
        assert page.evaluate("document.documentElement.scrollHeight") < 5000
        assert page.locator(".text b").count() == 0
        page.close()


@pytest.fixture(scope="module")
def saved(runs):
    out = runs.parent / "page.html"
    main(["serve", str(runs / "first"), str(runs / "log"), "--export", str(out)])
    return out


def test_a_saved_page_works_without_a_server(browser, saved):
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"file://{saved}")
    page.locator(".run").nth(1).wait_for()
    assert page.locator(".run").count() == 2
    page.get_by_role("link", name="first").click()
    page.locator("#view-islands .chart").first.wait_for()
    page.get_by_role("link", name="Web", exact=True).click()
    page.get_by_role("slider", name="snapshot").focus()
    page.keyboard.press("Home")
    page.locator(".web-said", has_text="Update 0").wait_for()
    page.goto(f"file://{saved}#/run/log/rollouts?words=says")
    page.reload()
    page.locator("mark").first.wait_for()
    assert page.title() != "owned"
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)
    context.close()


def test_a_saved_page_without_texts_has_none(runs, tmp_path):
    main(["serve", str(runs / "log"), "--export", str(tmp_path / "page.html"), "--no-text"])
    text = (tmp_path / "page.html").read_text()
    assert "onerror" not in text
    assert "sample 0 says" not in text
    assert len(set(re.findall('"name":"problem [0-9a-f]{12}"', text))) == 3


AXE = Path(__file__).parents[1] / "web/node_modules/axe-core/axe.min.js"


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in web/")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "place",
    [
        "",
        "run/first",
        "run/log",
        "run/first/web?node=3&problem=0",
        "run/first/problems",
        "run/log/problems",
        "run/log/rollouts",
        "compare/first/without-webs",
    ],
)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(browser, server, place, scheme):
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    opened(page, server, place)
    page.wait_for_load_state("networkidle")
    page.evaluate(AXE.read_text())
    for width in (390, 900, 1600):
        page.set_viewport_size({"width": width, "height": 800})
        found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        said = [(one["id"], one["help"], [node["html"][:160] for node in one["nodes"][:3]]) for one in found]
        assert not said, f"{width}: {json.dumps(said, indent=1)}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
