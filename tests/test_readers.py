"""Readers: what is in a file is read, what is not is counted and said, and nothing is guessed."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs import as_trl, as_verl, rollouts, two_stages

from conet.errors import ConetError
from conet.readers import Collector, open_run, parse_map, read, separated
from conet.readers import lines as json_lines
from conet.readers.columns import Source, as_messages, match, number, text_of
from conet.readers.places import NothingYet
from conet.readers.repeats import REPEATED

DATA = Path(__file__).parent / "data"
ROWS = rollouts(np.full((6, 4), 0.5), samples=8)
COLUMNS = ["step", "problem", "reward", "correct", "length", "truncated", "split", "phase"]


def written(rows: pl.DataFrame, path: Path) -> Path:
    """Write a table in the format that the name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        rows.write_parquet(path)
    elif path.suffix == ".csv":
        rows.write_csv(path)
    else:
        rows.write_ndjson(path)
    return path


def said(error: pytest.ExceptionInfo[ConetError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert "Traceback" not in text
    return text


# What is in the files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rows.parquet", "rows.jsonl", "rows.csv", "rows.tsv"])
def test_a_table_gives_its_rows_whatever_its_format(name, tmp_path):
    path = tmp_path / name
    if name == "rows.tsv":
        ROWS.write_csv(path, separator="\t")
    else:
        written(ROWS, path)
    record = read(path)
    assert record.format == "table"
    assert record.rows["step"].to_list() == ROWS["step"].to_list()
    assert [record.names[problem] for problem in record.rows["problem"]] == ROWS["prompt"].to_list()
    assert record.rows["correct"].to_list() == (ROWS["accuracy_reward"] == 1).to_list()
    assert record.rows["length"].to_list() == ROWS["completion_length"].to_list()
    assert record.rows["text"].n_unique() == ROWS["completion"].n_unique()
    assert record.skipped == {}
    assert record.sources["length"] == "column completion_length"


def test_trl_and_verl_give_what_the_table_gives(tmp_path):
    table = read(written(ROWS.drop("completion_length"), tmp_path / "rows.parquet"))
    trl = read(as_trl(ROWS, tmp_path / "trl"))
    verl = read(as_verl(ROWS, tmp_path / "verl" / "rollouts"))
    assert (trl.format, verl.format) == ("trl", "verl")
    for record in (trl, verl):
        assert record.rows.select(COLUMNS).equals(table.rows.select(COLUMNS))
        assert record.names == table.names
        assert record.sources["length"].startswith("characters of column")


@pytest.mark.parametrize("place", [".", "completions", "completions/completions_00002.parquet"])
def test_trl_by_run_folder_or_file(place, tmp_path):
    as_trl(ROWS, tmp_path)
    record = read(tmp_path / place)
    assert record.format == "trl"
    assert record.rows["step"].n_unique() == (1 if place.endswith("parquet") else 6)


def test_messages_are_measured_by_what_they_say_and_named_by_what_was_asked(tmp_path):
    chat = pl.DataFrame(
        {
            "step": [0, 0, 1],
            "prompt": [[{"role": "user", "content": "2+2"}], [{"role": "user", "content": "2+2"}],
                       [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2"}]],
            "completion": [[{"role": "assistant", "content": text}] for text in ("four", "4", "It is 4")],
            "correct": [True, True, False],
        }
    )  # fmt: skip
    expected = [4, 1, 7]
    for name in ("chat.parquet", "chat.jsonl"):
        record = read(written(chat, tmp_path / name))
        assert record.rows["length"].to_list() == expected
        assert record.names == ["2+2", "system: Be brief.\nuser: 2+2"]


def test_lists_of_parts_thoughts_and_empty_lists():
    parts = [{"role": "assistant", "reasoning_content": "Hm.", "content": [{"type": "text", "text": "4"}]}]
    assert text_of(parts) == "Hm.\n4"
    assert text_of([]) == ""
    assert as_messages("[{") is None
    assert as_messages('[{"a": 1}]') is None
    assert text_of('[{"content": "x"}]') == "x"


def test_a_run_of_conet_through_the_same_interface(tmp_path):
    import conet

    run = conet.run(conet.preset("smoke").override({"steps": 6}), tmp_path / "run")
    metrics = run.metrics()
    for place in (run.path, run.path / "rollouts"):
        record = read(place)
        assert record.format == "conet"
        found = record.rows.group_by("step", maintain_order=True).agg(
            pl.col("correct").sum(), pl.col("length").filter("correct").sum()
        )
        assert found["correct"].to_list() == metrics["correct_count"].to_list()
        assert found["length"].to_list() == metrics["correct_length_sum"].to_list()
        assert record.rows["truncated"].null_count() == 0


def test_a_run_of_a_language_model_by_conet(tmp_path):
    """Numbers of problems become their questions; what was drawn for a heating is neither trained nor tested."""
    rows = pl.DataFrame(
        {"step": [0, 0, 1], "problem": [1, 0, 1], "correct": [True, False, True], "length": [3, 4, 5],
         "split": ["train", "train", "harvest"], "phase": ["rlvr", "rlvr", "heat"], "text": ["a", "b", "c"]}
    )  # fmt: skip
    written(rows, tmp_path / "rollouts" / "part-00000000.parquet")
    assert read(tmp_path).names == ["1", "0"]
    written(pl.DataFrame({"number": [0, 1], "question": ["2+2=", "3+3="]}), tmp_path / "problems.parquet")
    record = read(tmp_path)
    assert record.names == ["3+3=", "2+2="]
    assert record.rows["split"].to_list() == ["train", "train", "harvest"]
    assert record.rows["text"].null_count() == 0


def test_a_reader_of_ones_own_is_one_file(tmp_path):
    """The skeleton, as it is to be copied."""
    rows = {
        "update": [1, 2],
        "question": ["a", "b"],
        "answer": ["x", "y"],
        "verified": [True, False],
        "tokens": [3, 4],
    }
    written(pl.DataFrame(rows), tmp_path / "epoch-0" / "rollouts.jsonl")
    skeleton = Path(__file__).parents[1] / "docs" / "skeletons" / "reader.py"
    record = read(tmp_path, f"{skeleton}:READER")
    assert (record.format, record.rows["correct"].to_list()) == ("mine", [True, False])
    assert record.rows["length"].to_list() == [3, 4]


# Real logs ---------------------------------------------------------------------------------------------


def test_real_trl_logs():
    record = read(DATA / "trl" / "plain")
    logs = pl.concat([pl.read_parquet(file) for file in record.files])
    assert record.rows.height == logs.height
    assert record.rows["correct"].sum() == logs["accuracy_reward"].sum()
    assert len(record.names) == logs["prompt"].n_unique()
    assert (record.skipped, record.remarks) == ({}, ())


def test_real_trl_logs_of_messages_that_repeat_a_generation():
    with pytest.raises(ConetError, match=r"2 reward columns \(accuracy_reward, brevity_reward\).*target"):
        read(DATA / "trl" / "chat")
    record = read(DATA / "trl" / "chat", map="correct=accuracy_reward>=1")
    assert record.rows["step"].unique().sort().to_list() == [1, 3, 5, 7]
    assert record.skipped == {REPEATED: record.rows.height}
    assert all(name.endswith("=") for name in record.names)


def test_real_trl_logs_with_evaluations_keep_them_apart():
    record = read(DATA / "trl" / "eval")
    apart = record.rows.filter(record.rows["split"] == "eval")["step"].unique().sort().to_list()
    state = json.loads((DATA / "trl" / "eval" / "checkpoint-7" / "trainer_state.json").read_text())
    assert apart == sorted({row["step"] for row in state["log_history"] if "eval_reward" in row})
    assert apart


def test_the_same_logs_in_verls_schema():
    record = read(DATA / "verl")
    assert record.format == "verl"
    assert record.skipped == {"torn last lines": 1}
    assert record.sources["correct"] == "column acc"
    lines = [
        line
        for file in sorted((DATA / "verl" / "rollout").iterdir())
        for line in file.read_bytes().splitlines()
    ]
    train = record.rows.filter(record.rows["split"] == "train")
    assert train.height == len(lines) - 1
    assert record.rows.height > train.height


# What is correct ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["correct", "acc", "accuracy"])
@pytest.mark.parametrize("values", [[1, 0, 1], [True, False, True], [1.0, -1.0, 1.0], ["true", "false", "1"]])
def test_a_column_of_that_name_says_what_is_correct(name, values, tmp_path):
    rows = pl.DataFrame(
        {"step": [0, 0, 1], "prompt": ["a", "a", "b"], name: values, "score": [0.3, 0.2, 0.9]}
    )
    assert read(written(rows, tmp_path / "rows.jsonl")).rows["correct"].to_list() == [True, False, True]


@pytest.mark.parametrize(
    "values", [[0.0, 1.0, 1.0], [-1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [-1.0, -1.0, -1.0]]
)
def test_the_only_reward_will_do_where_it_has_two_values(values, tmp_path):
    rows = pl.DataFrame({"step": [0, 0, 1], "prompt": ["a", "a", "b"], "my_reward": values})
    assert read(written(rows, tmp_path / "rows.csv")).rows["correct"].to_list() == [
        value == 1 for value in values
    ]


@pytest.mark.parametrize("values", [[0.0, 0.5, 1.0], [-1.0, 0.0, 1.0], [0.0, -1.0, 0.0], [2.0, 1.0, 1.0]])
def test_other_values_are_not_guessed_at(values, tmp_path):
    rows = pl.DataFrame({"step": [0, 0, 1], "prompt": ["a", "a", "b"], "reward": values})
    path = written(rows, tmp_path / "rows.parquet")
    with pytest.raises(ConetError) as error:
        read(path)
    assert "columns: step, prompt, reward" in said(error)
    assert read(path, map="correct=reward>=1").rows["correct"].to_list() == [value >= 1 for value in values]


def test_whole_numbers_beside_a_reward_of_trl_are_extras(tmp_path):
    run = as_trl(ROWS.with_columns(target=7, seen=True), tmp_path)
    assert read(run).sources["correct"] == "column accuracy_reward (1 is correct)"
    run = as_trl(ROWS.with_columns(style_reward=0.5), tmp_path)
    with pytest.raises(ConetError, match=r"accuracy_reward, style_reward"):
        read(run)


def test_two_rewards_or_none_are_not_guessed_at(tmp_path):
    rows = pl.DataFrame({"step": [0], "prompt": ["a"], "reward_a": [1.0], "reward_b": [0.0]})
    for chosen in (rows, rows.select("step", "prompt")):
        with pytest.raises(ConetError, match="columns: step, prompt"):
            read(written(chosen, tmp_path / "rows.parquet"))


# --map -------------------------------------------------------------------------------------------------


def test_map_is_read():
    found = parse_map("step=global_step, correct=reward_status==verified_pass,truncated=n>=4096,problem=a b")
    assert found == {
        "step": Source("global_step"), "correct": Source("reward_status", "==", "verified_pass"),
        "truncated": Source("n", ">=", "4096"), "problem": Source("a b"),
    }  # fmt: skip
    assert parse_map("") == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("steps=t", "did you mean 'step'"), ("step", "role=column"), ("step=", "role=column"),
        ("step=a,step=b", "step twice"), ("correct=status>=good", "a number after >="),
    ],
)  # fmt: skip
def test_a_wrong_map_is_explained(text, expected):
    with pytest.raises(ConetError, match=expected):
        parse_map(text)


@pytest.mark.parametrize(
    ("values", "condition", "expected"),
    [
        ([1.0, 0.5, None], "x>=1", [True, False, None]),
        ([1.0, 0.5, float("nan")], "x<1", [False, True, None]),
        (["pass", "fail", None], "x==pass", [True, False, None]),
        (["pass", "fail", None], "x!=pass", [False, True, None]),
        (["1", "1.0", "one"], "x==1", [True, True, False]),
        ([True, False, None], "x==true", [True, False, None]),
        ([3, 4, 5], "x>3.5", [False, True, True]),
        (["true", "False", "?"], "x==true", [True, False, False]),
    ],
)
def test_conditions(values, condition, expected):
    frame = pl.DataFrame({"x": values})
    source = parse_map(f"correct={condition}")["correct"]
    assert frame.select(match(source, frame.schema["x"]))["x"].to_list() == expected


def test_numbers_of_any_type():
    for values, expected in (
        (["1", " 2.5 ", "true", "x", "nan", "inf", None], [1, 2.5, 1, None, None, None, None]),
        ([float("nan"), float("inf"), 3.0], [None, None, 3.0]),
        ([[1], [2]], [None, None]),
    ):
        frame = pl.DataFrame({"x": values})
        assert frame.with_columns(number("x", frame.schema["x"]).alias("x"))["x"].to_list() == expected


def test_an_id_counts_only_when_named(tmp_path):
    rows = pl.DataFrame(
        {"step": [0, 1], "prompt": ["a", "b"], "problem": [7.0, 7.0], "uid": ["x", "y"], "correct": [1, 0]}
    )
    path = written(rows, tmp_path / "rows.parquet")
    assert read(path).names == ["a", "b"]
    assert read(path, map="problem=problem").names == ["7"]
    with pytest.raises(ConetError, match=r"no prompt.*--map problem=COLUMN"):
        read(written(rows.drop("prompt"), tmp_path / "ids.parquet"))


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [("step=global_stp", "did you mean 'global_step'"), ("length=lenght", "did you mean 'length'")],
)
def test_a_missing_column_names_the_nearest(wrong, expected, tmp_path):
    rows = pl.DataFrame({"global_step": [1], "prompt": ["a"], "correct": [1], "length": [3]})
    with pytest.raises(ConetError) as error:
        read(written(rows, tmp_path / "rows.csv"), map=wrong)
    assert expected in said(error)


def test_a_missing_step_names_the_nearest(tmp_path):
    rows = pl.DataFrame({"steps": [1], "prompt": ["a"], "correct": [1]})
    with pytest.raises(ConetError) as error:
        read(written(rows, tmp_path / "rows.csv"))
    assert "did you mean 'steps'" in said(error)


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
        "rows without a step": 2, "rows without a prompt": 2, "rows without a reward that is a number": 3,
        "lines that cannot be read": 2, "torn last lines": 1,
    }  # fmt: skip


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
    as_verl(ROWS, tmp_path / "dumps" / "more")
    with pytest.raises(ConetError, match=r"dumps/more, dumps/rollouts, dumps/validation.*rollout_data_dir"):
        read(tmp_path)
    assert read(tmp_path / "dumps" / "more").rows.height == ROWS.height


def test_two_runs_in_one_place_are_not_mixed(tmp_path):
    for name in ("a", "b"):
        as_trl(ROWS, tmp_path / name)
    (tmp_path / "completions").mkdir()
    as_trl(ROWS, tmp_path)
    shutil.copytree(tmp_path / "completions", tmp_path / "old")
    with pytest.raises(ConetError, match="completions, old"):
        read(tmp_path)
    (tmp_path / "completions" / "backup").symlink_to(tmp_path / "old")
    assert read(tmp_path / "completions").rows.height == ROWS.height


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
    whole = Collector._piece
    monkeypatch.setattr(
        Collector,
        "_piece",
        lambda self, part, *rest: opened.append(part.path.name) or whole(self, part, *rest),
    )
    as_verl(rows.filter(pl.col("step") == 5), tmp_path / "rollouts")
    torn = tmp_path / "rollouts" / "6.jsonl"
    torn.write_text('{"input": "What is 1?", "out')
    assert collector.read().skipped == {"torn last lines": 1}
    assert opened == ["5.jsonl", "6.jsonl"]
    as_verl(rows.filter(pl.col("step") >= 6), tmp_path / "rollouts")
    assert collector.read().rows.equals(read(tmp_path).rows)


# Fuzz --------------------------------------------------------------------------------------------------

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
NAMES = (
    "completions_00001.parquet",
    "7.jsonl",
    "rows.jsonl",
    "rows.csv",
    "rows.parquet",
    "rows.tsv",
    "x.json",
)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.integers(), max_size=2)
)


