"""Readers: torn rows, missing answers, conditions and names as they occur; each was once read wrongly."""

import json

import polars as pl
import pytest
from logs import ROWS, as_trl, written

from conet.base.errors import ConetError
from conet.readers import open_run, read
from conet.readers.branches import REPLACED
from conet.readers.formats import separated
from conet.readers.places import NothingYet
from conet.readers.repeats import REPEATED

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
    assert record.texts(record.rows[20])[0][1] == 'two lines,\nand a "quote"'


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


def test_what_a_resumed_training_writes_again_replaces_the_abandoned_branch(tmp_path):
    again = ROWS.filter(pl.col("step") >= 2).with_columns(completion=pl.col("completion") + "!")
    record = read(written(pl.concat([ROWS, again]), tmp_path / "rows.csv"))
    assert record.rows.height == ROWS.height
    assert record.skipped == {REPLACED: again.height}
    assert any("abandoned branch" in remark and remark.endswith(": 4") for remark in record.remarks)


def test_conditions_mean_what_they_say(tmp_path):
    rows = pl.DataFrame(
        {"step": [1] * 4, "prompt": ["p"] * 4, "score": pl.Series([0.0, 0.9, 0.9, 0.9], dtype=pl.Float32)}
    )
    path = written(rows, tmp_path / "x.parquet")
    for condition in ("score>=0.9", "score==0.9"):
        assert read(path, column_mapping=f"correct={condition}").rows["correct"].sum() == 3
    text = tmp_path / "x.csv"
    text.write_text('step,prompt,verdict,score\n1,p,"a, b",1\n1,p,yes,nan\n1,p,it\'s,0\n')
    for condition, found in (
        ("verdict=='a, b'", 1),
        ("verdict!='a, b'", 2),
        ("verdict==it's", 1),
        ("verdict==YES", 1),
    ):
        assert read(text, column_mapping=f"correct={condition}").rows["correct"].sum() == found, condition
    record = read(text, column_mapping="correct=score!=0")
    assert (record.rows.height, record.rows["correct"].sum()) == (2, 1)  # not a number is neither
    assert "verdict==Nein holds for no row" in read(text, column_mapping="correct=verdict==Nein").remarks[0]
    for wrong in ("step=step>=3", "problem=prompt==p", "correct=verdict=="):
        with pytest.raises(ConetError):
            read(text, column_mapping=wrong)


def test_ids_are_the_same_with_and_without_a_point(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "1.csv").write_text("step,qid,prompt,correct\n1,7,p,1\n")
    (folder / "2.csv").write_text("step,qid,prompt,correct\n2,7.0,p,1\n2,,p,1\n")
    assert read(folder, column_mapping="problem=qid").names == ["7"]


def test_prompts_that_differ_in_an_image_are_different_problems(tmp_path):
    lines = [
        json.dumps(
            {
                "step": 1,
                "correct": 1,
                "prompt": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "What is it?"},
                            {"type": "image_url", "image_url": {"url": f"{name}.png"}},
                        ],
                    }
                ],
            }
        )
        for name in "aab"
    ]
    (tmp_path / "x.jsonl").write_text("\n".join(lines) + "\n")
    assert len(read(tmp_path / "x.jsonl").names) == 2


def test_messages_as_python_writes_them(tmp_path):
    (tmp_path / "x.csv").write_text(
        "step,prompt,completion,correct\n"
        "1,\"[{'role': 'user', 'content': 'two'}]\",\"[ {'role': 'assistant', 'content': 'x'}]\",1\n"
    )
    record = read(tmp_path / "x.csv")
    assert (record.names, record.rows["length"].to_list()) == (["two"], [1])
