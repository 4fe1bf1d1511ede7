"""Every trainer's rollouts: read as what they are, wherever they lie."""

import gzip
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import trainer_logs as logs
from logs import said

import conet
from conet.base.errors import ConetError
from conet.diagnosis.text import described
from conet.readers import READERS
from conet.readers.branches import REPLACED

TOKENS = "tokens"  # the length is known in tokens
Writer = Callable[[Path], None]
TRAINING: dict[str, tuple[Writer, str, bool]] = {
    "nemo-rl": (logs.nemo_rl, "nemo-rl", True),
    "prime-rl": (logs.prime_rl, "prime-rl", True),
    "open-instruct": (logs.open_instruct, "open-instruct", True),
    "areal": (logs.areal, "areal", True),
    "roll": (logs.roll, "columns", False),
    "ms-swift": (logs.ms_swift, "columns", False),
    "ms-swift under Ray": (logs.ms_swift_ray, "table", False),
    "art": (logs.art, "art", False),
    "art, Parquet": (logs.art_parquet, "art", False),
    "rllm": (logs.rllm, "rllm", False),
    "wandb tables": (logs.wandb_tables, "wandb-tables", False),
    "tinker-cookbook": (logs.tinker, "tinker-cookbook", True),
    "atropos": (logs.atropos, "atropos", True),
}
EVALUATIONS: dict[str, tuple[Writer, str, bool]] = {
    "verifiers": (logs.verifiers, "verifiers", True),
    "inspect": (logs.inspect_logs, "inspect", True),
    "inspect, archive": (logs.inspect_archive, "inspect", True),
    "inspect, samples in chunks": (logs.inspect_chunks, "inspect", True),
    "lm-eval": (logs.lm_eval, "lm-eval", False),
}


def expected(last: bool = False) -> pl.DataFrame:
    """What there is to be read, one row a step and problem, in the order of problems."""
    places = [place for place in logs.runs() if not last or place[0] == 4]
    rows = pl.DataFrame(
        {
            "step": [place[0] for place in places],
            "problem": [place[1] for place in places],
            "correct": [logs.correct(*place) for place in places],
            "length": [logs.tokens(*place) for place in places],
        }
    )
    return counted(rows)


def counted(rows: pl.DataFrame) -> pl.DataFrame:
    return (
        rows.group_by("step", "problem")
        .agg(pl.len(), pl.col("correct").sum().cast(pl.Int64), pl.col("length").sum().cast(pl.Int64))
        .sort("step", "problem")
    )


