"""The same rollouts as walks, as a language model's and as a log have the same counts everywhere."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import conet
from conet.base.files import write_table
from conet.engine.sample import Walks
from conet.llm.record import as_table, metrics_row
from conet.rollouts import (
    RolloutRecord,
    count_walks,
    from_walks,
    is_group,
    per_problem,
    per_step,
    unfold,
    without_signal,
)
from conet.rollouts.pool import Pool, Rollout
from conet.rollouts.pool import counted as for_detector
from conet.rollouts.selection import hard_problems, left_out, recent
from conet.runs.demonstrations import demonstrations

LONGEST = 6
COUNTED = ["samples", "correct_count", "correct_length_sum", "truncated_count", "truncation_known"]


@st.composite
def sampled(draw: st.DrawFn) -> list[tuple[int, Walks]]:
    """Walks of some steps: which problems were drawn, how long each walk was, and whether it arrived."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rollouts = draw(st.integers(1, 5))
    steps = []
    for step in sorted(draw(st.sets(st.integers(0, 50), min_size=1, max_size=5))):
        problems = rng.permutation(8)[: draw(st.integers(1, 8))].astype(np.int32)
        count = len(problems) * rollouts
        length = rng.integers(1, LONGEST + 1, count).astype(np.int32)
        edges = np.zeros((count, LONGEST), np.int32)
        starts = np.zeros(count, np.int32)
        walks = Walks(
            problems=problems,
            starts=starts,
            edges=edges,
            length=length,
            correct=rng.random(count) < 0.4,
            rollouts=rollouts,
        )
        steps.append((step, walks))
    return steps


def completions(walks: Walks) -> list[Rollout]:
    """The walks as completions of a language model: a token a hop."""
    cut_off = ~walks.correct & (walks.length >= LONGEST)
    rows = zip(walks.problem.tolist(), walks.correct.tolist(), walks.length.tolist(), cut_off.tolist())
    return [
        Rollout(problem, float(correct), list(range(length)), "x" * length, cut)
        for problem, correct, length, cut in rows
    ]


def rows(steps: list[tuple[int, Walks]]) -> pl.DataFrame:
    return from_walks([(step, "train", "rlvr", walks) for step, walks in steps])


def language_model(steps: list[tuple[int, Walks]], run: Path) -> pl.DataFrame:
    table = pl.concat([as_table(step, completions(walks), text=True) for step, walks in steps])
    (run / "rollouts").mkdir(parents=True)
    write_table(run / "rollouts/part-00000000.parquet", table)
    return table


def written(table: pl.DataFrame, path: Path) -> Path:
    """The rollouts as a trainer that calls its columns otherwise would log them."""
    log = table.select(
        global_step="step",
        question=pl.format("problem {}", "problem"),
        score=pl.col("reward"),
        response_length="length",
        is_truncated="truncated",
    )
    if path.suffix == ".parquet":
        log.write_parquet(path)
    elif path.suffix == ".csv":
        log.write_csv(path)
    else:
        log.write_ndjson(path)
    return path


def counted(record: RolloutRecord) -> pl.DataFrame:
    """Counts of a record, its problems called by their numbers in the walks."""
    numbers = [int(name.removeprefix("problem ")) for name in record.names]
    table = record.per_problem()
    return table.with_columns(
        problem=pl.Series([numbers[problem] for problem in table["problem"]], dtype=pl.Int32)
    ).sort("step", "problem")


@settings(max_examples=40, deadline=None)
@given(sampled())
def test_walks_language_models_and_logs_count_alike(tmp_path_factory, steps):
    place = tmp_path_factory.mktemp("rollouts")
    table = rows(steps)
    expected = per_problem(table).select("step", "problem", *COUNTED)
    model = language_model(steps, place / "model")
    assert model.drop("text").equals(table)
    assert per_problem(model).select(expected.columns).equals(expected)
    for name in ("log.jsonl", "log.csv", "log.parquet"):
        found = counted(conet.read(written(table, place / name)))
        assert found.select(expected.columns).equals(expected), name
    (place / "walks" / "rollouts").mkdir(parents=True)
    write_table(place / "walks" / "rollouts" / "part-00000000.parquet", table)
    for run in ("walks", "model"):
        assert counted(conet.read(place / run)).select(expected.columns).equals(expected), run


