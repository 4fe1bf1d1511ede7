"""Numbered parts of one run, and files of several runs, told apart by names and steps."""

import numpy as np
import polars as pl
import pytest

import conet
from conet.base.errors import ConetError


def part(first: int, last: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    steps = np.repeat(np.arange(first, last + 1), 16)
    return pl.DataFrame(
        {
            "step": steps,
            "prompt": [f"p{place % 4}" for place in range(len(steps))],
            "completion": [f"{seed} {place}" for place in range(len(steps))],
            "correct": (rng.random(len(steps)) < 0.4).astype(int),
        }
    )


@pytest.mark.parametrize(
    ("names", "spans", "steps"),
    [
        (["log_1.jsonl", "log_2.jsonl"], [(1, 25), (21, 23)], 23),
        (["log_1.jsonl", "log_2.jsonl"], [(1, 25), (6, 30)], 30),
        (["log_1.jsonl", "log_2.jsonl", "log_3.jsonl"], [(1, 25), (21, 23), (21, 40)], 40),
        (["log_1.jsonl", "log_2.jsonl", "log_3.jsonl"], [(1, 25), (21, 28), (23, 40)], 40),
        (["log.jsonl", "log_resumed.jsonl"], [(1, 25), (6, 30)], 30),
        (["try_1/log.jsonl", "try_2/log.jsonl"], [(1, 25), (6, 30)], 30),
    ],
)
def test_numbered_parts_of_a_resumed_run_go_on_where_one_was_left(names, spans, steps, tmp_path):
    for seed, (name, span) in enumerate(zip(names, spans)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        part(*span, seed).write_ndjson(tmp_path / name)
    record = conet.read(tmp_path)
    assert record.rows["step"].n_unique() == steps
    assert record.rows.height == 16 * steps  # each step once
    assert any("abandoned branch" in remark for remark in record.remarks)


@pytest.mark.parametrize(
    ("names", "spans"),
    [
        (["log_1.jsonl", "log_2.jsonl"], [(1, 20), (1, 25)]),  # both from the start
        (["seed_1.jsonl", "seed_2.jsonl"], [(1, 25), (6, 30)]),
        (["a.jsonl", "b.jsonl"], [(1, 25), (6, 30)]),
    ],
)
def test_what_does_not_go_on_is_several_runs(names, spans, tmp_path):
    for seed, (name, span) in enumerate(zip(names, spans)):
        part(*span, seed).write_ndjson(tmp_path / name)
    with pytest.raises(ConetError, match="several runs"):
        conet.read(tmp_path)


def test_without_a_total_the_reward_is_the_sum_of_its_parts(tmp_path):
    """As TRL adds them up, with weights of 1; it logs the parts alone."""
    folder = tmp_path / "completions"
    folder.mkdir()
    for step in range(1, 13):
        rows = {"step": step, "prompt": ["p", "p", "q", "q"], "completion": list("abcd")}
        rewards = {"accuracy_reward": [1.0, 0.0, 1.0, 0.0], "format_reward": [0.5, 0.5, 0.5, None]}
        table = pl.DataFrame(rows | rewards | {"advantage": [0.1, -0.1, 0.1, -0.1]})
        table.write_parquet(folder / f"completions_{step:05d}.parquet")
    record = conet.read(tmp_path)
    assert record.rows["reward"].to_list()[:4] == [1.5, 0.5, 1.5, 0.0]
    assert record.rows["correct"].to_list()[:4] == [True, False, True, False]
    assert "accuracy_reward, format_reward, each with weight 1" in record.sources["reward"]
    assert conet.diagnose(tmp_path).findings["mean_reward"] == {"start": 0.875, "end": 0.875}


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([1e13, 1e13 + 1], "rows whose step is beyond 2,147,483,647, as a time would be: 2"),
        ([1.5, 2.5], "rows whose step is no whole number: 2"),
        ([None, None], "rows without a step: 2"),
    ],
)
def test_a_step_that_is_none_says_why(steps, why, tmp_path):
    rows = pl.DataFrame({"step": steps, "prompt": "p", "completion": "c", "correct": [0, 1]})
    rows.write_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ConetError, match=why):
        conet.read(tmp_path)
