"""The league on the walking transformer: its cell, whose figures are recomputed here, and its tables."""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.neural
pytest.importorskip("torch")

VERIFICATION = Path(__file__).parents[1] / "verification"
SMALL = {
    "steps": 2,
    "graph.nodes": 20,
    "graph.degree": 4,
    "problems.count": 5,
    "problems.max_length": 5,
    "policy.width": 8,
    "policy.pretraining_steps": 100,
    "learner.rollouts": 8,
}


@pytest.fixture
def league(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [str(VERIFICATION), *sys.path])
    import walking_league

    return walking_league


def test_all_rules_on_small_graphs(league: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {
        rule: tuple(one | SMALL for one in league.RULES[rule][:2]) for rule in ("RLVR", "entropy, controlled")
    }
    monkeypatch.setattr(league, "RULES", few)
    given = argparse.Namespace(cache=tmp_path, jobs=1, seeds=2, tuning_seeds=1)
    chosen = league.tuned(given)
    assert chosen["RLVR"]["learner.learning_rate"] in league.RATES
    rows = league.seeds_of(chosen, given)
    assert [set(row) for row in rows] == [{*few, "interference"}] * 2
    for row in rows:
        assert 0 <= row["RLVR"]["pass@1"] <= row["RLVR"]["pass@64"] <= 1
        assert row["interference"]["start"]["problems"] <= 5
    text = league.page(rows, chosen, 1)
    assert "*What was run*: 2 seeds, 1 tuning seeds" in text
    assert "undecided" in text
    assert f"`learner.learning_rate={chosen['RLVR']['learner.learning_rate']}`" in text


def test_gradients_of_problems_add_up_to_that_of_all(league: Any) -> None:
    import neural_cells

    from conet.cells.training import start
    from conet.engine.sample import EVALUATE

    trainer = start("neural", 0, {**SMALL, "snapshots.steps": [], "snapshots.web_every": 0})
    products = neural_cells.products(trainer)
    walks = trainer.sample(64, EVALUATE)
    weights = (walks.rewards - walks.rewards.mean(axis=1, keepdims=True)).ravel() / 64
    whole = trainer.policy.ascent(walks, weights).values
    assert products.shape == (5, 5)
    assert np.sum(products) == pytest.approx(float(whole @ whole), rel=1e-4)
