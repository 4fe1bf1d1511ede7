"""Eighteen small logs that were once read or judged wrongly, F01 to F18, each with what is right for it.

They are drawn here in the shapes in which they were met; the other tests of readers and findings go further.
"""

import gzip
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from trouble import curve, run, saved

import conet
from conet.base.errors import ConetError
from conet.cli import main
from conet.diagnosis import Urgency
from conet.diagnosis.text import described
from conet.rollouts import RolloutRecord

STEPS, PROBLEMS, SAMPLES = 12, 4, 4
PLAIN = ["step", "prompt", "completion", "reward"]


def small(**options: object) -> pl.DataFrame:
    """A dozen steps of four problems, in which nothing happens; one reward, as ``reward``."""
    drawn = run(np.full(STEPS, 0.4), problems=PROBLEMS, samples=SAMPLES, length=60.0, **options)
    return drawn.with_columns(reward=pl.col("correct"))


def lines(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def by_step(rows: pl.DataFrame, folder: Path, name: str) -> Path:
    """Write a file a step, called by a pattern of its number."""
    for (step,), part in rows.group_by("step", maintain_order=True):
        lines(folder / name.format(step), part.to_dicts())
    return folder


def whole(record: RolloutRecord, problems: int = PROBLEMS, steps: int = STEPS) -> bool:
    """Whether every rollout was read, of as many problems and steps as there are."""
    main_rows = record.rows.filter(pl.col("split") == record.main_split)
    seen = main_rows["step"].n_unique(), main_rows["problem"].n_unique(), main_rows.height
    return seen == (steps, problems, steps * problems * SAMPLES)


def test_f01_a_crash_has_collapsed_and_is_never_heated(tmp_path):
    accuracy = curve((1, 0.2), (15, 0.7), (25, 0.75), (31, 0), (40, 0))
    found = conet.diagnose(saved(run(accuracy).drop("finish_reason"), tmp_path))
    assert found.findings["stage"] == "collapsed"
    assert 25 <= found.findings["stage_step"] <= 28
    assert (found.findings["forgotten"], found.findings["learned"]) == (8, 0)
    assert found.findings["heat_now"] is False
    assert found.headlines[0].name == "stage"


def test_f02_one_epoch_tells_nothing_of_single_problems(tmp_path):
    found = conet.diagnose(saved(small(once=True).select(PLAIN), tmp_path))
    assert [found.findings[name] for name in ("learned", "forgotten", "dead")] == [None] * 3
    assert "seen once" in found.notes["v_within"]
    assert "Each prompt was seen once (one epoch)" in described(found, "-")


def test_f03_heat_with_two_rewards_of_trl_writes_messages(tmp_path):
    rows = small().with_columns(
        prompt=pl.format("system\nThink first.\nuser\n{}\nassistant\n", "prompt"),
        accuracy_reward=pl.col("reward"),
        format_reward=pl.lit(1.0),
        advantage=pl.lit(0.0),
    )
    folder = tmp_path / "out/completions"
    folder.mkdir(parents=True)
    for (step,), part in rows.group_by("step", maintain_order=True):
        wanted = ["step", "prompt", "completion", "accuracy_reward", "format_reward", "advantage"]
        part.select(wanted).write_parquet(folder / f"completions_{step:05d}.parquet")
    mapping = ["--map", "correct=accuracy_reward>=1", "--max-accuracy", "0.9"]
    main(["heat", str(tmp_path / "out"), *mapping, "--out", str(tmp_path / "heat.jsonl")])
    written = [json.loads(line) for line in (tmp_path / "heat.jsonl").read_text().splitlines()]
    assert written
    assert all(
        [one["role"] for one in line["messages"]] == ["system", "user", "assistant"] for line in written
    )
    assert not any("assistant\n" in part["content"] for line in written for part in line["messages"])


def test_f04_two_seeds_are_refused_by_name(tmp_path):
    for seed in (0, 1):
        lines(tmp_path / f"seed{seed}.jsonl", small(seed=seed).select(PLAIN).to_dicts())
    with pytest.raises(ConetError, match=r"seed0\.jsonl, seed1\.jsonl.*--pool"):
        conet.read(tmp_path)


def test_f05_the_later_copy_of_a_resumed_step_counts(tmp_path):
    first, later = (small(seed=seed).select(PLAIN) for seed in (0, 1))
    both = [first.filter(pl.col("step") <= 8), later.filter(pl.col("step") > 5)]
    record = conet.read(saved(pl.concat(both), tmp_path))
    assert whole(record)
    kept = record.rows.filter(pl.col("step") == 7)["reward"].sum()
    assert kept == later.filter(pl.col("step") == 7)["reward"].sum()
    assert any("abandoned branch" in remark and remark.endswith(": 3") for remark in record.remarks)


def verl(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select("step", input="prompt", output="completion", gts="ground_truth", score="reward")


def test_f06_the_turns_of_a_rollout_of_verl_are_one(tmp_path):
    for (step,), part in small().group_by("step", maintain_order=True):
        for place, row in enumerate(verl(part).to_dicts()):
            uid = f"{step}-{place // SAMPLES}_{place % SAMPLES}"
            before = row["input"] + " The tool says no."
            turns = [row | {"input": before, "score": 0.0, "uid": f"{uid}_0"}, row | {"uid": f"{uid}_1"}]
            lines(tmp_path / f"{step}.jsonl", turns)
    assert whole(conet.read(tmp_path))


def test_f07_prompts_with_images_are_told_apart_by_the_gold_answer(tmp_path):
    rows = verl(small()).with_columns(input=pl.lit("user\n<image>How many?\nassistant\n"))
    assert whole(conet.read(by_step(rows, tmp_path, "{}.jsonl")))


def test_f08_what_a_tool_returns_is_no_length_of_the_answer(tmp_path):
    for row in small().to_dicts():
        tool = "result " * 5 * row["step"]
        said = [("assistant", "so " * 30), ("tool", tool), ("assistant", "done")]
        turns = [{"role": role, "content": content} for role, content in said]
        kept = {name: row[name] for name in ("step", "prompt", "reward")}
        lines(tmp_path / "rollouts.jsonl", [kept | {"completion": turns}])
    record = conet.read(tmp_path / "rollouts.jsonl")
    assert whole(record)
    assert record.rows["length"].n_unique() == 1


def test_f09_a_list_of_tokens_is_as_long_as_it_has_tokens(tmp_path):
    rows = [
        {name: row[name] for name in ("step", "prompt", "reward")}
        | {"response_tokens": list(range(row["response_length"]))}
        for row in small().to_dicts()
    ]
    record = conet.read(lines(tmp_path / "rollouts.jsonl", rows))
    assert whole(record)
    assert record.rows["length"].to_list() == [len(row["response_tokens"]) for row in rows]


def test_f10_a_compressed_file_is_read(tmp_path):
    text = saved(small().select(PLAIN), tmp_path).read_bytes()
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed/rollouts.jsonl.gz").write_bytes(gzip.compress(text))
    assert whole(conet.read(tmp_path / "packed"))


@pytest.mark.parametrize("name", ["step_{}/rollouts.jsonl", "rollouts_step{}.jsonl"])
def test_f11_the_step_stands_in_the_name_of_a_folder_or_a_file(name, tmp_path):
    rows = small().select(PLAIN)
    for (step,), part in rows.group_by("step", maintain_order=True):
        lines(tmp_path / name.format(step), part.drop("step").to_dicts())
    assert whole(conet.read(tmp_path))


def test_f12_that_every_answer_is_cut_off_comes_first(tmp_path):
    cut = (np.arange(1, 25) >= 10).astype(float)
    found = conet.diagnose(saved(run(np.full(24, 0.4), length=300 + 3700 * cut, truncated=cut), tmp_path))
    assert found.headlines[0].text == "Every answer is cut off by the length limit since step 10."


def test_f13_a_reward_against_correct_comes_first(tmp_path):
    rows = run(curve((1, 0.5), (40, 0.1)), reward=curve((1, 0.2), (40, 0.9)))
    found = conet.diagnose(saved(rows, tmp_path))
    assert found.headlines[0].name == "reward against correct"
    assert found.headlines[0].urgency == Urgency.EMERGENCY
    assert found.findings["stage"] in ("falling", "collapsed")
    assert found.findings["stage_step"] <= 12
    assert found.findings["heat_now"] is False


def test_f14_columns_of_ms_swift(tmp_path):
    for (step,), part in small().group_by("step", maintain_order=True):
        names = {"prompt": "prompt", "completion": "completion", "reward": "MathAccuracy"}
        columns = {new: part[old].to_list() for old, new in names.items()}
        lines(tmp_path / "completions.jsonl", [{"step": [str(step)] * part.height} | columns])
    assert whole(conet.read(tmp_path))


def test_f15_a_file_about_the_run_that_is_sorted_first_ends_nothing(tmp_path):
    lines(tmp_path / "run_metadata.jsonl", [{"run_name": "r", "git_commit": "c", "model_name": "m"}])
    rows = small().with_columns(reward=10 * pl.col("reward"))
    kept = rows.select("step", "prompt", "reward", "finish_reason").to_dicts()
    lines(tmp_path / "run_rollouts_000000.jsonl", kept)
    record = conet.read(tmp_path)
    assert whole(record)
    assert record.rows["correct"].sum() == rows["correct"].sum()


def test_f16_messages_alone(tmp_path):
    for row in small().to_dicts():
        asked = (
            {"role": "user", "content": row["prompt"]},
            {"role": "assistant", "content": row["completion"]},
        )
        kept = {"step": row["step"], "messages": list(asked), "reward": row["reward"]}
        lines(tmp_path / "rollouts.jsonl", [kept])
    assert whole(conet.read(tmp_path))


def test_f17_one_reward_a_task_and_none_elsewhere(tmp_path):
    for row in small().to_dicts():
        maths = len(row["prompt"]) % 2 == 0 or row["prompt"] < "What is 2"
        paid = {
            "math_reward": row["reward"] if maths else None,
            "code_reward": None if maths else row["reward"],
        }
        lines(tmp_path / "rollouts.jsonl", [{name: row[name] for name in PLAIN[:3]} | paid])
    record = conet.read(tmp_path)
    assert whole(record)
    assert record.rows["correct"].null_count() == 0


def test_f18_of_partial_credit_the_mean_reward_is_diagnosed(tmp_path):
    rng = np.random.default_rng(0)
    level = np.repeat(np.linspace(0.2, 0.7, 24), 64)
    rows = run(np.full(24, 0.5)).select(PLAIN[:3])
    rows = rows.with_columns(reward=np.clip(level + rng.normal(0, 0.1, rows.height), 0, 1).round(3))
    found = conet.diagnose(saved(rows, tmp_path))
    assert found.findings["accuracy"] is None
    assert found.findings["stage"] == "fast"
    assert "mean reward" in found.headlines[0].text
    above = conet.diagnose(tmp_path / "rollouts.jsonl", correct_above=0.5)
    assert above.findings["accuracy"]["end"] > above.findings["accuracy"]["start"]
