"""How much room the rollouts take that may be heated on, at the size of the recipe `deepscaler-1.5b-8gpu`.

    python verification/pool_memory.py [--steps 400] [--out DIR]

A step has 128 problems of 40,000 in turn, 8 rollouts each, 300 to 3,000 tokens long; a problem's accuracy comes
from a Beta distribution with mean 0.4. Printed: the memory of the process beyond what it began with, what lies
on the disk, and size and time of a checkpoint's part.
"""

import argparse
import gc
import json
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from conet.base.files import digest_all, sync_all
from conet.rollouts.pool import Pool, Rollout
from conet.rollouts.token_store import OnDisk

PROBLEMS, ASKED, GROUP, WINDOW, VOCABULARY = 40_000, 128, 8, 400, 152_000
MIB = 1 << 20


def resident() -> float:
    """Return the resident memory of this process in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def drawn(step: int, accuracy: np.ndarray) -> list[Rollout]:
    """Return the rollouts of a step."""
    rng = np.random.default_rng(step)
    epoch, place = divmod(step * ASKED, PROBLEMS // ASKED * ASKED)
    order = np.random.default_rng([7, epoch]).permutation(PROBLEMS)
    return [
        Rollout(
            int(problem),
            float(rng.random() < accuracy[problem]),
            rng.integers(0, VOCABULARY, rng.integers(300, 3_001)).tolist(),
            "",
            False,
            prompt=rng.integers(0, VOCABULARY, 150).tolist(),
        )
        for problem in order[place : place + ASKED]
        for _ in range(GROUP)
    ]


def main() -> None:
    """Fill a pool, write a checkpoint's part, and print what it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=WINDOW)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    out = given.out or Path(tempfile.mkdtemp())
    accuracy = np.random.default_rng(0).beta(0.4, 0.6, PROBLEMS)
    store = OnDisk(out / "pool")
    pool = Pool(WINDOW, {"shortest"}, store)
    drawn(0, accuracy)
    before, spent = resident(), 0.0
    for step in range(given.steps):
        rollouts = drawn(step, accuracy)
        begun = time.perf_counter()
        pool.add(step, rollouts)
        spent += time.perf_counter() - begun
    del rollouts
    gc.collect()
    memory = resident() - before
    disk = sum(path.stat().st_size for path in (out / "pool").iterdir())
    begun = time.perf_counter()
    store.save(out / "checkpoint")
    state = json.dumps(pool.state())
    linked = time.perf_counter() - begun
    digest_all(list((out / "checkpoint").iterdir()))
    sync_all(list((out / "checkpoint").iterdir()))
    whole = time.perf_counter() - begun
    begun = time.perf_counter()
    eligible = pool.demonstrations(0.13, 8, "shortest")
    chosen = time.perf_counter() - begun
    print(
        f"steps {given.steps}, visits {len(pool.visits)}, solutions kept {sum(map(len, pool.kept.values()))}"
    )
    print(f"memory {memory:.0f} MiB; on disk {disk / MIB:.0f} MiB, once for the run and all its checkpoints")
    print(
        f"state in a checkpoint {len(state) / MIB:.1f} MiB; {linked:.1f} s, with digests and sync {whole:.1f} s"
    )
    print(
        f"a step {1e3 * spent / given.steps:.1f} ms; {len(eligible)} demonstrations chosen in {chosen:.2f} s"
    )
    if given.out is None:
        shutil.rmtree(out)


if __name__ == "__main__":
    main()