@pytest.mark.parametrize("deep", ["", "a/.hidden"], ids=["near", "deep"])
@pytest.mark.parametrize("name", TRAINING)
def test_rollouts_of_every_trainer(name: str, deep: str, tmp_path: Path) -> None:
    write, reader, in_tokens = TRAINING[name]
    write(tmp_path / deep)
    record = conet.read(tmp_path)
    rows = record.rows.filter(record.rows["split"] == "train")
    assert record.format == reader
    assert (rows.height, record.skipped_files) == (48, {})
    if name == "atropos":  # whose groups have no steps
        assert rows["step"].n_unique() == 12
        rows = rows.with_columns(step=rows["step"] // 3 + 1)
    if name == "tinker-cookbook":  # whose problems are new in every batch
        assert rows["problem"].n_unique() == 12
        rows = rows.with_columns(problem=rows["problem"] % 3)
    found, wanted = counted(rows), expected()
    assert found.drop("length").rows() == wanted.drop("length").rows()
    if in_tokens:
        assert found["length"].to_list() == wanted["length"].to_list()


@pytest.mark.parametrize("name", EVALUATIONS)
def test_evaluations_alone_are_diagnosed_and_it_is_said(name: str, tmp_path: Path) -> None:
    write, reader, in_tokens = EVALUATIONS[name]
    write(tmp_path)
    record = conet.read(tmp_path)
    assert record.format == reader
    assert record.rows["split"].unique().to_list() == ["eval"]
    assert any("only rollouts of an evaluation" in remark for remark in record.remarks)
    found, wanted = counted(record.rows), expected(last=True)
    assert found.drop("length", "step").rows() == wanted.drop("length", "step").rows()
    assert record.rows["step"].unique().to_list() == [0 if name == "verifiers" else 4]
    if in_tokens:
        assert found["length"].to_list() == wanted["length"].to_list()


def test_evaluations_of_skyrl_have_steps(tmp_path: Path) -> None:
    """Scores are numbers, or lists whose sum counts; what is aggregated beside them is no rollout."""
    logs.skyrl(tmp_path)
    record = conet.read(tmp_path)
    assert record.format == "skyrl"
    assert record.rows["split"].unique().to_list() == ["eval"]
    assert counted(record.rows).drop("length").rows() == expected().drop("length").rows()


@pytest.mark.parametrize("name", ["nemo-rl", "prime-rl"])
def test_evaluations_beside_training_are_kept_apart(name: str, tmp_path: Path) -> None:
    TRAINING[name][0](tmp_path)
    found = conet.diagnose(tmp_path).findings
    assert (found["steps"], found["problems"], found["samples"]) == (4, 3, 48)
    assert (found["validation"]["steps"], found["validation"]["samples"]) == (1, 12)


def test_rewards_of_prime_rl_have_weights(tmp_path: Path) -> None:
    logs.prime_rl(tmp_path)
    record = conet.read(tmp_path)
    assert set(record.rows["reward"].round(2).unique()) == {0.2, 1.2} or np.allclose(
        sorted(record.rows["reward"].unique()), [0.2, 1.2]
    )
    assert record.sources["correct"].startswith("column correct")


def test_slime_is_one_line_without_torch_and_never_plain_pickle(tmp_path: Path) -> None:
    """An archive as torch writes it; what it holds beyond plain data is never run."""
    import importlib.util
    import pickle
    import zipfile

    class Harm:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "harmed",))

    with zipfile.ZipFile(tmp_path / "rollout_0.pt", "w") as archive:
        archive.writestr(
            "rollout_0/data.pkl", pickle.dumps({"rollout_id": 0, "samples": [Harm()]}, protocol=2)
        )
        archive.writestr("rollout_0/version", "3")
    with pytest.raises(ConetError) as error:
        conet.read(tmp_path)
    text = said(error)
    assert not (tmp_path / "harmed").exists()
    there = importlib.util.find_spec("torch") is not None
    assert "more than plain data" in text if there else "pip install torch" in text


@pytest.mark.llm
def test_slime_as_torch_writes_it(tmp_path: Path) -> None:
    import torch

    for step in logs.STEPS:
        torch.save(logs.slime_samples(step), tmp_path / f"rollout_{step}.pt")
    record = conet.read(tmp_path)
    assert record.format == "slime"
    assert counted(record.rows).rows() == expected().rows()
    assert record.rows["truncated"].sum() == 12


def test_the_last_output_of_a_rollout_of_verl_v1_counts(tmp_path: Path) -> None:
    for place in logs.runs():
        step, problem, sample = place
        asked = f"user\n{logs.asked(problem)}\nassistant\n"
        for output in range(3):
            row = {
                "input": asked + "call\ntool\n7\nassistant\n" * output,
                "output": logs.said(*place) if output == 2 else "call",
                "gts": "7",
                "score": float(logs.correct(*place)),
                "step": step,
                "uid": f"00000000-0000-{problem}_{sample}_{output}",
            }
            logs.lines(tmp_path / "rollouts" / f"{step}.jsonl", [row])
    assert conet.read(tmp_path / "rollouts" / "2.jsonl").format == "verl-v1"
    record = conet.read(tmp_path)
    assert record.format == "verl-v1"
    assert record.skipped == {"earlier outputs of a rollout": 96}
    same_as_expected(record)
    assert record.rows["length"].to_list() == [len(logs.said(*place)) for place in logs.runs()]


def test_prompts_of_verl_that_are_alike_are_told_apart_by_gts(tmp_path: Path) -> None:
    for place in logs.runs():
        row = {"input": "Find x.", "output": logs.said(*place), "gts": str(place[1]), "step": place[0]}
        score = {"score": float(logs.correct(*place))}
        logs.lines(tmp_path / f"{place[0]}.jsonl", [row | score])
    record = conet.read(tmp_path)
    same_as_expected(record)
    assert record.names == ["Find x.\n→ 0", "Find x.\n→ 1", "Find x.\n→ 2"]


# Variants that any of them may have ------------------------------------------------------------------------


def table(places=None, **changes) -> list[dict]:
    rows = []
    for place in places or logs.runs():
        row = {
            "step": place[0],
            "prompt": logs.asked(place[1]),
            "completion": logs.said(*place),
            "reward": float(logs.correct(*place)),
        }
        rows.append(dict((row | {k: f(*place) for k, f in changes.items()}).items()))
    return rows


