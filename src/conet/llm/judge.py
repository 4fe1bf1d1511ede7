"""Verifiers in child processes that can be killed: one that hangs or crashes costs one sample.

Run as a module it is such a child: it reads one JSON pair a line, and answers one JSON line each.
"""

import json
import os
import selectors
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from conet.base.errors import ConetError
from conet.base.registry import resolve
from conet.llm.verify import IN_PROCESS, VERIFIERS, Verifier

READY_SECONDS = 120.0  # importing a verifier may be slow; a sample may not
MEMORY = 4 << 30  # bytes that one child may take


class Verdict(NamedTuple):
    """A reward between 0 and 1, and how it came about: "ok", "timeout" or "crash"."""

    reward: float
    status: str


class Judge:
    """Judge completions, many at a time.

    Parameters
    ----------
    verifier
        "exact", "numeric", "math", "minerva" or ``path/to/file.py:name``.
    workers
        Child processes; none for the verifiers that can neither hang nor crash.
    seconds
        Longest time for one sample.

    Raises
    ------
    ConetError
        When the verifier is unknown or cannot be loaded.
    """

    def __init__(self, verifier: str, workers: int = 2, seconds: float = 10.0) -> None:
        self.verifier, self.seconds = verifier, seconds
        self.counts: Counter[str] = Counter()
        self.function: Verifier | None = None
        if verifier in IN_PROCESS:
            self.function = VERIFIERS[verifier]
        else:
            # Names are checked here, once; the user's own file is loaded in the children alone.
            if ":" not in verifier:
                resolve(verifier, VERIFIERS, "verifier")
            elif not Path(verifier.rpartition(":")[0]).exists():
                raise ConetError(
                    f"verifier {verifier}", "a file that exists, as path/to/file.py:name", "check it"
                )
        self.children: list[Child | None] = [None] * (0 if self.function else workers)

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        """Judge pairs of completion and gold answer, in their order."""
        function = self.function
        verdicts = [_call(function, *pair) for pair in pairs] if function else self._in_children(pairs)
        self.counts.update(verdict.status for verdict in verdicts)
        return verdicts

    def _in_children(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        verdicts: list[Verdict | None] = [None] * len(pairs)
        waiting = list(range(len(pairs)))[::-1]
        busy: dict[int, int] = {}  # child → pair
        with selectors.DefaultSelector() as selector:
            while waiting or busy:
                for place in range(len(self.children)):
                    if waiting and place not in busy:
                        child = self._child(place)
                        busy[place] = waiting.pop()
                        child.ask(pairs[busy[place]], self.seconds)
                        selector.register(child.stdout, selectors.EVENT_READ, place)
                first = min(self._child(place).deadline for place in busy)
                selector.select(max(0.0, first - time.monotonic()))
                for place in list(busy):
                    verdict = self._child(place).answer()
                    if verdict is None:
                        continue
                    selector.unregister(self._child(place).stdout)
                    verdicts[busy.pop(place)] = verdict
                    if verdict.status != "ok" and not self._child(place).alive:
                        self._drop(place)
        return [verdict for verdict in verdicts if verdict is not None]

    def _child(self, place: int) -> "Child":
        child = self.children[place]
        if child is None:
            child = self.children[place] = Child(self.verifier)
        return child

    def _drop(self, place: int) -> None:
        child = self.children[place]
        if child is not None:
            child.kill()
        self.children[place] = None

    def close(self) -> None:
        """End the children."""
        for place in range(len(self.children)):
            self._drop(place)

    def __enter__(self) -> "Judge":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Child:
    """One child process and the pair that it is at."""

    def __init__(self, verifier: str) -> None:
        command = [sys.executable, "-m", "conet.llm.judge", verifier]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, bufsize=0
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin: IO[bytes] = self.process.stdin
        self.stdout: IO[bytes] = self.process.stdout
        os.set_blocking(self.stdout.fileno(), False)
        self.deadline, self.buffer, self.alive = 0.0, b"", True
        self._greet(verifier)

    def _greet(self, verifier: str) -> None:
        """Wait until the verifier is loaded."""
        self.deadline = time.monotonic() + READY_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self.stdout, selectors.EVENT_READ)
            while (line := self._line()) is None and self.alive and time.monotonic() < self.deadline:
                selector.select(1.0)
        if line != {"ready": True}:
            self.kill()
            reason = (line or {}).get("error", "its process ended or did not answer")
            raise ConetError(f"verifier {verifier}: {reason}", "a function (completion, answer)", "mend it")

    def ask(self, pair: tuple[str, str], seconds: float) -> None:
        """Send a pair; the clock starts."""
        self.deadline = time.monotonic() + seconds
        try:
            self.stdin.write(json.dumps(pair).encode() + b"\n")
        except OSError:
            self.alive = False

    def answer(self) -> Verdict | None:
        """Return the verdict, or None while it is being thought about."""
        line = self._line()
        if line is not None:
            return Verdict(float(line["reward"]), str(line["status"]))
        if not self.alive:
            return Verdict(0.0, "crash")
        if time.monotonic() >= self.deadline:
            self.kill()
            return Verdict(0.0, "timeout")
        return None

    def _line(self) -> dict[str, Any] | None:
        try:
            data = self.stdout.read(1 << 16)
        except OSError:
            data = b""
        if data == b"":
            self.alive = False
        self.buffer += data or b""
        line, ended, rest = self.buffer.partition(b"\n")
        if not ended:
            return None
        self.buffer = rest
        return json.loads(line)

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        self.alive = False
        self.process.kill()
        self.process.wait()
        self.stdin.close()
        self.stdout.close()


def _call(function: Verifier, completion: str, answer: str) -> Verdict:
    """Call a verifier; what it raises, or an answer that is no reward, counts as a crash."""
    try:
        reward = float(function(completion, answer))
    except Exception as error:
        print(f"verifier: {type(error).__name__}: {error}"[:300], file=sys.stderr)
        return Verdict(0.0, "crash")
    return Verdict(reward, "ok") if 0 <= reward <= 1 else Verdict(0.0, "crash")


def serve(verifier: str) -> None:
    """Answer pairs until the input ends; whatever the verifier prints goes to stderr."""
    import logging

    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    logging.disable(logging.ERROR)
    _limit_memory()
    try:
        function = resolve(verifier, VERIFIERS, "verifier")
        if verifier in ("math", "minerva"):
            import math_verify  # noqa: F401  (slow, so before the clock runs)
    except Exception as error:
        print(json.dumps({"error": " ".join(str(error).split())}), file=channel)
        return
    print(json.dumps({"ready": True}), file=channel)
    for line in sys.stdin:
        reward, status = _call(function, *json.loads(line))
        print(json.dumps({"reward": reward, "status": status}), file=channel)


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, ValueError, OSError):
        pass  # where there is no such limit


if __name__ == "__main__":
    serve(sys.argv[1])