def survives(path: Path, **options: str) -> None:
    """Whatever the bytes, there is a record or one clear line."""
    try:
        record = read(path, **options)
    except ConetError:
        return
    assert record.rows.height > 0
    assert record.rows.select("step", "problem", "correct").null_count().row(0) == (0, 0, 0)


@FUZZ
@given(name=st.sampled_from(NAMES), content=st.binary(max_size=400), folder=st.booleans())
def test_fuzz_any_bytes(name, content, folder):
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / name
        path.write_bytes(content)
        survives(Path(place) if folder else path)


@FUZZ
@given(st.data())
def test_fuzz_damaged_files(data):
    name = data.draw(st.sampled_from(NAMES[:6]))
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / name
        rows = ROWS.head(12).drop("completion_length")
        if name == "7.jsonl":
            rows = rows.rename({"prompt": "input", "completion": "output", "accuracy_reward": "score"})
        content = bytearray(written(rows, path).read_bytes())
        for _ in range(data.draw(st.integers(1, 5))):
            at = data.draw(st.integers(0, len(content) - 1))
            content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
        path.write_bytes(content)
        survives(path)


@FUZZ
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["step", "prompt", "completion", "correct", "length"]), VALUES),
        max_size=6,
    )
)
def test_fuzz_values_of_any_type(rows):
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        survives(path)
        survives(path, map="correct=correct==1,problem=prompt")


