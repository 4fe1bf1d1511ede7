"""Scalars: what trainers log by step, read without rollouts and beside them."""

import json
import shutil
import struct
from pathlib import Path

import pytest
from logs import ROWS, as_trl, said

import conet
from conet.base.errors import ConetError
from conet.diagnosis import diagnose
from conet.readers.scalars.events import masked_crc
from conet.readers.scalars.names import KNOWN
from conet.readers.scalars.quantities import choose, quantity_of
from conet.report.diagnosis import page

DATA = Path(__file__).parent / "data" / "scalars"  # written by wandb 0.31.0 and by tensorboardX 2.6.5
TRL = {
    "reward": 0.5,
    "completions/mean_length": 100.0,
    "completions/clipped_ratio": 0.25,
    "entropy": 0.4,
    "kl": 0.01,
    "clip_ratio/region_mean": 0.02,
    "frac_reward_zero_std": 0.3,
    "grad_norm": 1.5,
}


def state(folder: Path, steps: range, **more: float) -> Path:
    """Write the state of a trainer of transformers."""
    place = folder / f"checkpoint-{steps[-1]}" / "trainer_state.json"
    place.parent.mkdir(parents=True)
    history = [{"step": step, **TRL, **more} for step in steps]
    place.write_text(json.dumps({"global_step": steps[-1], "log_history": history}, indent=2))
    return folder


def lines(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_each_quantity_is_known_by_one_name_alone() -> None:
    names = [name for known in KNOWN.values() for name in known]
    assert len(names) == len(set(names))
    assert all(name == name.lower() for name in names)


@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("train/reward", "reward"),
        ("critic/score/mean", "reward"),
        ("response_length/clip_ratio", "truncated_share"),
        ("actor/pg_clipfrac", "clip_ratio"),
        ("rewards/accuracy_reward/mean", "accuracy"),
        ("rewards/MathAccuracy/mean", "accuracy"),
        ("rewards/format_reward/mean", "format_reward"),
        ("val-core/openai/gsm8k/acc/mean@8", "validation_accuracy"),
        ("val-core/openai/gsm8k/acc/best@8/mean", "pass_at_8"),
        ("eval/aime/pass@16", "pass_at_16"),
        ("train/agg/all/agent/reward/mean", "reward"),
        ("train/agg/all/agent/num_output_tokens/mean", "length"),
        ("train/agg/all/agent/is_truncated/mean", "truncated_share"),
        ("eval/aime-24/effective/agent/avg@16", "validation_accuracy"),
        ("eval/aime-24/effective/agent/pass@16", "pass_at_16"),
        ("epoch", None),
        ("rewards/accuracy_reward/std", None),
    ],
)
def test_names_of_trainers(name: str, quantity: str | None) -> None:
    assert quantity_of(name) == quantity


def test_of_several_names_the_first_of_the_table_counts() -> None:
    assert choose(["critic/rewards/mean", "critic/score/mean"]) == {"reward": "critic/score/mean"}


def test_trainer_state_alone(tmp_path: Path) -> None:
    """The longest history counts; steps are those that were logged; there are no problems and samples."""
    state(tmp_path, range(1, 6))
    state(tmp_path, range(1, 21))
    found = diagnose(tmp_path).findings
    assert (found["steps"], found["first_step"], found["last_step"]) == (20, 1, 20)
    assert found["samples"] is None
    assert found["problems"] is None
    assert found["notes"]["samples"].startswith("there are no rollouts")
    assert found["scalars"]["length"] == {
        "name": "completions/mean_length",
        "first": 100.0,
        "last": 100.0,
        "steps": 20,
    }


def test_trainer_state_file_by_its_own_name(tmp_path: Path) -> None:
    state(tmp_path, range(1, 21))
    assert conet.read(tmp_path / "checkpoint-20" / "trainer_state.json").scalars.height == 20


@pytest.mark.parametrize("kind", ["wandb", "tensorboard"])
def test_as_their_own_writers_write(kind: str) -> None:
    record = conet.read(DATA / kind)
    table = record.scalars
    assert record.format == kind
    assert table["step"].to_list() == list(range(1, 13))
    assert table["reward"].to_list() == [step / 16 for step in range(1, 13)]
    assert table["length"].to_list() == [100.0 + step for step in range(1, 13)]