def same_as_expected(record: "conet.RolloutRecord") -> None:
    assert counted(record.rows).drop("length").rows() == expected().drop("length").rows()


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst"])
def test_compressed_lines(suffix: str, tmp_path: Path) -> None:
    data = "".join(json.dumps(row) + "\n" for row in table()).encode()
    path = tmp_path / f"rollouts.jsonl{suffix}"
    if suffix == ".zst":
        import pyarrow as pa

        with pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), "zstd") as file:
            file.write(data)
    else:
        path.write_bytes((gzip if suffix == ".gz" else lzma).compress(data))
    same_as_expected(conet.read(tmp_path))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])  # as while it is written
    try:
        why = str(conet.read(path).skipped_files)
    except ConetError as error:
        why = str(error)
    assert "breaks off" in why


@pytest.mark.parametrize("step", [str, "step_{}".format, "global_step_{}".format, float])
def test_steps_as_texts(step: Callable, tmp_path: Path) -> None:
    logs.lines(tmp_path / "x.jsonl", table(step=lambda at, problem, sample: step(at)))
    same_as_expected(conet.read(tmp_path))


@pytest.mark.parametrize(
    "name",
    [
        "step_{}/rollouts.jsonl",
        "rollouts_step_{}.jsonl",
        "{}/rollouts.jsonl",
        "global_step{}/data.jsonl",
        "iteration-{}/x/r.jsonl",
        "rollouts_{}.jsonl",
        "run_7/step_{}/rank_{}.jsonl",
    ],
)
def test_steps_in_names(name: str, tmp_path: Path) -> None:
    for place in logs.runs():
        (row,) = table([place])
        del row["step"]
        logs.lines(tmp_path / name.format(place[0], place[2]), [row])
    same_as_expected(conet.read(tmp_path))


@pytest.mark.parametrize(
    "name",
    ["{:05d}-of-00004.jsonl", "rollouts_rank{}.jsonl", "worker_{}/r.jsonl", "part-{}.jsonl", "shard{}.jsonl"],
)
def test_parts_of_one_run_are_no_several_runs(name: str, tmp_path: Path) -> None:
    for place in logs.runs():
        logs.lines(tmp_path / name.format(place[2]), table([place]))
    same_as_expected(conet.read(tmp_path))


@pytest.mark.parametrize("names", [("seed0.jsonl", "seed1.jsonl"), ("a/r.jsonl", "b/r.jsonl")])
def test_several_runs_are_refused_by_name_or_pooled(names: tuple[str, str], tmp_path: Path) -> None:
    for mark, name in enumerate(names):
        logs.lines(tmp_path / name, table(completion=lambda *place, mark=mark: f"{logs.said(*place)} {mark}"))
    with pytest.raises(ConetError) as error:
        conet.read(tmp_path)
    assert all(name in said(error) for name in names)
    assert "--pool" in said(error)
    assert conet.read(tmp_path, pool=True).rows.height == 96


def test_a_run_that_was_resumed_in_another_file(tmp_path: Path) -> None:
    first = [place for place in logs.runs() if place[0] <= 3]
    logs.lines(tmp_path / "a.jsonl", table(first, completion=lambda *place: f"{place} abandoned"))
    later = [(step, problem, sample) for step in range(3, 9) for problem in range(3) for sample in range(4)]
    logs.lines(tmp_path / "b.jsonl", table(later, completion=lambda *place: f"{place} kept"))
    record = conet.read(tmp_path)
    assert record.rows.group_by("step").len()["len"].unique().to_list() == [12]
    assert record.skipped == {REPLACED: 12}


def test_a_step_that_goes_on_in_the_next_file_is_whole(tmp_path: Path) -> None:
    rows = table()
    logs.lines(tmp_path / "x_1.jsonl", rows[:18])
    logs.lines(tmp_path / "x_2.jsonl", rows[18:])
    same_as_expected(conet.read(tmp_path))


@pytest.mark.parametrize(
    "name", ["acc", "accuracy_reward", "MathAccuracy", "correctness_reward", "is_correct"]
)
def test_of_several_rewards_the_one_named_correct_is(name: str, tmp_path: Path) -> None:
    rows = [
        {name if key == "reward" else key: value for key, value in row.items()}
        | {"format_reward": 1.0, "len_reward": 0.3}
        for row in table()
    ]
    logs.lines(tmp_path / "x.jsonl", rows)
    record = conet.read(tmp_path)
    assert name in record.sources["correct"]
    same_as_expected(record)