NESTED = VALUES | st.dictionaries(st.text(max_size=3), VALUES, max_size=2)


@FUZZ
@given(st.lists(st.dictionaries(st.sampled_from("ab"), NESTED), min_size=1, max_size=5))
def test_both_ways_of_reading_lines_agree(rows):
    """Through polars, or line by line: the same texts, but for how a number is written."""
    rows = json.loads(json.dumps(rows), parse_constant=lambda word: None)
    data = ("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n").encode("utf-8", "replace")
    fast = json_lines._parse_lines(data, ["a", "b"]).frame
    slow = json_lines.frame_of([json.loads(line) for line in data.split(b"\n") if line], ["a", "b"])
    for name in "ab":
        for quick, careful in zip(fast[name], slow[name]):
            if quick != careful:
                assert float(quick) == pytest.approx(float(careful), rel=1e-15)


# Torn, half there, renamed -------------------------------------------------------------------------------


def test_a_torn_quote_in_csv_costs_one_line(tmp_path):
    lines = [f"{step},p,a{step},1" for step in range(40)]
    lines[20] = '20,p,"two lines,\nand a ""quote""",1'
    torn = [*lines[:10], '9,p,"ans torn', *lines[10:30], '29,p,"torn again', *lines[30:]]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["step,prompt,completion,correct", *torn]) + "\n")
    collector = open_run(path)
    record = collector.read()
    assert record.rows["step"].to_list() == list(range(40))
    assert record.skipped == {"lines that cannot be read": 2}
    assert collector.texts(record, record.rows[20])[0][1] == 'two lines,\nand a "quote"'


