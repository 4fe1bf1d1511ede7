"""Make the pictures of docs/gallery.md by running its own lines: ``python docs/make_gallery.py RUN``.

RUN is a finished run of the preset `reference`, which the lines call ``runs/first``.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

import matplotlib
from PIL import Image

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs/figures/gallery"


def main(run: Path) -> None:
    """Run every block of the gallery in one folder, and keep the pictures small."""
    matplotlib.use("agg")
    blocks = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs/gallery.md").read_text(encoding="utf-8"), re.DOTALL
    )
    with tempfile.TemporaryDirectory() as place:
        os.symlink(ROOT / "tests", f"{place}/tests")
        Path(place, "runs").mkdir()
        os.symlink(run.absolute(), f"{place}/runs/first")
        os.chdir(place)
        for block in blocks:
            exec(compile(block, "docs/gallery.md", "exec"), {})
        PICTURES.mkdir(exist_ok=True)
        for path in Path(place).glob("*.png"):
            with Image.open(path) as picture:
                small = picture.convert("RGB").quantize(64, dither=Image.Dither.NONE)
                small.save(PICTURES / path.name, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
