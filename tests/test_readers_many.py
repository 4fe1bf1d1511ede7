"""Many small files are read together: what comes out is what one file, or each by itself, gives."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from conet.diagnosis import diagnose
from conet.readers import gather, read
from conet.rollouts import RolloutRecord

STEPS, PROBLEMS, SAMPLES = 6, 5, 4


def episodes() -> list[dict[str, Any]]:
    """Episodes as rLLM logs them, in the order of its files' names."""
    rng = np.random.default_rng(5)
    made = []
    for step in range(1, STEPS + 1):
        for problem in range(PROBLEMS):
            for sample in range(SAMPLES):
                words = " ".join(rng.choice(["so", "carry", "add", "then", "total"], 20 + 3 * step))
                right = bool(rng.random() < step / STEPS)
                chat = [
                    {"role": "user", "content": f"What is {problem} + {problem}?"},
                    {"role": "assistant", "content": f"{words} \\boxed{{{2 * problem if right else 1}}}"},
                ]
                made.append(
                    {
                        "training_step": step,
                        "episode_id": f"{problem}:{sample}",
                        "task": {"question": chat[0]["content"], "ground_truth": str(2 * problem)},
                        "task_hash": f"a{problem}",
                        "is_correct": right,
                        "termination_reason": "env_done",
                        "trajectories": [
                            {"name": "solver", "reward": float(right), "steps": [{"chat_completions": chat}]}
                        ],
                    }
                )
    return made


def rllm_file(folder: Path, row: dict[str, Any]) -> Path:
    """Return where rLLM writes an episode."""
    name = f"episode_hash{row['task_hash']}_id{row['episode_id'].replace(':', '_')}.json"
    return folder / f"train_step_{row['training_step']}_epoch_0" / name


def write(path: Path, text: str) -> None:
    """Write a file into a folder that need not be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def plain_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return an episode as a row of a table."""
    chat = row["trajectories"][0]["steps"][0]["chat_completions"]
    return {
        "step": row["training_step"],
        "prompt": chat[0]["content"],
        "completion": chat[1]["content"],
        "reward": float(row["is_correct"]),
        "gold": row["task"]["ground_truth"],
    }


def contents(record: RolloutRecord) -> pl.DataFrame:
    """Return the rows of a record without their places in files."""
    return record.rows.drop("file", "row")


def same(one: RolloutRecord, other: RolloutRecord) -> None:
    """Check that two records say the same."""
    assert contents(one).equals(contents(other))
    assert (one.names, one.skipped, one.sources) == (other.names, other.skipped, other.sources)
    apart = {"path": None, "files": None, "sources": None}
    left, right = ({**diagnose(record).findings, **apart} for record in (one, other))
    assert json.dumps(left, default=str) == json.dumps(right, default=str)


def alone(monkeypatch: pytest.MonkeyPatch, path: Path) -> RolloutRecord:
    """Read each file by itself."""
    with monkeypatch.context() as patch:
        patch.setattr(gather, "MOST_FILES", 1)
        return read(path)


def test_a_file_for_each_episode_gives_what_one_file_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = episodes()
    for row in rows:
        write(rllm_file(tmp_path / "many", row), json.dumps(row, indent=2))
    write(tmp_path / "one" / "episodes.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    many = read(tmp_path / "many")
    assert (many.format, len(many.files)) == ("rllm", STEPS * PROBLEMS * SAMPLES)
    same(many, read(tmp_path / "one"))
    same(many, alone(monkeypatch, tmp_path / "many"))
    assert many.rows["row"].max() == 0
    texts = many.texts(many.rows.head(3))
    assert [json.loads(answer)[0]["content"] for _, answer in texts] == [
        plain_row(row)["completion"] for row in rows[:3]
    ]


@pytest.mark.parametrize(
    "kind", ["jsonl", "jsonl.gz", "csv", "parquet", "other columns", "torn", "no reward"]
)
def test_small_tables_give_what_each_gives_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    rows = [plain_row(row) for row in episodes()]
    for step in range(1, STEPS + 1):
        for part in range(2):  # the second without a step in its rows
            chosen = [row for row in rows if row["step"] == step][part::2]
            found = [{name: row[name] for name in row if name != "step" or not part} for row in chosen]
            path = tmp_path / f"step_{step}-part-{part}.{kind if '.' in kind or kind in FILES else 'jsonl'}"
            if kind == "other columns" and step % 2:
                found = [row | {"seen": [1, {"a": None}], "gold": None} for row in found]
            if kind == "no reward" and step == 3:
                found[0] |= {"reward": None}
                found[1] |= {"prompt": None}
            FILES.get(kind, as_lines)(path, found)
            if kind == "torn" and step == 4:
                path.write_bytes(path.read_bytes()[:-20])
    together = read(tmp_path)
    same(together, alone(monkeypatch, tmp_path))
    assert set(together.rows["step"]) == set(range(1, STEPS + 1))
    assert together.rows.height == len(rows) - {"torn": 2, "no reward": 4}.get(kind, 0)
    texts = together.texts(together.rows.tail(2))
    assert [len(completion) for _, completion in texts] == together.rows["length"].tail(2).to_list()


def as_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write lines of JSON."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def as_gzip(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write packed lines of JSON."""
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))


FILES: dict[str, Callable[[Path, list[dict[str, Any]]], Any]] = {
    "jsonl.gz": as_gzip,
    "csv": lambda path, rows: pl.DataFrame(rows).write_csv(path),
    "parquet": lambda path, rows: pl.DataFrame(rows).write_parquet(path),
}


def test_training_and_validation_stay_apart_and_a_broken_file_is_named(tmp_path: Path) -> None:
    for row in episodes():
        write(rllm_file(tmp_path, row), json.dumps(row))
        if row["training_step"] == 2:
            write(Path(str(rllm_file(tmp_path, row)).replace("train_", "val_")), json.dumps(row))
    broken = rllm_file(tmp_path, episodes()[50])
    broken.write_text('{"task": {}, "trajectories": [')
    record = read(tmp_path)
    assert dict(record.rows["split"].value_counts().iter_rows()) == {
        "train": STEPS * PROBLEMS * SAMPLES - 1,
        "eval": PROBLEMS * SAMPLES,
    }
    assert list(record.skipped_files) == [broken.name]


def test_small_files_are_grouped_by_their_bytes_and_large_ones_stay_alone() -> None:
    small, large = gather.SMALL, gather.SMALL + 1
    assert list(gather.groups([])) == []
    assert list(gather.groups([1, 2, large, 3, large, large, 4, 5])) == [
        range(2),
        range(2, 3),
        range(3, 4),
        range(4, 5),
        range(5, 6),
        range(6, 8),
    ]
    sizes = [small] * 40
    found = list(gather.groups(sizes))
    assert [place for group in found for place in group] == list(range(40))
    assert 1 < len(found) < 10
    many = [0] * (gather.MOST_FILES + 1)
    assert [len(group) for group in gather.groups(many)] == [gather.MOST_FILES, 1]
