"""A process that draws: views come in as lines of JSON, drawings go out as lines of JSON.

It is a program of its own, ``python -m conet.report.drawing.worker``, so that it needs nothing of the process
that started it, not even a main module that may be imported twice.
"""

import json
import sys
from base64 import b64encode

from conet.report import style
from conet.report.drawing.figure import draw
from conet.report.drawing.width import Width
from conet.views.schema import View


def drawn(view: View, width: Width | None, suffix: str) -> bytes:
    """Draw a view, and return the file."""
    with style.look():
        return style.to_file(draw(view, width), suffix)


def main() -> None:
    """Answer each line until there are no more."""
    for line in sys.stdin:
        asked = json.loads(line)
        answer = drawn(View.model_validate(asked["view"]), asked["width"], asked["suffix"])
        print(json.dumps({"file": b64encode(answer).decode()}), flush=True)


if __name__ == "__main__":
    main()
