"""The web growing, as an animated GIF or, where ffmpeg is at hand, as a video."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from io import SEEK_END, BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from PIL import Image

from conet.base.errors import ConetError
from conet.base.places import check_file, takes_anything, write_output
from conet.report import style
from conet.report.drawing.figure import draw
from conet.runs.run import Run
from conet.views.schema import Network, View
from conet.views.walks.web_through_time import web_through_time
from conet.views.walks_data import WalksData

MARK = "conet animate"  # stands in what we write, so that it may be written again
DOTS = 100  # an inch
FADE = 3  # pictures between two snapshots
FADE_SECONDS = 0.08  # that each of them stands
LAST_SHARE = 0.2  # of the time, that the last web stands longer
SHADES = 16  # of each colour of the GIF, from itself to that of the paper
FRAMES = 25  # pictures a second of a video
Progress = Callable[[str, int, int, str], None]


def animate(run: Run, out: Path, seconds: float = 15.0, progress: Progress | None = None) -> dict[str, Any]:
    """Draw the web of every snapshot in one layout, one after the other.

    Parameters
    ----------
    run
        A run with snapshots.
    out
        A file that ends in .gif, or in .mp4 where ffmpeg is on the path; an earlier one may be replaced.
    seconds
        How long it lasts.
    progress
        Told how many snapshots are drawn.

    Returns
    -------
    dict
        ``file``, ``steps`` (the snapshots), ``seconds``, ``width`` and ``height`` (pixels).

    Raises
    ------
    ConetError
        When there is nothing to draw, ffmpeg is missing, or the file cannot be written.
    """
    kind = check_out(out)
    view = web_through_time(WalksData(run))
    if not view.panels:
        raise ConetError(f"{run.path}: {view.absent}", "webs to draw", "choose another run")
    pictures = []
    for number, panel in enumerate(view.panels):
        pictures.append(picture(view, panel))
        if progress:
            progress("picture", number + 1, len(view.panels), "")
    shown = list(timed(pictures, seconds))
    write_output(out, as_gif(shown) if kind == ".gif" else as_video(shown), partial(check_out, out))
    steps = [panel.step for panel in view.panels if isinstance(panel, Network)]
    width, height = pictures[0].size
    lasts = round(sum(stands for _, stands in shown), 2)
    return {"file": str(out), "steps": steps, "seconds": lasts, "width": width, "height": height}


def check_out(out: Path) -> str:
    """Return ".gif" or ".mp4", or refuse a place where there is something else than an earlier animation.

    A device or a pipe gets a GIF.

    Raises
    ------
    ConetError
    """
    kind = out.suffix.lower()
    if kind not in (".gif", ".mp4"):
        if not takes_anything(out):
            raise ConetError(f"--out {out}", "a name that ends in .gif or .mp4", f"--out {out}.gif")
        kind = ".gif"
    if kind == ".mp4" and shutil.which("ffmpeg") is None:
        raise ConetError(f"--out {out} without ffmpeg", "ffmpeg on the path", "install it, or make a .gif")

    def is_one(file: BinaryIO) -> bool:
        start = file.read(2**16)
        file.seek(-min(file.seek(0, SEEK_END), 2**16), SEEK_END)  # where ffmpeg puts its comment
        begins = start[:4] == b"GIF8" if kind == ".gif" else start[4:8] == b"ftyp"
        return begins and MARK.encode() in start + file.read()

    check_file(out, f"an earlier animation as {kind}", is_one)
    return kind


def picture(view: View, panel: Any) -> Image.Image:
    """Draw one panel; all have the same size, with an even number of pixels each way, as videos want it."""
    with style.look():
        figure = draw(view.model_copy(update={"panels": (panel,)}), "column")
        figure.set_dpi(DOTS)
        figure.patch.set_facecolor(style.PAPER)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]
    height, width = (size - size % 2 for size in pixels.shape[:2])
    image = Image.fromarray(pixels[:height, :width].copy())
    image.info["header"] = int(pixels.shape[0] * (1 - figure.axes[0].get_position().y1))
    return image


def timed(pictures: list[Image.Image], seconds: float) -> Iterator[tuple[Image.Image, float]]:
    """Yield pictures with how long each stands (seconds), fading from one snapshot to the next."""
    last = LAST_SHARE * seconds
    each = (seconds - last) / len(pictures)
    fades = FADE if each > 2 * FADE * FADE_SECONDS else 0
    for before, after in pairwise(pictures):
        yield before, each - fades * FADE_SECONDS
        for number in range(fades):
            yield blend(before, after, (number + 1) / (fades + 1)), FADE_SECONDS
    yield pictures[-1], each + last


def blend(before: Image.Image, after: Image.Image, share: float) -> Image.Image:
    """Mix two pictures; of the words above them only one."""
    mixed = Image.blend(before, after, share)
    words = before if share < 0.5 else after
    header = words.crop((0, 0, words.width, words.info["header"]))
    mixed.paste(header)
    return mixed


def as_gif(shown: list[tuple[Image.Image, float]]) -> bytes:
    """Return an animated GIF that goes on for ever."""
    palette = colours()
    frames = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image, _ in shown]
    buffer = BytesIO()
    frames[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=[round(1000 * stands) for _, stands in shown],
        loop=0,
        comment=MARK.encode(),
        optimize=False,
    )
    return buffer.getvalue()


def colours() -> Image.Image:
    """Return an image with the colours of all our pictures: a common palette, or the GIF would flicker."""
    used = np.array([to_rgb(name) for name in (*style.PALETTE, style.INK, style.MUTED, style.GHOST)])
    paper = np.array(to_rgb(style.PAPER))
    share = np.linspace(0, 1, SHADES)[:, None, None]
    mixed = np.rint(255 * (share * used + (1 - share) * paper)).astype(np.uint8).reshape(-1, 3)
    image = Image.new("P", (1, 1))
    image.putpalette(np.unique(mixed, axis=0).tobytes())
    return image


def as_video(shown: list[tuple[Image.Image, float]]) -> bytes:
    """Return an H.264 video, made by ffmpeg."""
    width, height = shown[0][0].size
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "web.mp4"
        given = [
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-s",
            f"{width}x{height}",
            "-r",
            str(FRAMES),
            "-i",
            "-",
        ]
        wanted = ["-pix_fmt", "yuv420p", "-metadata", f"comment={MARK}", str(made)]
        command = ["ffmpeg", "-loglevel", "error", *given, *wanted]
        frames = b"".join(image.tobytes() * max(1, round(stands * FRAMES)) for image, stands in shown)
        done = subprocess.run(command, input=frames, capture_output=True, check=False)
        if done.returncode or not made.exists():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise ConetError(f"ffmpeg: {said[-1] if said else 'no video'}", "a video", "make a .gif")
        return made.read_bytes()
