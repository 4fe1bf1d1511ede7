"""What the league of language models measures: interference by hand, its gradients, and one cell end to end."""

import argparse
import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.llm
torch = pytest.importorskip("torch")
pytest.importorskip("trl")

os.environ["HF_HUB_OFFLINE"] = "1"

ROOT = Path(__file__).parents[1]
SMALL = ["warmup.steps=3", "warmup.batch=8", "problems.load=0.1"]
SMALL += ["training.per_device_train_batch_size=24", "training.num_generations=4"]


@pytest.fixture(scope="module")
def league() -> Any:
    spec = importlib.util.spec_from_file_location("llm_league", ROOT / "verification/llm_league.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.set_num_threads(1)
    return module


def test_interference_by_hand(league: Any) -> None:
    alike, apart = np.array([[1.0, 0.0], [2.0, 0.0]]), np.array([[3.0, 0.0], [0.0, 4.0]])
    opposed = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
    found = [league.interference(league.products_of(rows)) for rows in (alike, apart, opposed, opposed[:1])]
    assert [one["cancelled"] for one in found[:3]] == pytest.approx([0.0, 1 - 5 / 7, 1.0])
    assert found[1]["by_chance"] == found[1]["cancelled"]  # orthogonal ones are as chance has them
    assert [one["opposed"] for one in found[:3]] == [0.0, 0.0, 1.0]
    assert [one["problems"] for one in found] == [2, 2, 2, 1]
    assert np.isnan(found[3]["cancelled"])


def test_the_likelihood_is_the_models_own(league: Any) -> None:
    from conet.llm import models
    from conet.runs import recipe

    model, tokenizer = models.load(recipe.load("routes").model, 0)
    asked, drawn = [5, 63, 7], [[8, 9, tokenizer.eos_token_id], [10]]
    found = league.likelihood(model, *league.padded(asked, drawn, tokenizer.pad_token_id), len(asked))
    for row, tokens in enumerate(drawn):
        logs = model(torch.tensor([[*asked, *tokens]])).logits[0].log_softmax(-1)
        by_hand = [logs[2 + place, token] for place, token in enumerate(tokens)]
        assert float(found[row]) == pytest.approx(float(sum(by_hand)) / len(tokens), rel=1e-4)


def test_a_cell_is_trained_once_and_a_seed_measured(league: Any, tmp_path: Path) -> None:
    given = argparse.Namespace(out=tmp_path, updates=2, set=SMALL, tuning_seeds=1)
    rules = {rule: league.RULES[rule][0] for rule in ("RLVR", "entropy, controlled")}
    found = league.run_seed("routes", 0, rules, given)
    place = tmp_path / "routes/seed-0"
    assert set(found) == {*rules, "interference"}
    assert set(found["interference"]) == set(league.STAGES)
    for rule in rules:
        kept = json.loads((place / f"{league.slug(rule)}.json").read_text())
        assert 0 <= kept["pass@1"] <= kept["pass@64"] <= 1
    before = {file: file.stat().st_mtime_ns for file in place.rglob("*.json")}
    assert str(league.run_seed("routes", 0, rules, given)) == str(found)
    assert {file: file.stat().st_mtime_ns for file in place.rglob("*.json")} == before
    text = league.page({"routes": [found]}, given)
    assert "| entropy, controlled | " in text
    assert "(1) controlled less RLVR on routes" in text
    old = f"before\n\n{league.MARK}\n\nold\n\n{league.END}\nafter\n"
    page = league.between(old, league.MARK, league.END, text)
    assert page.startswith("before\n")
    assert page.endswith(f"{league.END}\nafter\n")
    assert "old" not in page
