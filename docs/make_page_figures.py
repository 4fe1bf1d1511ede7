"""Make the README's pictures of the page from a real run: ``python docs/make_page_figures.py RUN``.

Needs the extra [page-test] and Chromium.
"""

import io
import shutil
import sys
import threading
from pathlib import Path

import uvicorn
from PIL import Image
from playwright.sync_api import sync_playwright

import conet
from conet.serve.app import guarded
from conet.serve.library import Library
from conet.serve.start import address_of, listen

FIGURES = Path(__file__).parent / "figures"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-unsafe-swiftshader")
WIDTH = 760  # pixels of the animation
HOLD = (500, 2500)  # milliseconds of a frame, and of the last one


def main(run: Path, step: int = 175) -> None:
    """Write ``page.png``, the web at one update, and ``page-web.gif``, the web growing."""
    listening = listen("127.0.0.1", 0)
    guard = guarded(Library([run]), "127.0.0.1", listening.getsockname()[1])
    server = uvicorn.Server(uvicorn.Config(guard, log_level="error"))
    threading.Thread(target=server.run, args=([listening],), daemon=True).start()
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(120_000)
        page.goto(f"{address_of(guard)}#/run/{run.name}/web?step={step}&node={busiest(run, step)}")
        page.locator(".web-said").filter(has_text="Update").wait_for()
        page.locator(".node-detail table").first.wait_for()
        page.wait_for_timeout(1000)
        page.screenshot(path=FIGURES / "page.png")
        page.get_by_label("node", exact=True).fill("")
        page.get_by_label("node", exact=True).press("Enter")
        slider = page.get_by_role("slider", name="snapshot")
        slider.focus()
        page.keyboard.press("Home")
        frames = []
        for _ in range(int(slider.get_attribute("max") or 0) + 1):
            page.wait_for_timeout(200)
            frames.append(Image.open(io.BytesIO(page.locator(".web-left").screenshot())))
            page.keyboard.press("ArrowRight")
        browser.close()
    server.should_exit = True
    shown = [
        frames[-1],
        *frames,
    ]  # the last one first: what shows one frame alone, such as paper, shows a web
    small = [frame.resize((WIDTH, round(frame.height * WIDTH / frame.width))) for frame in shown]
    palette = [frame.convert("RGB").quantize(64, dither=Image.Dither.NONE) for frame in small]
    times = [HOLD[0]] * (len(palette) - 1) + [HOLD[1]]
    first, rest = palette[0], palette[1:]
    first.save(FIGURES / "page-web.gif", save_all=True, append_images=rest, duration=times, loop=0)
    with Image.open(FIGURES / "page.png") as picture:
        picture.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(
            FIGURES / "page.png", optimize=True
        )


def busiest(run: Path, step: int) -> int:
    """Return the node through which most successful walks pass."""
    return int(conet.Run(run).web(step).attributes["traffic"].argmax())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
