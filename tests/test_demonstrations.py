"""The examples to heat on: messages out of texts, bad demonstrations flagged, the command runs as it is printed."""

import json
import shlex

import numpy as np
import polars as pl
import pytest
from logs import as_trl
from trouble import curve, run, saved

import conet
from conet.cli import main
from conet.diagnosis.demonstrations import flagged, side_by_side, words_before_result
from conet.diagnosis.heat import example
from conet.diagnosis.heat_messages import Unclear, rebuilt
from conet.readers.asked import options
from conet.readers.column_mapping import parse_column_mapping

QWEN = "system\nYou are Qwen.\nuser\nWhat is 2 + 2?\nBe brief.\nassistant\n"
CHATML = "<|im_start|>user\nWhat is 2 + 2?<|im_end|>\n<|im_start|>assistant\n<think>\n"


def test_prompts_without_special_tokens_become_messages():
    assert rebuilt(QWEN, "4<|im_end|>") == [
        {"role": "system", "content": "You are Qwen."},
        {"role": "user", "content": "What is 2 + 2?\nBe brief."},
        {"role": "assistant", "content": "4"},
    ]
    assert rebuilt("user\nHi\nassistant\nHello\nuser\nWhat is 2?\nassistant\n", "2")[-2:] == [
        {"role": "user", "content": "What is 2?"},
        {"role": "assistant", "content": "2"},
    ]
    assert rebuilt(CHATML, "I add.</think>4")[-1] == {
        "role": "assistant",
        "content": "<think>\nI add.</think>4",
    }


def test_a_prompt_without_any_marker_is_plain_text():
    assert rebuilt("What is 2 + 2?\nuser friendly, please\n", "4") is None
    assert example("What is 2 + 2?", "4") == {"prompt": "What is 2 + 2?", "completion": "4"}


@pytest.mark.parametrize(
    "prompt",
    [
        "system\nYou are.\nuser\nTwo lines:\nuser\nonce more\nassistant\n",
        "user\nWhat is 2?\n",
        "user\n\nWhat is 2?assistant\n\n",
        "user\nWhat is 2?\nassistant\nIt is",
        "assistant\n",
    ],
)
def test_what_does_not_tell_its_messages_apart_is_refused(prompt):
    with pytest.raises(Unclear):
        rebuilt(prompt, "4")


def hard(steps: int = 30) -> pl.DataFrame:
    """A V of the correct length, with problems that are nearly lost."""
    accuracy = curve((1, 0.1), (12, 0.75), (steps, 0.8))
    rows = run(accuracy, length=curve((1, 400), (15, 150), (steps, 260)), problems=20, boxed=0.9)
    rng = np.random.default_rng(0)
    lost = rows["prompt"].str.contains(r"What is [0-7] times")
    rare = pl.Series(rng.random(rows.height) < 0.08)
    return rows.with_columns(correct=pl.when(lost).then(rare.cast(pl.Float64)).otherwise("correct"))


def test_the_command_runs_as_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = hard().select(
        "step",
        "completion",
        prompt=pl.format("system\nYou are Qwen.\nuser\n{}\nassistant\n", "prompt"),
        accuracy_reward="correct",
        format_reward=pl.lit(0.5),
        completion_length="response_length",
        advantage=pl.lit(0.0),
    )
    as_trl(rows, tmp_path / "run 1")
    for last in range(16, 31):  # the signal fires at one of these
        found = conet.diagnose(
            as_trl(rows.filter(pl.col("step") <= last), tmp_path / f"run {last}"),
            format="trl",
            column_mapping="correct=accuracy_reward>=1",
        )
        if found.findings["heat_now"]:
            break
    assert found.findings["heat_now"] is True
    command = next(line.text for line in found.headlines if "conet heat" in line.text).partition(": ")[2]
    main(shlex.split(command)[1:])
    assert "problems with a mean accuracy" in capsys.readouterr().out
    lines = [json.loads(line) for line in (tmp_path / "heat.jsonl").read_text().splitlines()]
    assert all(
        [part["role"] for part in line["messages"]] == ["system", "user", "assistant"] for line in lines
    )
    assert not any("assistant\n" in part["content"] for line in lines for part in line["messages"])


def test_prompts_that_cannot_be_rebuilt_are_refused_with_the_reason(tmp_path, capsys):
    rows = hard().with_columns(prompt=pl.format("user\nThe word\nuser\nis odd: {}\nassistant\n", "prompt"))
    with pytest.raises(SystemExit) as ended:
        main(["heat", str(saved(rows, tmp_path)), "--out", str(tmp_path / "heat.jsonl")])
    assert ended.value.code == 2
    assert "cannot be rebuilt into messages: its roles are user, user, assistant" in capsys.readouterr().err
    assert not (tmp_path / "heat.jsonl").exists()


def test_bad_demonstrations_are_flagged_and_shown(tmp_path, capsys):
    others = pl.Series([300, 320, 280, 310, 290])
    assert "far shorter" in flagged({"length": 20, "completion": "4"}, others)
    assert flagged({"length": 120, "completion": r"\boxed{4}"}, others) == "no reasoning before the result"
    assert flagged({"length": 120, "completion": r"we add two and two, so \boxed{4}"}, others) is None
    assert flagged({"length": 20, "completion": "4"}, pl.Series([20, 22])) is None
    assert words_before_result(r"so it is \boxed{4}") == 3
    rows = hard().with_columns(
        completion=pl.when(pl.col("correct") == 1).then(pl.lit(r"\boxed{4}")).otherwise("completion"),
        response_length=pl.when(pl.col("correct") == 1).then(10).otherwise("response_length"),
    )
    main(["heat", str(saved(rows, tmp_path)), "--out", str(tmp_path / "heat.jsonl"), "--review"])
    out = capsys.readouterr().out
    assert "demonstrations look bad" in out
    assert "FLAGGED: far shorter" in out
    assert any("What is" in line and "│ \\boxed{4}" in line for line in out.splitlines())


def test_side_by_side_keeps_control_characters_out():
    row = {
        "prompt": "a\x1b[31m",
        "completion": "b " * 60,
        "accuracy": 0.1,
        "samples": 16,
        "step": 1,
        "length": 9,
    }
    shown = side_by_side(row, 80)
    assert "\x1b" not in shown
    assert len(shown.splitlines()) >= 4


def test_options_are_written_as_they_are_read():
    given = parse_column_mapping("correct=status=='a, b',step=global_step")
    again = options("trl", given, None)
    assert again == ("--format", "trl", "--map", "correct=status=='a, b'", "--map", "step=global_step")
    assert parse_column_mapping(",".join(again[3::2])) == given
    assert options("auto", None, None) == ()
