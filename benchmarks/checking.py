"""What it costs that a run checks itself: the share of processor time that checking takes.

    python benchmarks/checking.py              # some minutes; writes docs/performance.md
    python benchmarks/checking.py --samples 200000 --times 1 --keep DIR --dry

Measured inside each process: the processor time of everything that is only there to check (digests when a run is
written and when it is read, the directory that is held, keys that stand twice in lines of JSON), over that of the
whole command with the processes that it starts. So it does not matter what else the machine does.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import diagnose

import conet

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
AIM = 0.05  # of the whole command
ROLLOUTS = 1024  # a step of the preset reference

# Each function that checks adds its thread's processor time.
CODE = """
import functools, resource, sys, threading, time, types
from conet.cli import main
import conet.base.files as files, conet.base.journal as journal, conet.readers.formats.json_lines as lines
from conet.base.lock import Held
taken, lock, inside = [0.0], threading.Lock(), threading.local()

def timed(function):
    @functools.wraps(function)
    def call(*given, **named):
        if getattr(inside, "now", False):
            return function(*given, **named)
        inside.now, began = True, time.thread_time()
        try:
            return function(*given, **named)
        finally:
            inside.now = False
            with lock:
                taken[0] += time.thread_time() - began
    return call

import hashlib, zlib

class Digest:
    def __init__(self, data=b""):
        self.real = timed(hashlib.sha256)(data)
        self.update, self.hexdigest = timed(self.real.update), self.real.hexdigest

    def copy(self):
        return self.real.copy()

hashes = types.SimpleNamespace(sha256=Digest, file_digest=timed(hashlib.file_digest))
files.hashlib = journal.hashlib = hashes
journal.zlib = types.SimpleNamespace(crc32=timed(zlib.crc32))
Held.check = timed(Held.check)
lines._twice = timed(lines._twice)
main(sys.argv[1:])
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(taken[0], sum(one.ru_utime + one.ru_stime for one in used))
"""


def seconds(*arguments: str) -> tuple[float, float]:
    """Call a command in a process of its own; return the processor time of checking, and of all."""
    command = [sys.executable, "-c", CODE, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    checking, whole = map(float, done.stdout.splitlines()[-1].split())
    return checking, whole


def measured(times: int, folder: Path, *arguments: str) -> list[tuple[float, float]]:
    """Measure a command; where it is measured more than once, the first time only warms up."""
    found = [seconds(*arguments, "--out", str(folder / str(number))) for number in range(times + (times > 1))]
    return found[-times:]


def log_of(samples: int, folder: Path) -> Path:
    """Write a log of lines of JSON, as `benchmarks/diagnose.py` does."""
    options = argparse.Namespace(
        steps=max(1, samples // 2048), prompts=256, problems=2560, characters=400, formats=["jsonl"]
    )
    return diagnose.make(folder, options)["jsonl"]


def row(name: str, found: list[tuple[float, float]]) -> str:
    """Return a row of the table."""
    checking, whole = zip(*found)
    shares = [100 * part / all_ for part, all_ in found]
    judged = "met" if max(shares) <= 100 * AIM else "not met" if min(shares) > 100 * AIM else "undecided"
    return (
        f"| {name} | {median(whole):.1f} s | {median(checking):.2f} s | {median(shares):.1f} % "
        f"({min(shares):.1f} to {max(shares):.1f}) | {judged} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=2_048_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="where the inputs stay; they are made there once")
    parser.add_argument("--dry", action="store_true", help="print the table, and write nothing")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, kept = Path(temporary), asked.keep or Path(temporary)
        run, log = kept / "run", kept / "rows.jsonl"
        if not run.exists():
            steps = max(1, asked.samples // ROLLOUTS)
            conet.run(conet.preset("reference").override({"steps": steps}), run)
        if not log.exists():
            log_of(asked.samples, kept)
        told = f"{asked.samples / 1e6:.3g} million samples"
        rows = {
            "`conet run` of `reference`, with its report": ("run", "--threads", "1"),
            f"`conet diagnose` of a run of CoNet, {told}": ("diagnose", str(run), "--json"),
            f"`conet diagnose` of lines of JSON, {told}": ("diagnose", str(log), "--json"),
        }
        lines = [
            "| command | processor time | of it checking | share, median (all) | at most 5 % |",
            "|---|---|---|---|---|",
        ]
        for number, (name, arguments) in enumerate(rows.items()):
            lines.append(row(name, measured(asked.times, folder / str(number), *arguments)))
            print(lines[-1], flush=True)
    table = "\n".join(lines)
    if not asked.dry:
        page = PAGE.read_text()
        PAGE.write_text(
            re.sub("(<!-- checking -->).*?(<!-- end -->)", rf"\1\n\n{table}\n\n\2", page, flags=re.DOTALL)
        )


if __name__ == "__main__":
    main()
