"""Draw views in other processes, while this one goes on: with training, or with making more views."""

import json
import subprocess
import sys
from base64 import b64decode
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Lock

from conet.report.drawing.width import Width
from conet.views.schema import View

COMMAND = ("-m", "conet.report.drawing.worker")


class Drawers:
    """Other processes that draw; a context that ends them.

    Parameters
    ----------
    processes
        How many; they start at once, and are ready after half a second of one core. With none, views are
        drawn in this process, at once when they are asked for.
    """

    def __init__(self, processes: int = 0) -> None:
        self.free: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        self.processes = [_started() for _ in range(processes)]
        for process in self.processes:
            self.free.put(process)
        self.threads = ThreadPoolExecutor(max(1, processes))
        self.here = Lock()  # matplotlib's settings are of the whole process

    def __enter__(self) -> "Drawers":
        return self

    def __exit__(self, *_: object) -> None:
        self.threads.shutdown(cancel_futures=True)
        for process in self.processes:
            process.kill()
            process.communicate()

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
        if self.processes:
            return self.threads.submit(self._elsewhere, view, width, suffix)
        done: Future[bytes] = Future()
        done.set_result(self._drawn(view, width, suffix))
        return done

    def _elsewhere(self, view: View, width: Width | None, suffix: str) -> bytes:
        """Let a free process draw; draw here what one that has died cannot."""
        process = self.free.get()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            asked = json.dumps({"width": width, "suffix": suffix})
            process.stdin.write(f'{asked[:-1]}, "view": {view.to_json()}}}\n')
            process.stdin.flush()
            return b64decode(json.loads(process.stdout.readline())["file"])
        except (OSError, ValueError):
            return self._drawn(view, width, suffix)
        finally:
            self.free.put(process)

    def _drawn(self, view: View, width: Width | None, suffix: str) -> bytes:
        from conet.report.drawing.worker import drawn

        with self.here:
            return drawn(view, width, suffix)


def _started() -> "subprocess.Popen[str]":
    """Start a process that draws; in a session of its own, so that Ctrl-C at the terminal is not for it."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, *COMMAND],
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