def test_one_reward_a_task_and_none_elsewhere(tmp_path: Path) -> None:
    rows = []
    for place, row in zip(logs.runs(), table()):
        value = row.pop("reward")
        rows.append(
            row | {"math_reward": value if place[1] else None, "code_reward": None if place[1] else value}
        )
    logs.lines(tmp_path / "x.jsonl", rows)
    same_as_expected(conet.read(tmp_path))
    pl.DataFrame(rows).write_parquet(tmp_path / "y.parquet")
    same_as_expected(conet.read(tmp_path / "y.parquet"))


def test_rewards_in_an_object_with_weights(tmp_path: Path) -> None:
    rows = [
        {key: value for key, value in row.items() if key != "reward"}
        | {"rewards": {"accuracy": row["reward"], "format": {"score": 1.0, "weight": 0.5}}}
        for row in table()
    ]
    logs.lines(tmp_path / "x.jsonl", rows)
    record = conet.read(tmp_path)
    same_as_expected(record)
    assert sorted(record.rows["reward"].unique()) == [0.5, 1.5]


def test_a_mask_says_which_tokens_are_the_models_own(tmp_path: Path) -> None:
    mask = {
        "completion_ids": lambda *place: [7] * 9,
        "response_mask": lambda *place: [1, 0, 0] + [1] * place[0],
    }
    logs.lines(tmp_path / "x.jsonl", table(**mask))
    record = conet.read(tmp_path)
    assert record.rows["length"].to_list() == [1 + place[0] for place in logs.runs()]
    pl.DataFrame(table(**mask)).write_parquet(tmp_path / "y.parquet")
    assert conet.read(tmp_path / "y.parquet").rows["length"].to_list() == record.rows["length"].to_list()
    del mask["response_mask"]
    logs.lines(tmp_path / "z" / "x.jsonl", table(**mask))
    assert conet.read(tmp_path / "z").rows["length"].unique().to_list() == [9]


def test_messages_alone(tmp_path: Path) -> None:
    """What tools returned belongs to the completion, and does not count as the model's own words."""
    rows = []
    for place, row in zip(logs.runs(), table()):
        said = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": row["prompt"]},
            {"role": "assistant", "content": "look"},
            {"role": "tool", "content": "x" * 100 * place[0]},
            {"role": "assistant", "content": "done"},
        ]
        rows.append({"step": row["step"], "messages": said, "reward": row["reward"]})
    logs.lines(tmp_path / "x.jsonl", rows)
    record = conet.read(tmp_path)
    same_as_expected(record)
    assert record.rows["length"].unique().to_list() == [len("look\ndone")]


def test_a_role_can_be_unmapped(tmp_path: Path) -> None:
    logs.lines(tmp_path / "x.jsonl", table(length=lambda *place: 7))
    assert conet.read(tmp_path).rows["length"].unique().to_list() == [7]
    record = conet.read(tmp_path, column_mapping="length=")
    assert record.sources["length"] == "characters of column completion"