def test_torn_quotes_too_far_to_go_back_cost_all_lines_and_they_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(separated, "LONGEST_ROW", 1)
    (tmp_path / "rows.csv").write_text(f'step,prompt,correct\n1,"torn\n2,{"b" * 99},1\n3,c,1\n')
    record = read(tmp_path / "rows.csv")
    assert record.rows["step"].to_list() == [3]
    assert record.skipped == {"lines that cannot be read": 2}


def test_a_row_of_csv_with_too_many_fields_costs_its_first_line(tmp_path):
    (tmp_path / "rows.csv").write_text('step,prompt,correct\n1,"torn\n2,b,1\n3,"\n4,d,1\n')
    record = read(tmp_path / "rows.csv")
    assert record.rows["step"].to_list() == [2, 4]
    assert record.skipped == {"lines that cannot be read": 2}


def test_columns_without_rows_say_nothing_of_them(tmp_path):
    empty = {"a.csv": b"step,prompt,reward\n", "b.parquet": b"", "c.csv": b"step,prompt,reward\n1,a\n"}
    for name, content in empty.items():
        (tmp_path / name).write_bytes(content)
    pl.DataFrame({"step": [], "prompt": [], "reward": []}).write_parquet(tmp_path / "b.parquet")
    for name, expected in zip(empty, ("they are empty", "they are empty", "as many fields as its header")):
        with pytest.raises(NothingYet, match=expected):
            read(tmp_path / name)
    (tmp_path / "d.csv").write_text("step,prompt,reward\n1,a,1\n")
    assert read(tmp_path).rows.height == 1


