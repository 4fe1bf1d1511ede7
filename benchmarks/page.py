"""How fast the page is: first paint, a step of the slider, and a cell of a large log.

Drawn by software on the machine's cores, without a GPU; a page on a GPU is faster.

    python benchmarks/page.py RUN [--log LOG --map correct=...]
"""

import argparse
import json
import shutil
import statistics
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from page_server import Server, serving

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-unsafe-swiftshader")
SLIDE = """async () => {
  const slider = document.querySelector(".web-slider");
  const frame = () => new Promise((done) => requestAnimationFrame(() => done()));
  const found = [];
  for (let turn = 0; turn < 3; turn++)
    for (let value = 0; value <= Number(slider.max); value++) {
      await frame();
      const begun = performance.now();
      slider.value = String(value);
      slider.dispatchEvent(new Event("input"));
      const script = performance.now() - begun;
      await frame();
      await frame();
      found.push([script, performance.now() - begun]);
    }
  return found;
}"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def quantiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 1),
        "95 %": round(ordered[int(0.95 * (len(ordered) - 1))], 1),
        "largest": round(ordered[-1], 1),
    }


def page_times(browser: Browser, server: Server, run: str) -> dict[str, object]:
    """First paint of the overview with its first chart, and steps of the slider, in milliseconds."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(120_000)
    paints, charts = [], []
    for _ in range(5):
        page.goto("about:blank")
        begun = time.perf_counter()
        page.goto(f"{server.address}#/run/{run}")
        page.locator("#view-learning-curve .chart").wait_for()
        charts.append(1000 * (time.perf_counter() - begun))
        paints.append(page.evaluate(PAINT))
    page.goto(f"{server.address}#/run/{run}/web")
    page.locator(".web-said").filter(has_text="Update").wait_for()
    slides = page.evaluate(SLIDE)
    return {
        "first paint, ms": quantiles(paints),
        "first chart, ms": quantiles(charts[1:]),
        "slider, script, ms": quantiles([one for one, _ in slides]),
        "slider, until two frames later, ms": quantiles([both for _, both in slides]),
    }


def log_times(server: Server, name: str) -> dict[str, object]:
    """Opening a log, and a cell with its texts, in milliseconds."""
    begun = time.perf_counter()
    found = server.ask(f"/api/runs/{name}/problems").json
    opened = time.perf_counter() - begun
    cells = []
    for place in range(12):
        row = found["rows"][place * 7 % len(found["rows"])]
        step = found["edges"][place * 11 % (len(found["edges"]) - 1)]
        begun = time.perf_counter()
        cell = server.ask(
            f"/api/runs/{name}/rollouts?problem={row['problem']}&first={step}&last={step + 50}"
        ).json
        index = "&".join(f"index={one['index']}" for one in cell["rows"][:2])
        if index:
            server.ask(f"/api/runs/{name}/texts?{index}")
        cells.append(1000 * (time.perf_counter() - begun))
    return {"opened, s": round(opened, 2), "cell with two texts, ms": quantiles(cells)}


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("run", type=Path)
    given.add_argument("--log", type=Path)
    given.add_argument("--map", default="")
    asked = given.parse_args()
    places = [asked.run, *([asked.log] if asked.log else [])]
    with serving(*places, column_mapping=asked.map) as server, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        found = page_times(browser, server, asked.run.name)
        if asked.log:
            found |= log_times(server, asked.log.name)
        browser.close()
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
