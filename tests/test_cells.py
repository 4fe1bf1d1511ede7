"""Cells: cached by content, resumed, retried, and one that fails does not sink the others."""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import work

from conet.base.errors import ConetError
from conet.cells import cell as module
from conet.cells.cache import Cache
from conet.cells.cell import Cell
from conet.cells.workers import run_cells


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))

    def cell(function: str, number: int) -> Cell:
        return Cell(f"work:{function}", {"number": number, "place": str(tmp_path / f"{function}{number}")})

    return cell


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cells")


def begun(cells):
    return [work.called(cell.arguments["place"]) for cell in cells]


def test_results_in_order_equal_cells_once_and_again_from_the_cache(make, cache):
    cells = [make("double", number) for number in (3, 1, 2, 1)]
    seen = []
    results, failures = run_cells(cells, cache, progress=lambda *state: seen.append(state))
    assert [int(one["number"]) for one in results] == [6, 2, 4, 2]
    assert not failures
    assert begun(cells) == [1, 1, 1, 1]
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    again, _ = run_cells(cells, cache)
    assert begun(cells) == [1, 1, 1, 1]
    assert [int(one["number"]) for one in again] == [6, 2, 4, 2]


def test_each_result_is_read_once_and_what_was_just_computed_not_at_all(make, cache, monkeypatch):
    from conet.cells import cache as files

    reads = []
    read = files.read_arrays
    monkeypatch.setattr(files, "read_arrays", lambda path: reads.append(path) or read(path))
    cells = [make("double", number) for number in (1, 2, 1)]
    run_cells(cells, cache)
    assert not reads
    run_cells(cells, cache)
    assert len(reads) == 2


def test_a_result_under_the_name_of_another_cell_is_computed_again(make, cache):
    first, second = make("double", 1), make("double", 2)
    run_cells([first, second], cache)
    files = {int(name.stem == first.key): name for name in cache.place.iterdir()}
    files[1].write_bytes(files[0].read_bytes())
    results, _ = run_cells([first, second], cache)
    assert [int(one["number"]) for one in results] == [2, 4]
    assert begun([first, second]) == [2, 1]


def test_an_interrupted_call_goes_on_where_it_was(make, cache):
    cells = [make("double", number) for number in range(5)]

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_cells(cells, cache, progress=stop)
    assert sum(begun(cells)) == 2
    results, _ = run_cells(cells, cache)
    assert begun(cells) == [1] * 5
    assert [int(one["number"]) for one in results] == [0, 2, 4, 6, 8]


def test_a_damaged_result_is_computed_again(make, cache):
    cell = make("double", 4)
    run_cells([cell], cache)
    (file,) = cache.place.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    (result,), _ = run_cells([cell], cache)
    assert int(result["number"]) == 8
    assert begun([cell]) == [2]


def test_the_key_covers_function_arguments_and_source(make, monkeypatch):
    keys = {make("double", 1).key, make("double", 2).key, make("wrong", 1).key}
    assert len(keys) == 3
    assert make("double", 1).key in keys
    monkeypatch.setattr(module, "source_hash", lambda function: "another source")
    assert make("double", 1).key not in keys


def test_a_failing_cell_is_reported_with_its_reason(make, cache):
    cells = [make("double", 1), make("wrong", 2), make("double", 3)]
    results, failures = run_cells(cells, cache)
    assert [one is None for one in results] == [False, True, False]
    (failure,) = failures
    assert failure.cell == cells[1]
    assert failure.reason.startswith("ValueError: no luck with 2 (work.py:")
    _, again = run_cells(cells, cache)
    assert len(again) == 1  # a failure is not cached: it is tried again in the next call
    assert begun(cells) == [1, 2, 1]


def test_processes_give_what_one_process_gives(make, cache):
    cells = [make("double", number) for number in range(6)]
    results, failures = run_cells(cells, cache, jobs=2)
    assert [int(one["number"]) for one in results] == [0, 2, 4, 6, 8, 10]
    assert not failures

    assert all(int(one["process"]) != os.getpid() for one in results)


def test_a_killed_worker_is_retried_and_only_the_killer_fails(make, cache):
    good = [make("double", number) for number in range(8)]
    once, killer = make("killed_once", 21), make("killed", 20)
    results, failures = run_cells([killer, *good[:4], once, *good[4:]], cache, jobs=2)
    assert results[0] is None
    assert [int(one["number"]) for one in results[1:]] == [0, 2, 4, 6, 42, 8, 10, 12, 14]
    (failure,) = failures
    assert failure.cell == killer
    assert "with no other cell, died 2 times" in failure.reason
    assert "SIGKILL" in failure.reason
    assert begun([killer]) == [3]


def test_a_cell_from_which_nothing_comes_back_is_a_failure(make, cache, monkeypatch):
    from conet.cells import workers

    cells = [make("double", number) for number in range(3)]
    stream = workers._stream
    monkeypatch.setattr(workers, "_stream", lambda wanted, *rest: stream(wanted[:2], *rest))
    results, failures = run_cells(cells, cache)
    assert [one is None for one in results] == [False, False, True]
    assert [failure.cell for failure in failures] == [cells[2]]
    assert "nothing came back" in failures[0].reason


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConetError, match="a path through folders"):
        Cache(tmp_path / "file" / "cells")


def test_a_kept_result_says_what_it_is_of(make, cache):
    from conet.base.arrays import read_arrays

    cell = make("double", 5)
    run_cells([cell], cache)
    (file,) = cache.place.glob("*.safetensors")
    arrays, metadata = read_arrays(file)
    assert json.loads(metadata["cell"])["arguments"]["number"] == 5
    assert arrays["number"] == np.array(10)


def children(process: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            fields = place.read_text().rpartition(")")[2].split()
            found += [int(place.parent.name)] if int(fields[1]) == process else []
    return found


def gone(process: int) -> bool:
    """Whether a process has ended, or is a zombie that only waits to be asked for."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes by /proc")
def test_workers_end_when_their_parent_is_killed(tmp_path):
    """All of them: also those that have no work yet."""
    code = (
        "from pathlib import Path\n"
        "from conet.cells.cache import Cache\n"
        "from conet.cells.cell import Cell\n"
        "from conet.cells.workers import run_cells\n"
        f"place = {str(tmp_path)!r}\n"
        "cells = [Cell('work:slow', {'number': n, 'place': f'{place}/{n}'}) for n in range(2)]\n"
        "run_cells(cells, Cache(Path(place) / 'cells'), jobs=4)\n"
    )
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths})

    def wait_until(condition):
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.05)

    names = [tmp_path / "0", tmp_path / "1"]
    wait_until(lambda: all(name.exists() and name.read_text() for name in names))
    workers = children(parent.pid)
    assert {int(name.read_text()) for name in names} <= set(workers)
    parent.kill()
    parent.wait()
    wait_until(lambda: all(map(gone, workers)))