def test_a_list_of_rows_as_one_document(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text(json.dumps(table(), indent=1))
    same_as_expected(conet.read(tmp_path))


def test_the_one_number_of_one_file_is_no_step(tmp_path: Path) -> None:
    rows = [{key: value for key, value in row.items() if key != "step"} for row in table()]
    logs.lines(tmp_path / "math500.jsonl", rows)
    with pytest.raises(ConetError, match="no step"):
        conet.read(tmp_path)


def test_none_and_nan_are_both_absent(tmp_path: Path) -> None:
    rows = table()
    rows[0]["reward"], rows[1]["reward"] = None, float("nan")
    logs.lines(tmp_path / "x.jsonl", rows)
    record = conet.read(tmp_path)
    assert record.rows.height == 46
    assert sum(record.skipped.values()) == 2


def test_a_metadata_file_sorted_first_ends_nothing(tmp_path: Path) -> None:
    logs.lines(tmp_path / "a_metadata.jsonl", [{"run_name": "r", "model": "m"}])
    (tmp_path / "0_config.json").write_text(json.dumps({"lr": 1e-6}, indent=2))
    (tmp_path / "b.csv").write_text("a,b\n1,2\n")
    logs.lines(tmp_path / "rollouts.jsonl", table())
    same_as_expected(conet.read(tmp_path))


def test_nothing_that_fits_names_the_nearest_format_and_what_is_missing(tmp_path: Path) -> None:
    rows = [{key: value for key, value in row.items() if key != "reward"} for row in table()]
    logs.lines(tmp_path / "x.jsonl", rows)
    with pytest.raises(ConetError) as error:
        conet.read(tmp_path)
    assert "no reward column" in said(error)
    logs.lines(
        tmp_path / "y" / "z.jsonl", [{"task_id": 1, "prompt": "a", "completion": "b", "head_version": 3}]
    )
    with pytest.raises(ConetError) as error:
        conet.read(tmp_path / "y")
    assert "nearest format areal" in said(error)
    assert "lacks reward" in said(error)


def test_every_reader_says_what_its_trainer_writes() -> None:
    for name, reader in READERS.items():
        assert reader.name == name
        assert reader.files, name
        assert reader.trainer, name
        assert reader.setting, name


@pytest.mark.parametrize("name", ["MathAccuracy", "Format", "advantages"])
@pytest.mark.parametrize("size", [1, 11, 13])
def test_a_step_whose_columns_are_of_unequal_length_is_refused(name: str, size: int, tmp_path: Path) -> None:
    """Which value belongs to which rollout is lost; a list is no reward."""
    logs.ms_swift(tmp_path)
    path = tmp_path / "v0-20260101/completions.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[2][name] = ([*rows[2][name], 1.0] * 2)[:size]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    record = conet.read(tmp_path)
    assert record.rows.height == 36
    assert record.skipped == {"rows of a step whose columns are of unequal length": 12}
    assert set(record.rows["reward"]) <= {0.0, 1.0}


def test_several_evaluation_sets_of_skyrl_are_one_run(tmp_path: Path) -> None:
    logs.skyrl(tmp_path)
    for path in sorted(tmp_path.glob("exports/dumped_evals/*/openai_gsm8k.jsonl")):
        text = path.read_text().replace("openai/gsm8k", "math500").replace("What is", "How much is")
        path.with_name("math500.jsonl").write_text(text)
    record = conet.read(tmp_path)
    assert record.rows.height == 96
    assert dict(record.rows["family"].value_counts().iter_rows()) == {"openai/gsm8k": 48, "math500": 48}
    assert len(record.names) == 6
    named = conet.read(tmp_path, column_mapping="family=data_source")
    assert set(named.rows["family"]) == {"openai/gsm8k", "math500"}


def test_a_resumed_run_of_open_instruct_goes_on_in_files_of_later_numbers(tmp_path: Path) -> None:
    logs.open_instruct(tmp_path)
    last = [json.loads(line) for line in (tmp_path / "run1_rollouts_000001.jsonl").read_text().splitlines()]
    last += [json.loads(line) for line in (tmp_path / "run1_rollouts_000002.jsonl").read_text().splitlines()]
    again = [row | {"reward": 10.0} for row in last if row["step"] >= 3]
    logs.lines(tmp_path / "run1_rollouts_000011.jsonl", again)
    record = conet.read(tmp_path)
    assert record.rows.group_by("step").len()["len"].to_list() == [12] * 4
    assert record.skipped == {REPLACED: 24}
    assert record.rows.filter(pl.col("step") >= 3)["reward"].unique().to_list() == [10.0]
    assert any("abandoned branch" in remark for remark in record.remarks)


def test_a_file_of_which_every_step_is_refused_lacks_no_column(tmp_path: Path) -> None:
    logs.roll(tmp_path)
    path = tmp_path / "rollout_dump_data.step_3.jsonl"
    row = json.loads(path.read_text())
    path.write_text(json.dumps(row | {"scores": row["scores"][1:]}) + "\n")
    record = conet.read(tmp_path)
    assert record.skipped == {"rows of a step whose columns are of unequal length": 12}
    assert record.skipped_files == {}


def test_a_task_of_prime_rl_that_ended_in_an_error_is_counted(tmp_path: Path) -> None:
    logs.prime_rl(tmp_path)
    path = next(tmp_path.glob("rollouts/step_1/train/all/traces.jsonl"))
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0] |= {"ok": False, "errors": [{"type": "TimeoutError"}], "traces": []}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert conet.read(tmp_path).skipped == {"tasks without a trace": 1}