@settings(max_examples=60, deadline=None)
@given(sampled())
def test_counts_without_a_table_are_those_of_the_table(steps):
    table = per_problem(rows(steps))
    for step, walks in steps:
        counts, expected = count_walks(walks), table.filter(pl.col("step") == step)
        order = np.argsort(walks.problems)
        assert walks.problems[order].tolist() == expected["problem"].to_list()
        for name, values in counts._asdict().items():
            assert values[order].tolist() == expected[name].to_list(), name


@settings(max_examples=60, deadline=None)
@given(sampled())
def test_metrics_of_a_language_model_are_the_sums_of_its_counts(steps):
    table = per_problem(rows(steps))
    for step, walks in steps:
        row = metrics_row(step, "rlvr", completions(walks))
        here = table.filter(pl.col("step") == step)
        samples, correct = here["samples"].sum(), here["correct_count"].sum()
        assert (row["correct_count"], row["correct_length_sum"]) == (
            correct,
            here["correct_length_sum"].sum(),
        )
        assert row["accuracy"] == correct / samples
        *counts, asked = for_detector(completions(walks))
        assert counts == [row["correct_length_sum"], correct, samples]
        assert asked == walks.problem.tolist()
        assert row["truncated_share"] == here["truncated_count"].sum() / samples
        silent = (here["correct_count"] == 0) | (here["correct_count"] == here["samples"])
        expected = silent.filter(here["samples"] >= 2)
        assert row["groups_without_signal"] == expected.mean()  # None where there is no group


@pytest.mark.parametrize(("samples", "expected"), [(4, 1.0), (1, None)])
def test_groups_without_signal_are_told_by_what_is_correct(samples, expected, tmp_path):
    """Answers that are all right are a group without signal, however their rewards differ."""
    rng = np.random.default_rng(0)
    table = pl.DataFrame(
        [
            {"step": step, "prompt": f"q{problem}", "correct": problem < 6, "reward": rng.random()}
            for step in range(20)
            for problem in range(12)
            for _ in range(samples)
        ]
    )
    table.write_ndjson(tmp_path / "log.jsonl")
    run, found = conet.Run(tmp_path / "log.jsonl"), conet.diagnose(tmp_path / "log.jsonl")
    assert run.metrics()["groups_without_signal"].unique().to_list() == [expected]
    assert found.findings["groups_without_signal"]["all"] == expected


@settings(max_examples=30, deadline=None)
@given(sampled())
def test_metrics_of_walks_and_of_language_models_are_one_aggregation(steps):
    table = per_step(per_problem(rows(steps)))
    for (step, walks), expected in zip(steps, table.iter_rows(named=True)):
        counts = count_walks(walks)
        silent, groups = without_signal(counts.correct_count, counts.samples), is_group(counts.samples)
        assert step == expected["step"]
        assert expected["groups"] == groups.sum()
        assert expected["groups_without_signal"] == (silent.mean() if groups.any() else None)


def test_a_log_without_training_has_one_main_split(tmp_path):
    """A harvest before evaluations: run and diagnosis look at the same split, whichever rows come first."""
    table = pl.DataFrame(
        [
            {
                "step": step,
                "prompt": f"q{problem}",
                "correct": (problem + sample) % 2,
                "length": 5,
                "split": "harvest" if step < 5 else "eval",
            }
            for step in range(30)
            for problem in range(6)
            for sample in range(2)
        ]
    )
    table.write_parquet(tmp_path / "log.parquet")
    steps = conet.Run(tmp_path / "log.parquet").metrics()["step"].to_list()
    assert steps == conet.diagnose(tmp_path / "log.parquet").steps["step"].to_list() == list(range(5, 30))