def test_a_file_is_read_again_when_more_is_known_of_it(tmp_path):
    as_trl(ROWS, tmp_path)
    collector = open_run(tmp_path)
    assert collector.read().rows["split"].unique().to_list() == ["train"]
    (tmp_path / "checkpoint-3").mkdir()
    history = {"log_history": [{"step": 2, "loss": 0.1}, {"step": 3, "eval_loss": 0.1}]}
    (tmp_path / "checkpoint-3" / "trainer_state.json").write_text(json.dumps(history))
    rows = collector.read().rows
    assert rows.filter(split="eval")["step"].unique().to_list() == [3]
    assert rows.equals(read(tmp_path).rows)


def test_rows_without_an_answer_are_passed_over_and_counted(tmp_path):
    """Their length is unknown, and a correct answer of length 0 would make a V."""
    rows = ROWS.drop("length", "completion_length", strict=False)
    rows = rows.with_columns(completion=pl.when(pl.col("step") % 2 == 0).then(pl.col("completion")))
    record = read(written(rows, tmp_path / "rows.jsonl"))
    kept = rows["completion"].drop_nulls().len()
    assert (record.rows.height, record.skipped) == (kept, {"rows without a completion": rows.height - kept})
    early = [
        rows.filter(pl.col("step") <= 3).with_columns(completion=pl.lit(None, pl.String)),
        rows.filter(pl.col("step") > 3),
    ]
    for name, part in zip("ab", early):  # whichever comes first
        written(part, tmp_path / "run" / f"{name}.jsonl")
    assert read(tmp_path / "run").rows["length"].null_count() == 0
    silent = ROWS.drop("completion")
    assert read(written(silent, tmp_path / "silent.jsonl")).rows.height == ROWS.height


