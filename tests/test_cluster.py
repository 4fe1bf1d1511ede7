"""Ray, on a real local cluster with two workers: the same answers, and the same faults survived."""

from pathlib import Path

import pytest
import work

from conet.cells.cache import Cache
from conet.cells.cell import Cell
from conet.cells.workers import run_cells

pytestmark = pytest.mark.cluster
ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def cluster():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        for attempt in range(3):  # Ray gives up after 30 seconds, which a busy machine may need
            try:
                ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
                break
            except Exception:
                ray.shutdown()
                if attempt == 2:
                    raise
        yield
        ray.shutdown()


def test_workers_answer_fail_and_die_without_sinking_the_others(cluster, tmp_path):
    def cell(function: str, number: int) -> Cell:
        return Cell(f"work:{function}", {"number": number, "place": str(tmp_path / f"{function}{number}")})

    cells = [
        cell("killed", 9),
        cell("wrong", 8),
        cell("killed_once", 7),
        *(cell("double", n) for n in range(6)),
    ]
    cache = Cache(tmp_path / "cells")
    seen = []
    results, failures = run_cells(cells, cache, 2, "ray", lambda *state: seen.append(state))
    assert [None if one is None else int(one["number"]) for one in results] == [
        None,
        None,
        14,
        0,
        2,
        4,
        6,
        8,
        10,
    ]
    reasons = {failure.cell.function: failure.reason for failure in failures}
    assert "died 3 times" in reasons["work:killed"]
    assert "no luck with 8" in reasons["work:wrong"]
    assert seen[-1] == (9, 9)
    assert work.called(cells[0].arguments["place"]) == 3
    run_cells(cells[3:], cache, 2, "ray")
    assert all(work.called(one.arguments["place"]) == 1 for one in cells[3:])


def test_a_sweep_gives_the_same_table_as_in_one_process(cluster, tmp_path):
    from conet.cells.sweep import Sweep, sweep

    definition = Sweep(preset="smoke", seeds=2, grid={"learner.rollouts": [2, 4]}, cells=({"steps": 20},))
    here = sweep(definition, tmp_path / "here")
    there = sweep(definition, tmp_path / "there", jobs=2, backend="ray")
    assert there.table.equals(here.table)
    assert not there.failures
