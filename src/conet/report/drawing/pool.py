"""Draw many views at once, in this process or in others that start while the views are still being made."""

import json
import subprocess
import sys
from base64 import b64decode
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple

from conet.report.drawing.width import Width
from conet.views.schema import View


class Job(NamedTuple):
    """One file to draw."""

    view: View
    width: Width | None
    suffix: str


class Pool:
    """Draws views in other processes; in this one where there are none.

    Use it as a context; what was asked for is there when it ends.

    Parameters
    ----------
    processes
        How many. Each costs half a second of one core to start, which passes while views are made.
    """

    def __init__(self, processes: int = 0) -> None:
        self.jobs: list[Job] = []
        self.files: dict[int, bytes] = {}
        self.waiting: SimpleQueue[int | None] = SimpleQueue()
        self.threads = [Thread(target=self._serve, daemon=True) for _ in range(processes)]

    def __enter__(self) -> "Pool":
        for thread in self.threads:
            thread.start()
        return self

    def draw(self, view: View, width: Width | None = None, suffix: str = "svg") -> int:
        """Take a job; its file is at this number of ``files`` when the context ends.

        Parameters
        ----------
        view
            With at least one panel.
        width
            "column", "narrow" or "wide"; what suits the view where absent.
        suffix
            "svg", "pdf" or "png".
        """
        self.jobs.append(Job(view, width, suffix))
        number = len(self.jobs) - 1
        self.waiting.put(number)
        return number

    def __exit__(self, kind: object, *_: object) -> None:
        for _thread in self.threads:
            self.waiting.put(None)
        for thread in self.threads:
            thread.join()
        if kind is None:
            self._rest()

    def _rest(self) -> None:
        """Draw here what no other process has drawn: everything, or what one that died left behind."""
        missing = [number for number in range(len(self.jobs)) if number not in self.files]
        if missing:
            from conet.report.drawing.worker import drawn

            for number in missing:
                self.files[number] = drawn(*self.jobs[number])

    def _serve(self) -> None:
        """Feed one other process; jobs that it does not answer are left to :meth:`_rest`."""
        command = [sys.executable, "-m", "conet.report.drawing.worker"]
        try:
            worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        except OSError:
            return
        with worker:
            assert worker.stdin is not None
            assert worker.stdout is not None
            while (number := self.waiting.get()) is not None:
                job = self.jobs[number]
                asked = {"number": number, "width": job.width, "suffix": job.suffix}
                view = job.view.to_json()
                try:
                    worker.stdin.write(f'{json.dumps(asked)[:-1]}, "view": {view}}}\n')
                    worker.stdin.flush()
                    self.files[number] = b64decode(json.loads(worker.stdout.readline())["file"])
                except (OSError, ValueError):
                    return