def test_a_file_that_equals_another_by_chance_counts(tmp_path):
    """Without answers, the files of two workers may say the same; ten wrong rewards tell nothing apart."""
    rows = pl.DataFrame({"step": [1] * 10, "prompt": ["p"] * 10, "reward": [0.0] * 9 + [1.0]})
    for rank in (0, 1):
        written(rows, tmp_path / "run" / f"rank{rank}.jsonl")
    assert read(tmp_path / "run").rows.height == 20


@pytest.mark.parametrize("order", ["prompt", "row"])
def test_a_file_twice_counts_once_in_any_order(tmp_path, order):
    rows = ROWS.with_columns(row=pl.int_range(pl.len()) * 7919 % 1009).sort(order).drop("row")
    for name in ("a", "b"):
        written(rows, tmp_path / "run" / f"{name}.jsonl")
    record = read(tmp_path / "run")
    assert (record.rows.height, record.skipped) == (ROWS.height, {REPEATED: ROWS.height})


def test_a_training_that_goes_back_is_said(tmp_path):
    again = ROWS.filter(pl.col("step") >= 2).with_columns(completion=pl.col("completion") + "!")
    record = read(written(pl.concat([ROWS, again]), tmp_path / "rows.csv"))
    assert record.rows.height == ROWS.height + again.height
    assert any("come again after later ones" in remark for remark in record.remarks)


def test_conditions_mean_what_they_say(tmp_path):
    rows = pl.DataFrame(
        {"step": [1] * 4, "prompt": ["p"] * 4, "score": pl.Series([0.0, 0.9, 0.9, 0.9], dtype=pl.Float32)}
    )
    path = written(rows, tmp_path / "x.parquet")
    for condition in ("score>=0.9", "score==0.9"):
        assert read(path, map=f"correct={condition}").rows["correct"].sum() == 3
    text = tmp_path / "x.csv"
    text.write_text('step,prompt,verdict,score\n1,p,"a, b",1\n1,p,yes,nan\n1,p,it\'s,0\n')
    for condition, found in (
        ("verdict=='a, b'", 1),
        ("verdict!='a, b'", 2),
        ("verdict==it's", 1),
        ("verdict==YES", 1),
    ):
        assert read(text, map=f"correct={condition}").rows["correct"].sum() == found, condition
    record = read(text, map="correct=score!=0")
    assert (record.rows.height, record.rows["correct"].sum()) == (2, 1)  # not a number is neither
    assert "verdict==Nein holds for no row" in read(text, map="correct=verdict==Nein").remarks[0]
    for wrong in ("step=step>=3", "problem=prompt==p", "correct=verdict=="):
        with pytest.raises(ConetError):
            read(text, map=wrong)


def test_ids_are_the_same_with_and_without_a_point(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "1.csv").write_text("step,qid,prompt,correct\n1,7,p,1\n")
    (folder / "2.csv").write_text("step,qid,prompt,correct\n2,7.0,p,1\n2,,p,1\n")
    assert read(folder, map="problem=qid").names == ["7"]


def test_prompts_that_differ_in_an_image_are_different_problems(tmp_path):
    lines = [
        json.dumps({"step": 1, "correct": 1, "prompt": [{"role": "user", "content": [
            {"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": f"{name}.png"}}]}]})
        for name in "aab"
    ]  # fmt: skip
    (tmp_path / "x.jsonl").write_text("\n".join(lines) + "\n")
    assert len(read(tmp_path / "x.jsonl").names) == 2


def test_messages_as_python_writes_them(tmp_path):
    (tmp_path / "x.csv").write_text(
        "step,prompt,completion,correct\n"
        "1,\"[{'role': 'user', 'content': 'two'}]\",\"[ {'role': 'assistant', 'content': 'x'}]\",1\n"
    )
    record = read(tmp_path / "x.csv")
    assert (record.names, record.rows["length"].to_list()) == (["two"], [1])
