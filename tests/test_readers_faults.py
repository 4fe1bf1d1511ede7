"""Readers: what cannot be read is counted and said, what is delivered twice counts once, a run may grow."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from logs import ROWS, as_trl, as_verl, rollouts, said, two_stages, written

from conet.base.errors import ConetError
from conet.readers import open_run, read
from conet.readers.collector import Collector
from conet.readers.repeats import REPEATED

# What cannot be read is counted ------------------------------------------------------------------------


def test_rows_that_lack_something_are_counted_by_reason(tmp_path):
    lines = [
        {"step": 1, "prompt": "a", "reward": 1.0},
        {"step": 1, "prompt": "a", "reward": float("nan")},
        {"step": "2", "prompt": "a", "reward": "0"},
        {"step": 2.5, "prompt": "a", "reward": 0},
        {"step": None, "prompt": "a", "reward": 0},
        {"step": 2, "prompt": None, "reward": 0},
        {"step": 2, "prompt": "", "reward": 0},
        {"step": 2, "prompt": "a", "reward": "many"},
        {"step": 2, "prompt": "a"},
    ]
    text = "\n".join(map(json.dumps, lines)) + "\n{not json}\n\n[1, 2]\n" + '{"step": 3, "promp'
    (tmp_path / "rows.jsonl").write_text(text)
    record = read(tmp_path / "rows.jsonl")
    assert record.rows.select("step", "correct").rows() == [(1, True), (2, False)]
    assert record.skipped == {
        "rows without a step": 1,
        "rows whose step is no whole number": 1,
        "rows without a prompt": 2,
        "rows without a reward that is a number": 3,
        "lines that cannot be read": 2,
        "torn last lines": 1,
    }


def test_a_last_line_without_its_newline_counts(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"step": 1, "prompt": "a", "correct": 1}')
    record = read(tmp_path / "rows.jsonl")
    assert (record.rows.height, record.skipped) == (1, {})


def test_files_of_other_types_one_by_one(tmp_path):
    """Mixed types: a column that is a number in one file, a text in another, missing in a third."""
    as_trl(ROWS, tmp_path)
    folder = tmp_path / "completions"
    paths = sorted(folder.iterdir())
    pl.read_parquet(paths[1]).cast({"accuracy_reward": pl.String, "step": pl.Float32}).write_parquet(paths[1])
    pl.read_parquet(paths[2]).rename({"accuracy_reward": "acc_reward"}).write_parquet(paths[2])
    pl.read_parquet(paths[3]).clear().write_parquet(paths[3])
    paths[4].write_bytes(b"\x00\xff" * 500)
    paths[5].write_bytes(paths[0].read_bytes()[:-20])
    record = read(tmp_path)
    assert record.rows["step"].unique().sort().to_list() == [0, 1]
    assert sum(record.skipped.values()) == 32
    assert "no column 'accuracy_reward'; did you mean 'acc_reward'" in record.skipped_files[paths[2].name]
    assert "not a parquet file" in record.skipped_files[paths[4].name]
    assert "cannot be read" in record.skipped_files[paths[5].name]
    assert record.remarks == ("files without rows: 1",)


def test_lines_of_csv_that_do_not_fit(tmp_path):
    (tmp_path / "rows.csv").write_text('step,prompt,correct\n1,"a, with\nnewline",1\n2,b\n2,b,1,7\n3,c,0\n')
    record = read(tmp_path / "rows.csv")
    assert record.names == ["a, with\nnewline", "c"]
    assert record.skipped == {"lines that cannot be read": 2}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.jsonl", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "JSON object"),
        ("x.csv", b"\x00\x01\x02" * 99, "binary"),
        ("x.parquet", b"step,prompt\n1,a\n", "not a parquet file"),
        ("x.json", b'[{"step": 1}]', "JSON array"),
        ("x.jsonl", b"", "empty"),
        ("x.csv", b"step,prompt,correct\n", "empty"),
        ("x.csv", b"a,a\n1,2\n", "two columns of one name"),
        ("x.csv", b"step,prompt,correct\n1,a,maybe\n", "rows without a reward that is a number: 1"),
    ],
)
def test_a_file_of_which_nothing_can_be_used(name, content, expected, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConetError) as error:
        read(tmp_path / name)
    assert expected in said(error)


# Delivered twice ---------------------------------------------------------------------------------------


def test_equal_rows_within_a_step_count(tmp_path):
    same = pl.DataFrame(
        {"step": [1] * 8, "prompt": ["a"] * 8, "completion": ["x"] * 8, "accuracy_reward": [0.0] * 8}
    )
    twice = pl.concat([ROWS.filter(pl.col("step") == 1)] * 2)
    for rows in (same, twice):
        assert read(written(rows, tmp_path / "rows.parquet")).rows.height == rows.height
        record = read(as_trl(rows.with_columns(completion_length=1), tmp_path / f"run{rows.height}"))
        assert (record.rows.height, record.skipped) == (rows.height, {})


def test_a_file_twice_counts_once(tmp_path):
    trl = as_trl(ROWS, tmp_path / "trl") / "completions"
    verl, again = (as_verl(ROWS, tmp_path / name / "rollouts") / "rollouts" for name in ("verl", "again"))
    for run, original, copy in (
        (trl, "completions_00003.parquet", "completions_00003 (1).parquet"),
        (verl, "3.jsonl", "3 copy.jsonl"),
        (again, "3.jsonl", "7.jsonl"),
    ):
        shutil.copy(run / original, run / copy)
        record = read(run)
        assert record.rows.height == ROWS.height
        assert record.skipped == {REPEATED: 32}
        assert record.remarks == ("files that equal another one: 1",)


def test_a_step_twice_counts_once_in_one_file_and_in_two(tmp_path):
    again = pl.concat([ROWS, ROWS.filter(pl.col("step").is_in([2, 3]))])
    record = read(written(again, tmp_path / "rows.csv"))
    assert (record.rows.height, record.skipped) == (ROWS.height, {REPEATED: 64})
    folder = tmp_path / "parts"
    written(ROWS.filter(pl.col("step") <= 3), folder / "part-1.parquet")
    written(ROWS.filter(pl.col("step") >= 3), folder / "part-10.parquet")
    record = read(folder)
    assert (record.rows.height, record.skipped) == (ROWS.height, {REPEATED: 32})
    assert record.rows["step"].is_sorted()


def test_what_chance_may_repeat_counts(tmp_path):
    """A policy that always says the same says it at every step; logs sorted by sample look alike too."""
    rows = ROWS.with_columns(completion=pl.lit("x"), accuracy_reward=pl.lit(0.0), completion_length=pl.lit(1))
    record = read(as_trl(rows, tmp_path / "run"))
    assert (record.rows.height, record.skipped) == (rows.height, {})
    by_sample = pl.concat([rows.filter(pl.int_range(pl.len()) % 8 == sample) for sample in range(8)])
    record = read(written(by_sample.drop("completion"), tmp_path / "rows.csv"))
    assert (record.rows.height, record.skipped) == (rows.height, {})


def test_a_step_in_two_files_with_other_rows_counts_and_is_said(tmp_path):
    run = as_trl(ROWS, tmp_path)
    other = rollouts(np.full((1, 4), 0.5), seed=5, first=3)
    other.drop("completion_length").write_parquet(run / "completions" / "completions_00003b.parquet")
    record = read(run)
    assert record.rows.height == ROWS.height + 32
    assert record.remarks[0].startswith("steps that come from several files")


# Places ------------------------------------------------------------------------------------------------


def test_verls_validation_is_kept_apart(tmp_path):
    as_verl(ROWS, tmp_path / "dumps" / "rollouts")
    as_verl(rollouts(np.full((2, 3), 0.2), seed=1), tmp_path / "dumps" / "validation")
    record = read(tmp_path)
    assert record.rows["split"].value_counts().sort("split").rows() == [("train", 192), ("eval", 48)]
    other = rollouts(np.full((6, 4), 0.4), seed=2)
    as_verl(other, tmp_path / "dumps" / "more")
    with pytest.raises(ConetError, match=r"dumps/more, dumps/rollouts"):
        read(tmp_path)
    assert read(tmp_path / "dumps" / "more").rows.height == other.height


def test_a_copy_beside_it_counts_once_and_is_said(tmp_path):
    as_verl(ROWS, tmp_path / "dumps" / "rollouts")
    as_verl(ROWS, tmp_path / "dumps" / "more")
    record = read(tmp_path)
    assert record.rows.height == ROWS.height
    assert record.remarks == ("files that equal another one: 6",)


def test_two_runs_in_one_place_are_not_mixed(tmp_path):
    for name in ("a", "b"):
        as_trl(ROWS, tmp_path / name)
    (tmp_path / "completions").mkdir()
    as_trl(ROWS, tmp_path)
    as_trl(rollouts(np.full((6, 4), 0.4), seed=2), tmp_path / "earlier")
    (tmp_path / "earlier" / "completions").rename(tmp_path / "old")
    with pytest.raises(ConetError, match="old"):
        read(tmp_path)
    (tmp_path / "completions" / "backup").symlink_to(tmp_path / "old")
    with pytest.raises(ConetError, match="backup"):
        read(tmp_path / "completions")


@pytest.mark.parametrize("format", ["auto", "trl", "verl", "table"])
def test_nothing_there(format, tmp_path):
    for path, expected in ((tmp_path / "absent", "does not exist"), (tmp_path, "without rollouts")):
        with pytest.raises(ConetError) as error:
            read(path, format)
        assert expected in said(error)


def test_a_place_that_may_not_be_read(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(ConetError) as error:
        read(tmp_path)
    assert "Permission denied" in said(error)


def test_a_file_that_may_not_be_read_is_passed_over(tmp_path, monkeypatch):
    run = as_verl(ROWS, tmp_path / "rollouts")
    opened = Path.open

    def refuse(path, *arguments, **options):
        if path.name == "3.jsonl":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    record = read(run)
    assert record.rows.height == ROWS.height - 32
    assert record.skipped_files == {"3.jsonl": "cannot be read (Permission denied)"}


def test_unknown_format():
    with pytest.raises(ConetError, match="did you mean 'verl'"):
        open_run("x", "verll")


def test_lengths_in_tokens(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "?": 1}, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    rows = pl.DataFrame(
        {"step": [0, 0], "prompt": ["q", "q"], "completion": ["a a a", "a"], "correct": [1, 1]}
    )
    record = read(written(rows, tmp_path / "rows.jsonl"), tokenizer=tmp_path)
    assert record.rows["length"].to_list() == [3, 1]
    assert record.sources["length"].startswith("tokens of column completion")


def test_a_tokenizer_that_is_none(tmp_path):
    with pytest.raises(ConetError, match="--tokenizer"):
        open_run(tmp_path, tokenizer=tmp_path / "nothing.json")


# Growing -----------------------------------------------------------------------------------------------


def test_a_growing_run_is_read_further(tmp_path, monkeypatch):
    rows = rollouts(two_stages(12, 5))
    as_verl(rows.filter(pl.col("step") < 5), tmp_path / "rollouts")
    collector = open_run(tmp_path)
    assert collector.read().rows["step"].max() == 4
    opened: list[str] = []
    whole = Collector._fill

    def fill(self, pieces, *rest):
        opened.extend(piece.part.path.name for piece in pieces)
        return whole(self, pieces, *rest)

    monkeypatch.setattr(Collector, "_fill", fill)
    as_verl(rows.filter(pl.col("step") == 5), tmp_path / "rollouts")
    torn = tmp_path / "rollouts" / "6.jsonl"
    torn.write_text('{"input": "What is 1?", "out')
    assert collector.read().skipped == {"torn last lines": 1}
    assert opened == ["5.jsonl", "6.jsonl"]
    as_verl(rows.filter(pl.col("step") >= 6), tmp_path / "rollouts")
    assert collector.read().rows.equals(read(tmp_path).rows)