@settings(max_examples=60, deadline=None)
@given(sampled(), st.sampled_from([None, 60]))
def test_unfolded_counts_are_those_of_the_table(steps, rows_in_all):
    table = per_problem(rows(steps))
    found = unfold(table, rows_in_all, 8)
    assert found.problems == 8
    assert found.samples.sum() == table["samples"].sum()
    for row in table.iter_rows(named=True):
        place = found.steps.tolist().index(row["step"]), row["problem"]
        for name in ("samples", "correct_count", "correct_length_sum"):
            assert getattr(found, name)[place] == row[name]
    if rows_in_all:
        assert found.steps.tolist() == list(range(rows_in_all))


@settings(max_examples=60, deadline=None)
@given(sampled(), st.sampled_from([0.2, 0.5, 1.0]), st.integers(1, 6), st.integers(1, 60))
def test_walks_pool_and_log_choose_the_same_hard_problems(steps, max_accuracy, min_samples, window):
    last = steps[-1][0]
    pool = Pool(window)
    for step, walks in steps:
        pool.add(step, completions(walks))
    chosen = pool.demonstrations(max_accuracy, min_samples, "shortest")
    visits = recent(per_problem(rows(steps)), min_samples, window)
    assert visits["step"].min() > last - window
    totals = visits.group_by("problem").agg(pl.col("samples", "correct_count").sum()).sort("problem")
    counts = totals["correct_count"].to_numpy(), totals["samples"].to_numpy()
    hard = hard_problems(*counts, max_accuracy, min_samples)
    assert [item.problem for item in chosen] == totals["problem"].to_numpy()[hard].tolist()
    assert [item.correct_count for item in chosen] == counts[0][hard].tolist()
    reasons = left_out(*counts, max_accuracy, min_samples)
    assert len(hard) + sum(reasons.values()) == totals.height
    _, walks = steps[-1]
    taught = demonstrations(walks, max_accuracy, "shortest", 0, min_samples)
    alone = count_walks(walks)
    of_walks = hard_problems(alone.correct_count, alone.samples, max_accuracy, min_samples)
    assert taught.problem.tolist() == walks.problems[of_walks].tolist()


def test_newest_visits_are_as_few_as_hold_enough_samples():
    visits = pl.DataFrame(
        {
            "step": [1, 1, 2, 3, 3],
            "problem": [0, 1, 0, 0, 1],
            "samples": [8, 8, 8, 8, 2],
            "correct_count": [1, 1, 1, 1, 1],
        }
    )
    found = recent(visits, 10)
    assert found.select("step", "problem").rows() == [(1, 1), (2, 0), (3, 0), (3, 1)]
    assert recent(visits, 8).select("step", "problem").rows() == [(1, 1), (3, 0), (3, 1)]
    assert recent(visits, 10, window=1)["step"].to_list() == [3, 3]


def test_problems_keep_their_numbers_from_the_file_to_the_diagnosis(tmp_path):
    """Problems of the training come first, whatever is read before them."""
    table = pl.DataFrame(
        {
            "step": [0, 0, 1, 1, 2, 2],
            "prompt": ["v", "b", "a", "b", "v", "c"],
            "correct": [1, 0, 1, 1, 0, 0],
            "split": ["eval", "train", "train", "train", "eval", "train"],
        }
    )
    table.write_ndjson(tmp_path / "rows.jsonl")
    record = conet.read(tmp_path / "rows.jsonl")
    assert record.names == ["b", "a", "c", "v"]
    assert [record.names[problem] for problem in record.rows["problem"]] == table["prompt"].to_list()
    found = conet.diagnose(record)
    assert found.findings["problems"] == found.log.visits.problems == 3
    assert set(found.problems["problem"]) == {"a", "b", "c"}
    assert record.per_problem("eval")["problem"].unique().to_list() == [3]


def test_a_record_says_what_it_is(tmp_path):
    pl.DataFrame({"step": [0, 1, 1], "prompt": ["a", "a", "b"], "correct": [1, 0, 1]}).write_csv(
        tmp_path / "x.csv"
    )
    record = conet.read(tmp_path / "x.csv")
    assert "format='table', 3 rollouts of 2 problems at 2 steps" in repr(record)
    assert not record.has_lengths
    assert record.per_problem().rows()[0][:4] == (0, 0, 1, 1)
    with pytest.raises(conet.ConetError, match="without completions"):
        record.texts(record.rows)
