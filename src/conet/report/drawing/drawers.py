"""Draw views in other processes, while this one goes on: with training, or with making more views."""

import json
import os
import signal
import socket
import subprocess
import sys
from base64 import b64decode
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock
from typing import TextIO

from conet.report.drawing.width import Width
from conet.views.schema import View

# What a process loads is kept, so looking for garbage meanwhile only takes time.
PROGRAM = "import gc; gc.disable(); from conet.report.drawing.worker import main; main()"
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}  # since it forks
ENDING = 2.0  # seconds that they may take to end by themselves, as they do when nobody asks them any more


class Drawers:
    """Other processes that draw; a context that ends them.

    Parameters
    ----------
    processes
        How many; they start at once, and are ready after half a second of one core. With none, views are
        drawn in this process, at once when they are asked for.

    Attributes
    ----------
    process : Popen or None
        The first of them; the others are its children, in the same group of processes.
    """

    def __init__(self, processes: int = 0) -> None:
        pairs = [socket.socketpair() for _ in range(processes)]
        self.process = _started([theirs for _, theirs in pairs]) if pairs else None
        self.lines: list[TextIO] = []
        self.free: SimpleQueue[TextIO] = SimpleQueue()
        for ours, theirs in pairs:
            theirs.close()
            self.lines.append(ours.makefile("rw", encoding="utf-8"))
            ours.close()  # the file keeps it open
            self.free.put(self.lines[-1])
        self.threads = ThreadPoolExecutor(max(1, processes))
        self.asked = False  # whether they have drawn: else they may still be loading, and are not waited for
        self.here = Lock()  # matplotlib's settings are of the whole process

    def __enter__(self) -> "Drawers":
        return self

    def __exit__(self, *_: object) -> None:
        self.threads.shutdown(cancel_futures=True)
        for each in self.lines:
            with suppress(OSError):  # what could not be sent to one that has died
                each.close()
        if self.process is not None:
            try:
                self.process.wait(ENDING if self.asked else 0)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def draw(self, view: View, width: Width | None = None, suffix: str = "svg") -> "Future[bytes]":
        """Draw a view, and return what will be the file.

        Parameters
        ----------
        view
            With at least one panel.
        width
            "column", "narrow" or "wide"; what suits the view where absent.
        suffix
            "svg", "pdf" or "png".
        """
        if self.process is not None:
            return self.threads.submit(self._elsewhere, view, width, suffix)
        done: Future[bytes] = Future()
        done.set_result(self._drawn(view, width, suffix))
        return done

    def _elsewhere(self, view: View, width: Width | None, suffix: str) -> bytes:
        """Let a free process draw; draw here what one that has died cannot."""
        lines = self.free.get()
        self.asked = True
        try:
            asked = json.dumps({"width": width, "suffix": suffix})
            lines.write(f'{asked[:-1]}, "view": {view.to_json()}}}\n')
            lines.flush()
            return b64decode(json.loads(lines.readline())["file"])
        except (OSError, ValueError):
            return self._drawn(view, width, suffix)
        finally:
            self.free.put(lines)

    def _drawn(self, view: View, width: Width | None, suffix: str) -> bytes:
        from conet.report.drawing.worker import drawn

        with self.here:
            return drawn(view, width, suffix)


def _started(sockets: Sequence[socket.socket]) -> "subprocess.Popen[bytes]":
    """Start what draws; in a session of its own, so that Ctrl-C at the terminal is not for it."""
    numbers = [each.fileno() for each in sockets]
    nothing = subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, numbers)],
        stdin=nothing,
        stdout=nothing,
        stderr=nothing,
        env=os.environ | ONE_THREAD,
        pass_fds=numbers,
        start_new_session=True,
    )