def test_the_reward_beside_its_parts_is_the_whole(tmp_path: Path) -> None:
    """What is correct is said by one part, and the mean reward is that of the column reward."""

    def correct(*place: int) -> float:
        return float(logs.correct(*place))

    def reward(*place: int) -> float:
        return 2 * correct(*place) + 0.5

    rows = table(reward=reward, accuracy_reward=correct, format_reward=lambda *place: 1.0)
    logs.lines(tmp_path / "rows.jsonl", rows)
    record = conet.read(tmp_path)
    assert record.rows["reward"].to_list() == [reward(*place) for place in logs.runs()]
    assert record.rows["correct"].to_list() == [bool(correct(*place)) for place in logs.runs()]
    found = conet.diagnose(tmp_path).findings
    assert found["mean_reward"]["end"] == pytest.approx(2 * found["accuracy"]["end"] + 0.5)
    assert conet.read(tmp_path, column_mapping="reward=").rows["reward"][0] == correct(1, 0, 0)


def test_problems_of_tinker_cannot_be_followed_and_that_is_said(tmp_path: Path) -> None:
    """Its groups are numbered in the batch: whether a problem came again is not known."""
    logs.tinker(tmp_path)
    found = conet.diagnose(tmp_path)
    assert found.findings["problems"] is None
    assert found.findings["seen_once"] is None
    assert "cannot be followed" in found.findings["notes"]["problems"]
    assert "cannot be followed" in found.findings["notes"]["learned"]
    told = next(line for line in found.headlines if line.name == "problems unknown")
    assert "none can be followed" in told.text
    text = described(found, "page.html") + repr(found) + json.dumps(found.findings)
    assert "seen once" not in text
    assert "one epoch" not in text
    assert "draw the same problems" not in text


def _evaluated(env: str, example: int, sample: int, **more: str) -> str:
    right = float((example + sample) % 2)
    said = {"role": "assistant", "content": f"{env} {example} {sample}"}
    return json.dumps(
        {
            "example_id": example,
            "prompt": [{"role": "user", "content": f"{env} {example}"}],
            "completion": [said],
            "answer": "3",
            "reward": right,
            "metrics": {"correct_answer": right},
            **more,
        }
    )


@pytest.mark.parametrize("named_by", ["folder", "task", "env_id"])
def test_several_environments_of_verifiers_are_kept_apart(named_by, tmp_path):
    """Each numbers its examples from 0."""
    lines = {
        env: [
            _evaluated(env, example, sample, **({} if named_by == "folder" else {named_by: env}))
            for example in range(10)
            for sample in range(4)
        ]
        for env in ("gsm8k", "math")
    }
    groups = lines if named_by == "folder" else {"group": [*lines["gsm8k"], *lines["math"]]}
    for name, group in groups.items():
        place = tmp_path / f"outputs/evals/{name}--qwen/1f2e/results.jsonl"
        place.parent.mkdir(parents=True)
        place.write_text("\n".join(group))
    record = conet.read(tmp_path)
    assert (record.rows.height, len(record.names)) == (80, 20)
    assert set(record.rows["family"].cast(pl.String)) == {"gsm8k", "math"}


def test_two_evaluations_of_one_environment_are_two(tmp_path):
    for run in ("1f2e", "3d4c"):
        place = tmp_path / f"outputs/evals/gsm8k--qwen/{run}/results.jsonl"
        place.parent.mkdir(parents=True)
        place.write_text("\n".join(_evaluated(run, example, 0) for example in range(10)))
    with pytest.raises(ConetError, match="several runs"):
        conet.read(tmp_path)


def test_archives_of_inspect_that_are_compressed_with_zstandard(tmp_path):
    """The default since 0.3.206, which Python's zipfile does not unpack before 3.14."""
    logs.inspect_archive(tmp_path / "plain")
    (path,) = (tmp_path / "plain").rglob("*.eval")
    place = tmp_path / "packed" / path.name
    place.parent.mkdir()
    place.write_bytes(_zstandard(path))
    plain, packed = (conet.read(folder) for folder in (tmp_path / "plain", tmp_path / "packed"))
    assert packed.rows.drop("file").equals(plain.rows.drop("file"))
    assert not packed.skipped_files