@pytest.mark.parametrize("kind", ["wandb", "tensorboard"])
def test_a_torn_end_keeps_what_was_before(kind: str, tmp_path: Path) -> None:
    shutil.copytree(DATA / kind, tmp_path / kind)
    (file,) = (path for path in (tmp_path / kind).rglob("*") if path.is_file())
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * 0.6)])
    assert 1 < conet.read(tmp_path).scalars.height < 12


@pytest.mark.parametrize("kind", ["wandb", "tensorboard"])
def test_a_wrong_checksum_is_said(kind: str, tmp_path: Path) -> None:
    shutil.copytree(DATA / kind, tmp_path / kind)
    (file,) = (path for path in (tmp_path / kind).rglob("*") if path.is_file())
    data = bytearray(file.read_bytes())
    data[int(len(data) * 0.8)] ^= 0xFF
    file.write_bytes(data)
    record = conet.read(tmp_path)
    assert "checksum" in record.skipped_files[file.name]
    assert record.scalars.height < 12


def test_checksum_of_the_castagnoli_polynomial() -> None:
    """The check value of CRC-32C over the digits 1 to 9 is 0xE3069283."""
    rotated = ((0xE3069283 >> 15) | (0xE3069283 << 17)) & 0xFFFFFFFF
    assert masked_crc(b"123456789") == (rotated + 0xA282EAD8) & 0xFFFFFFFF


def test_tensors_of_tensorflow_two(tmp_path: Path) -> None:
    """TensorFlow 2 writes a scalar as a tensor of four bytes."""
    tensor = b"\x08\x01" + b"\x22\x04" + struct.pack("<f", 0.25)
    value = b"\x0a\x06reward" + b"\x42" + bytes([len(tensor)]) + tensor
    summary = b"\x0a" + bytes([len(value)]) + value
    event = b"\x10\x07" + b"\x2a" + bytes([len(summary)]) + summary
    head = struct.pack("<Q", len(event))
    record = head + struct.pack("<I", masked_crc(head)) + event + struct.pack("<I", masked_crc(event))
    (tmp_path / "events.out.tfevents.1.host").write_bytes(record)
    assert conet.read(tmp_path).scalars.select("step", "reward").row(0) == (7, 0.25)


def test_lines_of_any_name_are_known_by_what_is_in_them(tmp_path: Path) -> None:
    rows = [
        {
            "step": step,
            "env/all/reward/total": 0.5,
            "env/all/correct": 0.25,
            "env/all/by_group/frac_all_bad": 0.5,
            "env/all/by_group/frac_all_good": 0.125,
            "time": None,
        }
        for step in range(20)
    ]
    lines(tmp_path / "deep" / ".hidden" / "numbers.jsonl", rows)
    found = conet.read(tmp_path)
    assert found.format == "metrics"
    assert found.scalars["groups_without_signal"].to_list() == [0.625] * 20
    assert found.scalars["accuracy"].to_list() == [0.25] * 20


def test_ms_swift_writes_the_step_as_a_share(tmp_path: Path) -> None:
    rows = [{"global_step/max_steps": f"{step}/100", "reward": 0.5, "loss": "NaN"} for step in range(1, 21)]
    lines(tmp_path / "logging.jsonl", rows)
    assert conet.read(tmp_path).scalars["step"].to_list() == list(range(1, 21))


def test_rows_that_are_rollouts_are_none_of_scalars(tmp_path: Path) -> None:
    lines(
        tmp_path / "rows.jsonl",
        [{"step": step, "problem": 3, "reward": 1.0, "length": 7} for step in range(4) for _ in range(8)],
    )
    record = conet.read(tmp_path, column_mapping="problem=problem")
    assert record.scalars is None
    assert record.rows.height == 32


def test_scalars_beside_rollouts_are_attached(tmp_path: Path) -> None:
    as_trl(ROWS, tmp_path)
    state(tmp_path, range(1, 21))
    record = conet.read(tmp_path)
    assert record.format == "trl"
    assert record.rows.height == ROWS.height
    assert record.scalars["entropy"].to_list() == [0.4] * 20


