"""Readers: formats, and which column says what; nothing is guessed."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from logs import ROWS, as_trl, as_verl, said, written

from conet.base.errors import ConetError
from conet.readers import parse_column_mapping, read
from conet.readers.column_mapping import Source
from conet.readers.messages import as_messages, text_of
from conet.readers.repeats import REPEATED
from conet.readers.values import compare, number

DATA = Path(__file__).parent / "data"
COLUMNS = ["step", "problem", "reward", "correct", "length", "truncated", "split", "phase"]


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
    assert record.rows["text_hash"].n_unique() == ROWS["completion"].n_unique()
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
            "prompt": [
                [{"role": "user", "content": "2+2"}],
                [{"role": "user", "content": "2+2"}],
                [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2"}],
            ],
            "completion": [[{"role": "assistant", "content": text}] for text in ("four", "4", "It is 4")],
            "correct": [True, True, False],
        }
    )
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
    """Numbers of problems become questions; what was drawn for a heating is neither trained nor tested."""
    rows = pl.DataFrame(
        {
            "step": [0, 0, 1],
            "problem": [1, 0, 1],
            "correct": [True, False, True],
            "length": [3, 4, 5],
            "split": ["train", "train", "harvest"],
            "phase": ["rlvr", "rlvr", "heat"],
            "text": ["a", "b", "c"],
        }
    )
    written(rows, tmp_path / "rollouts" / "part-00000000.parquet")
    assert read(tmp_path).names == ["0", "1"]
    written(pl.DataFrame({"number": [0, 1], "question": ["2+2=", "3+3="]}), tmp_path / "problems.parquet")
    record = read(tmp_path)
    assert record.names == ["2+2=", "3+3="]
    assert record.rows["problem"].to_list() == rows["problem"].to_list()
    assert record.rows["split"].to_list() == ["train", "train", "harvest"]
    assert record.rows["text_hash"].null_count() == 0


# Real logs ---------------------------------------------------------------------------------------------


def test_real_trl_logs():
    record = read(DATA / "trl" / "plain")
    logs = pl.concat([pl.read_parquet(file) for file in record.files])
    assert record.rows.height == logs.height
    assert record.rows["correct"].sum() == logs["accuracy_reward"].sum()
    assert len(record.names) == logs["prompt"].n_unique()
    assert (record.skipped, record.remarks) == ({}, ())


def test_real_trl_logs_of_messages_that_repeat_a_generation():
    record = read(DATA / "trl" / "chat")
    assert record.sources["correct"] == "column accuracy_reward"
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


@pytest.mark.parametrize("values", [[0.0, -1.0, 0.0], [2.0, 1.0, 1.0], [10.0, 0.0, 0.0], [0.5, 0.25, 0.5]])
def test_of_two_values_the_larger_is_correct_and_that_is_said(values, tmp_path):
    rows = pl.DataFrame({"step": [0, 0, 1], "prompt": ["a", "a", "b"], "reward": values})
    record = read(written(rows, tmp_path / "rows.parquet"))
    assert record.rows["correct"].to_list() == [value == max(values) for value in values]
    assert "the larger is correct" in record.remarks[0]


@pytest.mark.parametrize("values", [[0.0, 0.5, 1.0], [-1.0, 0.0, 1.0], [0.2, None, 0.3, 0.4]])
def test_with_partial_credit_nothing_is_called_correct_before_it_is_said(values, tmp_path):
    size = len(values)
    rows = pl.DataFrame({"step": [0] * size, "prompt": ["a"] * size, "reward": values})
    path = written(rows, tmp_path / "rows.parquet")
    record = read(path)
    known = [value for value in values if value is not None]
    assert record.partial_credit
    assert record.rows["correct"].to_list() == [None] * len(known)
    assert "--correct-above" in record.remarks[0]
    least = known[1]
    assert read(path, column_mapping=f"correct=reward>={least}").rows["correct"].to_list() == [
        value >= least for value in known
    ]
    assert read(path, correct_above=least).rows["correct"].to_list() == [value > least for value in known]


def test_whole_numbers_beside_a_reward_of_trl_are_extras(tmp_path):
    run = as_trl(ROWS.with_columns(target=7, seen=True), tmp_path)
    assert read(run).sources["correct"] == "column accuracy_reward (1 is correct)"
    run = as_trl(ROWS.with_columns(style_reward=0.5).rename({"accuracy_reward": "match_reward"}), tmp_path)
    with pytest.raises(ConetError, match=r"style_reward"):
        read(run)


def test_two_rewards_or_none_are_not_guessed_at(tmp_path):
    rows = pl.DataFrame({"step": [0], "prompt": ["a"], "reward_a": [1.0], "reward_b": [0.0]})
    for chosen in (rows, rows.select("step", "prompt")):
        with pytest.raises(ConetError, match="columns: step, prompt"):
            read(written(chosen, tmp_path / "rows.parquet"))


# --map -------------------------------------------------------------------------------------------------


def test_map_is_read():
    found = parse_column_mapping(
        "step=global_step, correct=reward_status==verified_pass,truncated=n>=4096,problem=a b"
    )
    assert found == {
        "step": Source("global_step"),
        "correct": Source("reward_status", "==", "verified_pass"),
        "truncated": Source("n", ">=", "4096"),
        "problem": Source("a b"),
    }
    assert parse_column_mapping("") == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("steps=t", "did you mean 'step'"),
        ("step", "role=column"),
        ("step=a,step=b", "step twice"),
        ("correct=status>=good", "a number after >="),
    ],
)
def test_a_wrong_map_is_explained(text, expected):
    with pytest.raises(ConetError, match=expected):
        parse_column_mapping(text)


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
    source = parse_column_mapping(f"correct={condition}")["correct"]
    found = compare(source.column, frame.schema["x"], source.comparison, source.value)
    assert frame.select(found)["x"].to_list() == expected


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
    assert read(path, column_mapping="problem=problem").names == ["7"]
    with pytest.raises(ConetError, match=r"no prompt.*--map problem=COLUMN"):
        read(written(rows.drop("prompt"), tmp_path / "ids.parquet"))


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [("step=global_stp", "did you mean 'global_step'"), ("length=lenght", "did you mean 'length'")],
)
def test_a_missing_column_names_the_nearest(wrong, expected, tmp_path):
    rows = pl.DataFrame({"global_step": [1], "prompt": ["a"], "correct": [1], "length": [3]})
    with pytest.raises(ConetError) as error:
        read(written(rows, tmp_path / "rows.csv"), column_mapping=wrong)
    assert expected in said(error)


def test_a_missing_step_names_the_nearest(tmp_path):
    rows = pl.DataFrame({"steps": [1], "prompt": ["a"], "correct": [1]})
    with pytest.raises(ConetError) as error:
        read(written(rows, tmp_path / "rows.csv"))
    assert "did you mean 'steps'" in said(error)


def test_of_several_logs_one_is_to_be_named():
    with pytest.raises(ConetError, match=r"trl in trl, verl in verl.*; expected one log"):
        read(DATA)
    with pytest.raises(ConetError, match=r"several runs.*: chat/completions.*, plain/completions"):
        read(DATA / "trl")
    assert read(DATA / "verl").rows.height


def test_a_run_with_other_logs_deep_in_it_is_still_one(tmp_path):
    shutil.copytree(DATA / "trl/plain", tmp_path / "run")
    shutil.copytree(DATA / "verl", tmp_path / "run/old/verl")
    assert read(tmp_path / "run").format == "trl"


def test_a_column_that_is_not_there_is_asked_for_by_its_role():
    """The example was --map step=COLUMN, whatever had been mapped."""
    log = Path(__file__).parent / "data/trl/plain"
    with pytest.raises(ConetError, match="for example --map correct=COLUMN"):
        read(log, column_mapping="correct=foo")