def _zstandard(path: Path) -> bytes:
    """Write an archive again, its members in Zstandard: without help by zipfile, which may not know it."""
    data, directory = b"", b""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        for name in names:
            plain, called = archive.read(name), name.encode()
            body = pa.compress(plain, codec="zstd", asbytes=True)
            about = struct.pack(
                "<HHHHHIIIHH", 63, 0, 93, 0, 33, zlib.crc32(plain), len(body), len(plain), len(called), 0
            )
            directory += (
                b"PK\x01\x02"
                + struct.pack("<H", 63)
                + about
                + struct.pack("<HHHII", 0, 0, 0, 0, len(data))
                + called
            )
            data += b"PK\x03\x04" + about + called + body
    end = struct.pack("<HHHHIIH", 0, 0, len(names), len(names), len(directory), len(data), 0)
    return data + directory + b"PK\x05\x06" + end


@pytest.mark.parametrize("template", ["<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n{}", "{} {}"])
def test_prompts_of_atropos_that_stand_in_one_message_with_the_answer(template, tmp_path):
    groups = []
    for step in range(12):
        for problem in range(3):
            texts = [template.format(f"What is {problem}?", f"answer {step} {sample}") for sample in range(4)]
            groups.append(
                {
                    "tokens": [[100 + problem] * 5 + [step, sample] for sample in range(4)],
                    "masks": [[-100] * 5 + [step, sample] for sample in range(4)],
                    "scores": [float(sample % 2) for sample in range(4)],
                    "messages": [[{"role": "user", "content": text}] for text in texts],
                }
            )
    (tmp_path / "gsm8k.jsonl").write_text("\n".join(map(json.dumps, groups)))
    record = conet.read(tmp_path)
    assert (len(record.names), record.rows.height) == (3, 144)
    assert set(record.rows["length"]) == {2}


def test_samples_of_inspect_in_chunks_read_as_whole_ones(tmp_path):
    logs.inspect_archive(tmp_path / "whole")
    logs.inspect_chunks(tmp_path / "chunks")
    whole, chunked = (conet.read(tmp_path / name) for name in ("whole", "chunks"))
    left_out = [
        "file",
        "row",
        "problem",
        "truncated",
    ]  # the prompt is a message in one and a text in the other
    assert whole.rows.drop(left_out).equals(chunked.rows.drop(left_out))
    assert "attachment" not in str(chunked.texts(chunked.rows.head(9)))
    assert not chunked.skipped


def test_long_texts_of_a_sample_of_inspect_are_looked_up_in_it(tmp_path):
    logs.inspect_logs(tmp_path / "plain")
    (path,) = (tmp_path / "plain").glob("*.json")
    log = json.loads(path.read_text())
    key = "0123456789abcdef0123456789abcdef"
    for sample in log["samples"]:
        sample["attachments"] = {key: sample["output"]["completion"]}
        sample["output"]["completion"] = f"attachment://{key}"
    apart = tmp_path / "apart" / path.name
    apart.parent.mkdir()
    apart.write_text(json.dumps(log))
    assert conet.read(apart.parent).rows.equals(conet.read(path.parent).rows)


def test_parts_of_a_sample_of_inspect_without_the_sample_are_counted(tmp_path):
    logs.inspect_chunks(tmp_path)
    (path,) = tmp_path.glob("*.eval")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("samples/torn_epoch_1/messages/0.json", "[]")
        archive.writestr("samples/torn_epoch_1/attachments/0.json", "[]")
    assert conet.read(tmp_path).skipped == {"samples of which parts alone are in the archive": 1}


@pytest.mark.parametrize("write", [logs.inspect_archive, logs.inspect_chunks])
def test_ids_of_samples_of_inspect_may_have_slashes(write, tmp_path):
    """An id is part of a member's name as it is, so each slash in it begins a folder."""
    write(tmp_path / "plain")
    (path,) = (tmp_path / "plain").glob("*.eval")
    apart = tmp_path / "apart" / path.name
    apart.parent.mkdir()
    with zipfile.ZipFile(path) as plain, zipfile.ZipFile(apart, "w") as archive:
        for name in plain.namelist():
            archive.writestr(name.replace("samples/", "samples/split/part_epoch_1/"), plain.read(name))
    left_out = ["file"]
    found = conet.read(apart.parent)
    assert found.rows.drop(left_out).equals(conet.read(path.parent).rows.drop(left_out))
    assert found.rows.height > 0
    assert not found.skipped


def test_one_evaluation_alone_is_no_epoch(tmp_path):
    logs.inspect_logs(tmp_path)
    found = str(conet.diagnose(tmp_path).findings)
    assert "only one evaluation was logged" in found
    assert "one epoch" not in found
