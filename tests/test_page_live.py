"""The page while the world changes: runs that begin, end, go away; a server that dies; many windows."""

import json
import re
import shutil
from contextlib import contextmanager

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("playwright")

import polars as pl
from logs import as_trl, rollouts, two_stages
from page_browser import BROWSED, PATIENCE, chromium, opened
from page_server import serving

import conet
from conet.base.lock import exclusive

pytestmark = BROWSED


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run of walks, of which tests take copies."""
    place = tmp_path_factory.mktemp("made") / "first"
    small = {"steps": 60, "graph.nodes": 60, "graph.degree": 6, "problems.count": 8}
    conet.run(conet.preset("smoke").override(small | {"learner.learning_rate": 4.0}), place)
    return place


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.set_default_timeout(PATIENCE)
    found = context.new_page()
    errors = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield found
    assert not errors
    context.close()


def growing(made, place):
    """A run that looks as if it trained as long as someone holds it."""
    shutil.copytree(made, place)
    (place / "summary.json").unlink()
    (place / "actions.jsonl").touch()  # as of one that can be steered
    return place


def state(page, name):
    return page.locator(".run", has=page.get_by_role("link", name=name, exact=True)).locator(".state")


def hide(page, hidden):
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


@contextmanager
def asked(page):
    """The addresses that a page asks for meanwhile, without their host."""
    found = []

    def note(request):
        found.append(request.url.partition("/api/")[2])

    page.on("request", note)
    yield found
    page.remove_listener("request", note)


@pytest.mark.long
def test_the_list_follows_runs_that_begin_end_and_go(page, made, tmp_path):
    with serving(tmp_path) as server:
        opened(page, server, "?sort=state")
        page.get_by_text("There is no run here yet").wait_for()
        run = growing(made, tmp_path / "growing")
        with exclusive(run):
            state(page, "growing").filter(has_text="training").wait_for()
            page.get_by_label("choose growing to compare").check()
        state(page, "growing").filter(has_text="killed").wait_for()
        assert page.get_by_label("choose growing to compare").is_checked()
        shutil.copy(made / "summary.json", run)
        state(page, "growing").filter(has_text="finished").wait_for()
        shutil.copytree(made, tmp_path / "another")
        page.locator(".run").nth(1).wait_for()
        page.locator(".run .spark").nth(1).wait_for()
        shutil.rmtree(run)
        page.locator(".run").nth(1).wait_for(state="detached")
        page.get_by_text("choose two to compare").wait_for()


def test_the_list_keeps_the_focus_and_what_was_typed(page, made, tmp_path):
    shutil.copytree(made, tmp_path / "one")
    with serving(tmp_path) as server:
        opened(page, server, "")
        page.locator(".run .spark").wait_for()
        page.get_by_role("searchbox").fill("o")
        page.get_by_label("choose one to compare").focus()
        shutil.copytree(made, tmp_path / "alone")
        page.locator(".run").nth(1).wait_for()
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "choose one to compare"
        assert page.get_by_role("searchbox").input_value() == "o"


def quiet(page):
    """Wait for the end of what was being asked for: on a busy machine that takes longer than half a second."""
    for _ in range(20):
        with asked(page) as found:
            page.wait_for_timeout(1000)
        if not found:
            return


def test_nothing_is_asked_for_while_the_page_is_hidden(page, made, tmp_path):
    run = growing(made, tmp_path / "growing")
    with serving(tmp_path) as server, exclusive(run):
        opened(page, server, "")
        page.locator(".run .spark").wait_for()
        page.locator(".run-said:not(.waiting)").wait_for()
        hide(page, True)
        quiet(page)
        with asked(page) as found:
            page.wait_for_timeout(5000)
        assert not found
        hide(page, False)
        opened(page, server, "run/growing")
        page.locator(".live", has_text="update 60").wait_for()
        page.locator(".headline, .headlines .empty").first.wait_for()
        page.wait_for_timeout(1000)
        hide(page, True)
        quiet(page)
        with asked(page) as found:
            page.wait_for_timeout(4000)
        assert not found
        with asked(page) as found:
            hide(page, False)
            page.wait_for_timeout(1500)
        assert "runs/growing/stream" in found


def test_a_server_that_dies_is_said_and_found_again(page, made, tmp_path):
    run = growing(made, tmp_path / "growing")
    with exclusive(run):
        with serving(tmp_path) as server:
            opened(page, server, "run/growing")
            page.locator(".state", has_text="training").wait_for()
            page.locator("#view-learning-curve .chart").wait_for()
            page.locator(".headline, .headlines .empty").first.wait_for()
            listed = page.context.new_page()
            opened(listed, server, "")
            listed.locator(".run .spark").wait_for()
        for one in (page, listed):
            one.get_by_role("alert").filter(has_text="no longer answers").wait_for()
            assert one.locator(".state").first.text_content() == "was training"
        assert page.locator("#view-learning-curve .chart").count() == 1
        assert listed.locator(".run .spark").count() == 1
        with serving(tmp_path, port=server.port):
            for one in (page, listed):
                one.locator(".lost").wait_for(state="detached")
                one.locator(".state", has_text="training").first.wait_for()
                one.locator(".state", has_text="was").wait_for(state="detached")
            # The token is that of the new server.
            page.get_by_role("button", name="pause").click()
            page.locator(".said", has_text="handed over").wait_for()


def test_a_part_that_could_not_be_read_is_read_when_the_server_is_back(page, made, tmp_path):
    shutil.copytree(made, tmp_path / "first")
    with serving(tmp_path) as server:
        opened(page, server, "run/first")
        page.locator(".headline, .headlines .empty").first.wait_for()
    page.get_by_role("link", name="Problems", exact=True).click()
    page.locator("main .failure").wait_for()
    page.locator(".lost").wait_for()
    with serving(tmp_path, port=server.port):
        page.locator("canvas.heat").wait_for()
        page.locator(".lost").wait_for(state="detached")


@pytest.mark.long
def test_ten_windows_on_a_run_that_trains_hang_neither_themselves_nor_others(page, made, tmp_path):
    """A browser has six connections to a server; a stream would hold one of them for each window."""
    run = growing(made, tmp_path / "growing")
    with serving(tmp_path) as server, exclusive(run):
        windows = [page, *(page.context.new_page() for _ in range(9))]
        for one in windows:
            opened(one, server, "run/growing/web")
        for one in windows:
            one.locator(".live", has_text="update 60").wait_for()
            one.locator(".web-said", has_text="Update 60").wait_for()
        # Tabs that are left give their streams back.
        for name in ("Overview", "Problems", "Web", "Problems", "Web", "Problems", "Web", "Problems"):
            page.get_by_role("link", name=name, exact=True).click()
            page.locator(".state.training").wait_for()
        page.locator("canvas.heat").wait_for()
        (run / "summary.json").write_bytes((made / "summary.json").read_bytes())
        for one in windows:
            one.locator(".state", has_text="finished").wait_for()


def actions_of(run):
    return [event["action"] for event in conet.Run(run).events() if event.get("action")]


@pytest.mark.long
def test_two_windows_steer_one_run(page, tmp_path):
    small = ["graph.nodes=40", "graph.degree=5", "problems.count=6", "learner.learning_rate=0.05"]
    with serving(tmp_path) as server:
        body = {"preset": "smoke", "steps": 1_000_000, "settings": [*small, "schedule.max_accuracy=1"]}
        begun = server.ask(
            "/api/runs", "POST", body, x_conet_token=server.token, content_type="application/json"
        )
        name = begun.json["name"]
        other = page.context.new_page()
        for one in (page, other):
            opened(one, server, f"run/{name}")
            one.locator(".live", has_text="update").wait_for()
        page.get_by_role("button", name="pause").click()
        other.locator(".events", has_text="pause").wait_for(state="attached")
        # While it stands still nothing is heard of it, and yet what is done with it is shown.
        page.get_by_label("weight of the entropy bonus").fill("0.25")
        page.get_by_role("button", name="set entropy bonus").click()
        page.locator(".said", has_text="entropy bonus: done, at update").wait_for()
        page.locator(".events", has_text="0.25").wait_for(state="attached")
        other.get_by_role("button", name="go on").click()
        page.get_by_role("button", name="heat").click()
        other.get_by_label("weight of the entropy bonus").fill("0.5")
        other.get_by_role("button", name="set entropy bonus").click()
        other.locator(".said", has_text="entropy bonus: done").wait_for()
        other.get_by_role("button", name="stop").click()
        for one in (page, other):
            one.locator(".state", has_text="killed").wait_for()
            one.locator(".control").wait_for(state="detached")
    actions = actions_of(tmp_path / name)
    assert {"pause", "go", "heat", "temperature", "stop"} <= set(actions)
    assert actions.index("pause") < actions.index("go") < actions.index("stop")


@pytest.mark.long
def test_a_run_that_is_moved_away_and_back_or_replaced(page, made, tmp_path):
    """What was read of it stays; another of its name is shown as what it is."""
    run = tmp_path / "shown" / "first"
    shutil.copytree(made, run)
    with serving(tmp_path / "shown") as server:
        opened(page, server, "run/first")
        page.locator(".headline, .headlines .empty").first.wait_for()
        run.rename(tmp_path / "away")
        page.locator(".state", has_text="gone").wait_for()
        page.get_by_text("no longer there").wait_for()
        assert page.locator("#view-learning-curve .chart").count() == 1
        (tmp_path / "away").rename(run)
        page.locator(".state", has_text="finished").wait_for()
        assert "1 of 1" not in page.locator("main").text_content()
        shutil.rmtree(run)
        small = {"steps": 5, "seed": 7, "graph.nodes": 60, "graph.degree": 6, "problems.count": 8}
        conet.run(conet.preset("smoke").override(small), run)
        page.locator(".run-settings", has_text="seed=7").wait_for()
        page.locator("#view-learning-curve .chart").wait_for()


def test_a_log_that_grows_is_read_again_when_asked(page, tmp_path):
    rows = rollouts(two_stages(30, 8))
    as_trl(rows.filter(pl.col("step") < 20), tmp_path / "log")
    with serving(tmp_path) as server:
        opened(page, server, "run/log/problems")
        page.locator(".heat-axis", has_text="19").wait_for()
        as_trl(rows, tmp_path / "log")
        page.get_by_role("button", name="read it again").click()
        page.locator(".heat-axis", has_text="29").wait_for()


def test_the_web_grows_before_ones_eyes(page, made, tmp_path):
    """Who looks at the newest snapshot of a run that trains sees the next when it is there."""
    run = growing(made, tmp_path / "growing")
    with serving(tmp_path) as server, exclusive(run):
        history = server.ask("/api/runs/growing/web").json
        steps = [one["step"] for one in history["moments"]]
        short = history | {"moments": history["moments"][:-1]}
        spark = server.ask("/api/runs/growing/spark").json | {"step": steps[-2]}
        page.route("**/stream", lambda route: route.abort())  # a window without a stream asks
        page.route("**/growing/web", lambda route: route.fulfill(body=json.dumps(short)))
        page.route("**/growing/spark", lambda route: route.fulfill(body=json.dumps(spark)))
        opened(page, server, "run/growing/web")
        page.locator(".web-said", has_text=f"Update {steps[-2]}:").wait_for()
        page.locator(".live", has_text=f"update {steps[-2]}").wait_for()
        page.unroute("**/growing/web")
        page.unroute("**/growing/spark")
        page.locator(".web-said", has_text=f"Update {steps[-1]}:").wait_for()


def test_what_is_chosen_and_where_the_focus_is_outlasts_a_drawing(page, made, tmp_path):
    run = growing(made, tmp_path / "growing")
    with serving(tmp_path) as server, exclusive(run):
        spark = server.ask("/api/runs/growing/spark").json
        sent = []

        def another(route):
            sent.append(1)
            route.fulfill(body=json.dumps(spark | {"step": len(sent)}))

        page.route("**/stream", lambda route: route.abort())
        page.route("**/growing/spark", another)
        opened(page, server, "run/growing/problems")
        heat = page.locator("canvas.heat")
        heat.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        before = len(sent)
        while len(sent) < before + 4:
            page.wait_for_timeout(500)
        assert page.get_by_role("heading", name=re.compile("^1 problem,")).count() == 1
        assert page.evaluate("document.activeElement.tagName") == "CANVAS"
        page.get_by_role("link", name="Overview", exact=True).click()
        chart = page.locator("#view-learning-curve .chart")
        chart.focus()
        chart.evaluate("chart => (chart.dataset.old = 'yes')")
        page.locator("#view-learning-curve .chart:not([data-old])").wait_for()
        assert page.evaluate("document.activeElement.getAttribute('class')") == "chart"
