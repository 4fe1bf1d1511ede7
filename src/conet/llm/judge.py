"""Verifiers in processes that can be killed: one that hangs or crashes costs one sample."""

import os
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from conet.base.errors import ConetError
from conet.base.parent import end_with
from conet.base.registry import place_of, resolve
from conet.base.terminal import tell
from conet.llm.verify import IN_PROCESS, VERIFIERS, Verifier

if TYPE_CHECKING:
    from pebble import ProcessPool

READY_SECONDS = 90.0  # importing a verifier may be slow; a sample may not
# A shipped verifier waits for nothing: on a busy machine it may take this many times its seconds.
PATIENCE = 30.0
QUIET_SECONDS = 5.0  # after which it is said that it is waited for
MEMORY = 4 << 30  # bytes that one process may take
PROCESSOR = hasattr(signal, "setitimer")  # whether the system ends a process by its processor time


class Verdict(NamedTuple):
    """A reward between 0 and 1, and how it came about: "ok", "timeout" or "crash"."""

    reward: float
    status: str


class Judge:
    """Judge completions, many at a time.

    Parameters
    ----------
    verifier
        "exact", "numeric", "math", "math_after_thought", "minerva", "routes" or ``path/to/file.py:name``.
    workers
        Processes; none for the verifiers that can neither hang nor crash.
    seconds
        Longest time for one sample: of processor time for the shipped verifiers, which wait for
        nothing, so that a busy machine changes no verdict; of the clock for a function of the user's own.

    Raises
    ------
    ConetError
        When the verifier is unknown or cannot be loaded.
    """

    def __init__(self, verifier: str, workers: int = 2, seconds: float = 10.0) -> None:
        self.verifier, self.workers, self.seconds = verifier, workers, seconds
        self.counts: Counter[str] = Counter()
        own = ":" in verifier
        self.limit = seconds if own or not PROCESSOR else PATIENCE * seconds  # of the clock
        self.loaded = False  # whether anything came back from its processes yet
        self.function: Verifier | None = VERIFIERS[verifier] if verifier in IN_PROCESS else None
        self.pool: ProcessPool | None = None
        # Names are checked here, once; the user's own file is loaded in the processes alone.
        self.asked = verifier  # by the processes, which do not know where files may lie
        if ":" not in verifier:
            resolve(verifier, VERIFIERS, "verifier")
            return
        file, _, name = verifier.rpartition(":")
        place = place_of(Path(file))
        if not place.exists():
            raise ConetError(
                f"verifier {verifier}", "a file that exists, as path/to/file.py:name", "check it"
            )
        self.asked = f"{place}:{name}"

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        """Judge pairs of completion and gold answer, in their order."""
        function = self.function
        verdicts = [_call(function, *pair) for pair in pairs] if function else self._in_processes(pairs)
        self.counts.update(verdict.status for verdict in verdicts)
        return verdicts

    def _in_processes(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        """Judge in the pool; where it answers no more, what is left goes to another, once.

        One that never answered gets no second one, which would keep its user waiting for as long again.
        """
        found: dict[int, Verdict] = {}
        for _ in range(2):
            answers = self._round(pairs, found)
            if len(found) == len(pairs):
                return [found[place] for place in range(len(pairs))]
            self.close()
            if not answers and not self.loaded:
                break
        got = f"verifier {self.verifier}: its processes ended or did not answer"
        raise ConetError(got, "a function (completion, answer)", "mend it")

    def _round(self, pairs: Sequence[tuple[str, str]], found: dict[int, Verdict]) -> bool:
        """Judge what is not judged yet, as far as the pool answers; a pool that starts has more time.

        Returns
        -------
        bool
            False where it did not answer in time.
        """
        with suppress(RuntimeError):  # of a pool that has broken meanwhile
            pool = self._started()
            asked: dict[Future[Verdict | str], int] = {
                pool.schedule(_judge_here, args=pairs[place], timeout=self.limit): place
                for place in range(len(pairs))
                if place not in found
            }
            pending = set(asked)
            while pending:
                done, pending = self._next(pending)
                if not done:
                    return False
                for future in done:
                    found[asked[future]] = self._verdict(future.exception() or future.result())
                self.loaded = True
        return True

    def _next(self, pending: "set[Future[Verdict | str]]") -> "tuple[set, set]":
        """Wait for the next verdicts; while the verifier is loaded, say what is waited for."""
        longest = self.limit + READY_SECONDS
        if not self.loaded:
            done, left = wait(pending, timeout=QUIET_SECONDS, return_when=FIRST_COMPLETED)
            if done:
                return done, left
            tell(f"verifier {self.verifier}: waiting for it to load and to judge, {longest:g} s at most")
        return wait(pending, timeout=longest, return_when=FIRST_COMPLETED)

    def _verdict(self, answer: BaseException | Verdict | str) -> Verdict:
        """Turn what came back from a process into a verdict."""
        from pebble import ProcessExpired

        spent = isinstance(answer, ProcessExpired) and PROCESSOR and answer.exitcode == -signal.SIGPROF
        if spent or isinstance(answer, TimeoutError):
            return Verdict(0.0, "timeout")
        if isinstance(answer, RuntimeError):  # the pool's own; a verifier's errors stay in its process
            raise answer
        if isinstance(answer, BaseException):
            return Verdict(0.0, "crash")
        if isinstance(answer, str):
            got = f"verifier {self.verifier}: {answer}"
            raise ConetError(got, "a function (completion, answer)", "mend it")
        return answer

    def _started(self) -> "ProcessPool":
        if self.pool is None:
            from joblib.externals.loky.backend.context import get_context
            from pebble import ProcessPool

            # loky's processes begin with a new interpreter, and do not import the program that asks for them.
            self.pool = ProcessPool(
                self.workers,
                initializer=_begin,
                initargs=(self.asked, os.getpid(), 0.0 if ":" in self.verifier else self.seconds),
                context=get_context("loky"),
            )
        return self.pool

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        if self.pool is not None:
            self.pool.stop()
            self.pool.join()
        self.pool = None

    def __enter__(self) -> "Judge":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _call(function: Verifier, completion: str, answer: str) -> Verdict:
    """Call a verifier; what it raises, or an answer that is no reward, counts as a crash."""
    try:
        reward = float(function(completion, answer))
    except Exception as error:
        print(f"verifier: {type(error).__name__}: {error}"[:300], file=sys.stderr)
        return Verdict(0.0, "crash")
    return Verdict(reward, "ok") if 0 <= reward <= 1 else Verdict(0.0, "crash")


# In the processes ------------------------------------------------------------------------------------

_here: Verifier | str = "no verifier"  # or the reason why there is none
_seconds = 0.0  # of processor time for one sample; none where 0
# Of each slow part one: the parser of formulas, algebra, matrices, inequalities, units.
WARMING = (
    (r"\sqrt{2}+x", r"x+\sqrt{2}"),
    (r"\cos 60^\circ", r"\frac{1}{2}"),
    (r"y=2x", r"2x-y=0"),
    (r"x<\sqrt{2}", r"(-\infty,\sqrt{2})"),
    ("3 hours", "180 minutes"),
)


def _begin(verifier: str, parent: int, seconds: float) -> None:
    """Load the verifier, with its memory limited, nothing to read, and what it prints on stderr."""
    import logging

    global _here, _seconds
    _seconds = seconds if PROCESSOR else 0.0
    os.environ |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    logging.disable(logging.ERROR)
    end_with(parent)
    _limit_memory()
    try:
        loaded = resolve(verifier, VERIFIERS, "verifier")
        _here = loaded if callable(loaded) else f"a {type(loaded).__name__}"
        if verifier in VERIFIERS and callable(loaded):  # what loads late does so before the clock runs
            for answer, gold in WARMING:
                loaded(rf"</think>\boxed{{{answer}}}", gold)
    except BaseException as error:  # a file of the user's own may even try to end the process
        _here = " ".join(str(error).split()) or type(error).__name__


def _judge_here(completion: str, answer: str) -> Verdict | str:
    """Return the verdict, or why there is no verifier; the system ends the process at its processor time."""
    if isinstance(_here, str):
        return _here
    if not _seconds:
        return _call(_here, completion, answer)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, _seconds)
    try:
        return _call(_here, completion, answer)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, ValueError, OSError):
        pass  # where there is no such limit
