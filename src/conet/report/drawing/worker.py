"""Processes that draw: views come in as lines of JSON, drawings go out as lines of JSON.

It is a program of its own, so that it needs nothing of the process that started it, not even a main module
that may be imported twice. It loads what draws once, and then divides into as many processes as there are
sockets: loading takes as long as drawing half a report.
"""

import gc
import json
import os
import socket
import sys
from base64 import b64encode
from collections.abc import Sequence

from conet.report import style
from conet.report.drawing.figure import draw
from conet.report.drawing.width import Width
from conet.views.schema import View


def drawn(view: View, width: Width | None, suffix: str) -> bytes:
    """Draw a view, and return the file."""
    with style.look():
        return style.to_file(draw(view, width), suffix)


def main() -> None:
    """Divide into one process for each file descriptor of a socket, named as the arguments."""
    gc.freeze()  # what is loaded stays: it need not be looked through again
    gc.enable()
    sockets = [int(number) for number in sys.argv[1:]]
    own, children = divided(sockets)
    for other in sockets:
        if other != own:
            os.close(other)  # so that each ends when the other end of its own socket is closed
    try:
        answer(socket.socket(fileno=own))
        for child in children:
            os.waitpid(child, 0)
    finally:
        os._exit(0)  # there is nothing to tidy


def divided(sockets: Sequence[int]) -> tuple[int, list[int]]:
    """Fork once for each socket but the first; returns the socket of this process, and its children."""
    children: list[int] = []
    for other in sockets[1:]:
        child = os.fork()
        if child == 0:
            return other, []
        children.append(child)
    return sockets[0], children


def answer(asking: socket.socket) -> None:
    """Answer each line until there are no more."""
    with asking, asking.makefile("rw", encoding="utf-8") as lines:
        for line in lines:
            asked = json.loads(line)
            found = drawn(View.model_validate(asked["view"]), asked["width"], asked["suffix"])
            lines.write(json.dumps({"file": b64encode(found).decode()}) + "\n")
            lines.flush()


if __name__ == "__main__":
    main()