def test_several_runs_are_refused_by_name(tmp_path: Path) -> None:
    for seed in ("seed-0", "seed-1"):
        state(tmp_path / seed, range(1, 21))
    with pytest.raises(ConetError) as error:
        conet.read(tmp_path)
    assert "seed-0" in said(error)
    assert "seed-1" in said(error)


def test_a_resumed_run_in_two_files_is_one(tmp_path: Path) -> None:
    """What was logged later replaces what stands there."""
    for name, steps, reward in (("a", range(1, 16), 0.25), ("b", range(11, 31), 0.75)):
        lines(tmp_path / name / "metrics.jsonl", [{"step": step, "reward": reward} for step in steps])
    table = conet.read(tmp_path).scalars
    assert table["step"].to_list() == list(range(1, 31))
    assert table["reward"].to_list() == [0.25] * 10 + [0.75] * 20


def test_the_page_of_scalars_alone(tmp_path: Path) -> None:
    state(tmp_path / "run", range(1, 21))
    found = diagnose(tmp_path / "run")
    assert found.figures() == ["scalars"]
    assert [panel.y.name for panel in found.view("scalars").panels][:2] == ["reward", "length"]


def test_the_file_logger_of_verl_nests_its_numbers(tmp_path: Path) -> None:
    """Source: verl/utils/tracking.py, FileLogger: ``{"step": step, "data": {...}}``."""
    rows = [
        {
            "step": step,
            "data": {"critic/score/mean": 0.25, "actor/entropy": 0.5, "training/global_step": step},
        }
        for step in range(1, 21)
    ]
    rows.insert(0, {"step": 0, "data": {"val-core/gsm8k/acc/mean@1": 0.125}})
    lines(tmp_path / "project" / "experiment.jsonl", rows)
    alone = conet.read(tmp_path)
    assert alone.scalars["step"].to_list() == list(range(21))
    assert alone.scalars["reward"].to_list() == [None] + [0.25] * 20
    assert alone.scalars["validation_accuracy"][0] == 0.125
    assert conet.diagnose(tmp_path).findings["steps"] == 21
    as_trl(ROWS, tmp_path)
    beside = conet.read(tmp_path)
    assert beside.rows.height == ROWS.height
    assert beside.scalars["entropy"].to_list() == [None] + [0.5] * 20


def test_numbers_in_a_csv_file(tmp_path: Path) -> None:
    """As Lightning's CSVLogger writes them, with gaps, and pandas, with a column of places without a name."""
    names = ["", "epoch", "step", "reward", "kl", "completions/mean_length"]
    rows = [f"{step},0,{step},{0.5 if step % 2 else ''},0.01,100" for step in range(20)]
    (tmp_path / "metrics.csv").write_text("\n".join([",".join(names), *rows]) + "\n")
    found = conet.read(tmp_path)
    assert found.format == "metrics"
    assert found.scalars["step"].to_list() == list(range(20))
    assert found.scalars["reward"].to_list() == [0.5 if step % 2 else None for step in range(20)]
    assert found.scalars["length"].to_list() == [100.0] * 20
    assert "" not in found.scalars.columns


def test_a_csv_file_of_rollouts_without_prompts_is_no_file_of_numbers(tmp_path: Path) -> None:
    rows = [f"{step},{sample % 2},{100 + sample}" for step in range(20) for sample in range(8)]
    (tmp_path / "rollouts.csv").write_text("\n".join(["step,reward,length", *rows]) + "\n")
    with pytest.raises(ConetError, match="no prompt"):
        conet.read(tmp_path)


def test_two_runs_in_files_of_one_folder_are_refused_by_name(tmp_path: Path) -> None:
    """Else the numbers of the second would stand in place of the first one's."""
    for name, reward in (("warm.csv", 0.25), ("cold.csv", 0.75)):
        rows = [f"{step},{reward + step / 1024}" for step in range(20)]
        (tmp_path / name).write_text("\n".join(["step,reward", *rows]) + "\n")
    with pytest.raises(ConetError, match="several runs") as error:
        conet.read(tmp_path)
    assert "warm.csv" in said(error)
    assert "cold.csv" in said(error)
    assert conet.read(tmp_path / "warm.csv").scalars["reward"][0] == 0.25


