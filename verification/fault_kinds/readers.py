"""Fuzzing of every reader, half a minute a case: guided by coverage where atheris is at hand, else at random."""

import importlib.util
import random
import re
import subprocess
import sys
import time
from pathlib import Path

from fault_kinds import reading
from fault_kinds.case import Bench, Kind
from fault_kinds.processes import Died, Fault, in_child

SECONDS = 30
SCRIPT = Path(__file__).parents[1] / "fuzz_readers.py"
BRIEF = 4  # cases of the suite: seconds each
TIMES = 20  # cases of a common reader: ten minutes
OTHERS = 2  # cases of each of the others, which share most of their code: a minute
COMMON = ("conet", "table", "trl", "verl")  # these first, since most logs are theirs


def guided(bench: Bench, reader: str, seed: int) -> str:
    """Fuzz with atheris, from the corpus of earlier sittings."""
    corpus = bench.keep / "corpus" / reader
    limits = [f"-max_total_time={SECONDS}", "-timeout=20", "-rss_limit_mb=4096", f"-seed={seed + 1}"]

    command = [sys.executable, str(SCRIPT), reader, str(corpus), *limits, f"-artifact_prefix={bench.place}/"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        found = [path.read_bytes()[:300] for path in bench.place.glob("*-*") if path.is_file()]
        raise Fault("traceback", f"{reader}: {done.stderr[-500:]!r} of {found[:1]}")
    runs = re.findall(r"^Done (\d+) runs", done.stderr, re.MULTILINE)
    return f"{SECONDS} s" if runs else "no runs"


def at_random(bench: Bench, reader: str, rng: random.Random, seconds: float) -> str:
    """Change valid inputs at random; in a fork."""
    inputs, end = reading.seeds(reader), time.monotonic() + seconds
    place = bench.place / "inputs"
    place.mkdir(parents=True, exist_ok=True)
    while time.monotonic() < end:
        data = bytearray(rng.choice(inputs))
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(data))
            data[at : at + rng.randrange(5)] = rng.randbytes(rng.randrange(5))
        try:
            reading.check(place, reader, bytes(data) or b"\0")
        except BaseException as error:
            raise Fault(
                "traceback", f"{reader}: {type(error).__name__}: {error} of {bytes(data)[:300]!r}"
            ) from None
    return f"{seconds:g} s at random"


def reader_of(number: int) -> str:
    """Return whose turn it is: the common ones until they have their time, then the others."""
    if number < BRIEF + TIMES * len(COMMON):
        return COMMON[number % len(COMMON)]
    others = sorted(set(reading.NAMES) - set(COMMON))
    return others[number % len(others)]


def case(bench: Bench, number: int) -> tuple[str, str]:
    """Fuzz one reader for a while."""
    reader = reader_of(number)
    if number < BRIEF or importlib.util.find_spec("atheris") is None:
        seconds = 0.5 if number < BRIEF else SECONDS
        answer = in_child(lambda: at_random(bench, reader, bench.random(number), seconds), None)
        if isinstance(answer, Died):
            raise Fault("died", f"{reader}: signal {answer.signal}")
        return reader, answer
    return reader, guided(bench, reader, number)


KIND = Kind(
    name="readers",
    what=(
        "fuzzing of every reader, half a minute a case: ten minutes each of conet, table, trl and verl, one minute "
        "of each of the others"
    ),
    goal=BRIEF + TIMES * len(COMMON) + OTHERS * (len(reading.NAMES) - len(COMMON)),
    case=case,
    short=tuple(range(BRIEF)),
)