def test_copies_and_later_files_of_one_folder_are_one_run(tmp_path: Path) -> None:
    for name, steps, reward in (("a", range(15), 0.25), ("b", range(15), 0.25), ("c", range(10, 30), 0.75)):
        lines(tmp_path / f"{name}.jsonl", [{"step": step, "reward": reward} for step in steps])
    assert conet.read(tmp_path).scalars["reward"].to_list() == [0.25] * 10 + [0.75] * 20


def test_ranks_that_say_other_numbers_are_left_aside_and_named(tmp_path: Path) -> None:
    for rank in range(3):
        rows = [{"step": step, "reward": rank + step / 1024} for step in range(20)]
        lines(tmp_path / f"metrics-rank{rank}.jsonl", rows)
    found = conet.read(tmp_path)
    assert found.scalars["reward"].to_list() == [step / 1024 for step in range(20)]
    assert sum("left aside" in remark for remark in found.remarks) == 2


def test_a_csv_file_with_a_name_twice_is_no_file_of_numbers(tmp_path: Path) -> None:
    rows = [f"{step},0.25,0.75" for step in range(20)]
    (tmp_path / "metrics.csv").write_text("\n".join(["step,reward,reward", *rows]) + "\n")
    with pytest.raises(ConetError):
        conet.read(tmp_path)


def test_a_chart_that_the_page_of_wandb_saved(tmp_path: Path) -> None:
    """Of one run it is read without its extremes; of two it is no run."""
    path = tmp_path / "wandb_export.csv"
    names = [f"calm-sea-3 - train/reward{part}" for part in ("", "__MIN", "__MAX")]
    rows = [f'"{step}","0.5","0.25","0.75"' for step in range(20)]
    path.write_text("\n".join([",".join(f'"{name}"' for name in ("Step", *names)), *rows]) + "\n")
    found = conet.read(path)
    assert found.scalars["reward"].to_list() == [0.5] * 20
    assert [name for name in found.scalars.columns if name.startswith("train/")] == ["train/reward"]
    path.write_text(path.read_text().replace("calm-sea-3 - train/reward__MIN", "wild-sea-4 - train/reward"))
    with pytest.raises(ConetError, match=r"2 runs \(calm-sea-3, wild-sea-4\).*one run alone"):
        conet.read(path)


def test_a_chart_of_a_run_whose_name_holds_a_dash(tmp_path: Path) -> None:
    """It was cut at the first dash: 'lr 1e-6 - reward' is no known metric, and two runs were one."""
    path = tmp_path / "wandb_export.csv"

    def saved(*names: str) -> Path:
        rows = [",".join([str(step), *["0.5"] * len(names)]) for step in range(20)]
        path.write_text("\n".join([",".join(["Step", *names]), *rows]) + "\n")
        return path

    run = "grpo - lr 1e-6"
    columns = set(conet.read(saved(f"{run} - reward", f"{run} - reward__MIN", f"{run} - kl")).scalars.columns)
    assert columns >= {"reward", "kl"}
    with pytest.raises(ConetError, match=r"2 runs \(grpo - lr 1e-6, grpo - lr 2e-6\)"):
        conet.read(saved(f"{run} - reward", "grpo - lr 2e-6 - reward"))
    assert "reward" in conet.read(saved("calm-sea-3 - reward", "calm-sea-3 - eval - pass")).scalars.columns


def test_scalars_alone_say_the_level_and_claim_nothing_of_problems() -> None:
    """The mean reward had risen without a level, and no problem "was forgotten" where none was known."""
    found = diagnose(DATA / "tensorboard")
    (level,) = (number.value for number in found.numbers if number.name == "mean reward")
    start, end = map(float, level.split(" → "))
    assert end - start > 0.5
    assert "the mean reward has risen" in found.notes["knee_step"]
    text = page(found, [])
    assert "No problem is known" in text
    assert "All problems" not in text
