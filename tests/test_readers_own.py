"""Readers from outside: a column mapping, or a function that yields rollouts; each is one file."""

import inspect
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from logs import said, written

import conet
from conet.base.errors import ConetError
from conet.cli import compare, diagnose, heat, logs, main, traces
from conet.cli.reading import READING
from conet.readers import READERS, Part, Reader, Skipped, open_run, parse_column_mapping
from conet.readers.column_mapping import ROLES, Source
from conet.readers.places import NothingYet, any_files

SKELETON = Path(__file__).parents[1] / "docs" / "skeletons" / "reader.py"


def groups(path: Path, steps: int = 3) -> Path:
    """A file of which each line is a group of answers, the last line torn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps(
            {
                "update": step,
                "question": f"{step % 2} + 1",
                "answers": [{"text": "a" * (step + 1), "verified": True}, {"text": "no", "verified": False}],
            }
        )
        for step in range(steps)
    ]
    path.write_text("\n".join([*lines, '{"update": 9, "que']) + "\n")
    return path


def test_the_skeleton_of_a_column_mapping(tmp_path):
    rows = {
        "update": [1, 2],
        "question": ["a", "b"],
        "answer": ["x", "y"],
        "verified": [True, False],
        "tokens": [3, 4],
    }
    written(pl.DataFrame(rows), tmp_path / "epoch-0" / "rollouts.jsonl")
    record = conet.read(tmp_path, f"{SKELETON}:READER")
    assert (record.format, record.rows["correct"].to_list()) == ("mine", [True, False])
    assert record.rows["length"].to_list() == [3, 4]


@pytest.mark.parametrize("place", ["logs", "logs/deep/groups.json"])
def test_the_skeleton_of_a_function(place, tmp_path):
    groups(tmp_path / "logs" / "deep" / "groups.json")
    record = conet.read(tmp_path / place, f"{SKELETON}:rows")
    assert record.names == ["0 + 1", "1 + 1"]
    assert record.rows["step"].to_list() == [0, 0, 1, 1, 2, 2]
    assert record.rows["correct"].to_list() == [True, False] * 3
    assert record.rows["length"].to_list() == [1, 2, 2, 2, 3, 2]
    assert record.rows["sample"].to_list() == [0, 1] * 3
    assert record.skipped == {"lines that cannot be read": 1}
    assert record.texts(record.rows[4]) == [("0 + 1", "aaa")]


def test_the_skeleton_on_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    groups(tmp_path / "groups.json", 40)
    main(["diagnose", "groups.json", "--format", f"{SKELETON}:rows", "--json"])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["format"], found["samples"], found["problems"], found["skipped_rows"]) == ("rows", 80, 2, 1)
    main(
        [
            "heat",
            "groups.json",
            "--format",
            f"{SKELETON}:rows",
            "--out",
            "heat.jsonl",
            "--max-accuracy",
            "0.6",
        ]
    )
    (first, second) = map(json.loads, Path("heat.jsonl").read_text().splitlines())
    assert {first["prompt"], second["prompt"]} == {"0 + 1", "1 + 1"}
    assert set(first["completion"]) == {"a"}


def test_a_reader_as_version_0_1_had_it(tmp_path):
    """Its arguments by position, as in the skeleton of then."""
    from conet.readers.base import named_rewards

    names = {"step": ("update",), "prompt": ("question",), "completion": ("answer",)}
    reader = Reader(name="old", finds=lambda path: [Part(path)], names=names, rewards=named_rewards)
    rows = pl.DataFrame({"update": [1], "question": ["a"], "answer": ["xyz"], "my_reward": [1.0]})
    record = conet.read(written(rows, tmp_path / "x.parquet"), reader)
    assert (record.rows["correct"].to_list(), record.rows["length"].to_list()) == ([True], [3])


def yielding(*items: object) -> Reader:
    return Reader(name="own", finds=lambda path: [Part(path)], rows=lambda path: iter(items))


def place(tmp_path: Path) -> Path:
    path = tmp_path / "anything.bin"
    path.write_bytes(b"\x00")
    return path


def test_values_of_any_type_and_whole_tables(tmp_path):
    table = pl.DataFrame(
        {"step": [2, 2], "prompt": ["a", "b"], "reward": [0.0, 1.0], "truncated": [True, None]}
    )
    record = conet.read(
        place(tmp_path),
        yielding(
            {"step": np.int64(1), "prompt": "a", "reward": np.float32(1), "truncated": False},
            {"step": "1", "prompt": "b", "reward": "0", "truncated": None},
            table,
            {"step": 3.0, "prompt": [{"role": "user", "content": "a"}], "reward": True},
            Skipped("groups without an answer"),
            {"step": 4, "prompt": "a", "reward": None},
        ),
    )
    assert record.rows["step"].to_list() == [1, 1, 2, 2, 3]
    assert [record.names[problem] for problem in record.rows["problem"]] == ["a", "b", "a", "b", "a"]
    assert record.rows["correct"].to_list() == [True, False, False, True, True]
    assert record.rows["truncated"].to_list() == [False, None, True, None, None]
    assert record.rows["row"].to_list() == [0, 1, 2, 3, 4]
    assert record.skipped == {"groups without an answer": 1, "rows without a reward that is a number": 1}


def test_an_id_that_a_function_gives_is_the_problem(tmp_path):
    rows = [{"step": step, "problem": "p7", "prompt": f"attempt {step}", "correct": 1} for step in range(3)]
    record = conet.read(place(tmp_path), yielding(*rows))
    assert (record.names, record.rows["problem"].to_list()) == (["p7"], [0, 0, 0])


def test_several_rewards_of_a_function_are_told_apart_by_the_mapping(tmp_path):
    rows = [{"step": 0, "prompt": "a", "format_reward": 1, "math_reward": value} for value in (0, 1)]
    with pytest.raises(ConetError, match=r"2 reward columns \(format_reward, math_reward\)"):
        conet.read(place(tmp_path), yielding(*rows))
    record = conet.read(place(tmp_path), yielding(*rows), column_mapping={"reward": "math_reward"})
    assert record.rows["correct"].to_list() == [False, True]


def test_the_step_and_split_of_a_part_hold_for_its_rollouts(tmp_path):
    def finds(path: Path) -> list[Part]:
        return [Part(path / "5", step=5), Part(path / "6", "eval", step=6)]

    for name in ("5", "6"):
        (tmp_path / name).touch()
    record = conet.read(
        tmp_path, Reader(name="own", finds=finds, rows=lambda _: [{"prompt": "a", "correct": 1}])
    )
    assert record.rows.select("step", "split").rows() == [(5, "train"), (6, "eval")]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([7], "gives int in the place of a rollout"),
        ([{"prompt": "a", "correct": 1}], "no step"),
        ([], "they are empty"),
    ],
)
def test_what_a_function_gives_wrong_is_said(items, expected, tmp_path):
    with pytest.raises(ConetError) as error:
        conet.read(place(tmp_path), yielding(*items))
    assert expected in said(error)


def test_a_function_that_fails_ends_its_file_only(tmp_path):
    def rows(path: Path):
        yield {"step": 0, "prompt": "a", "correct": 1}
        if path.name in "ab":
            raise KeyError("answers")
        yield {"step": 1, "prompt": "a", "correct": 0}

    for name in ("a", "b", "c"):
        (tmp_path / name).touch()
    (tmp_path / ".hidden").touch()
    record = conet.read(tmp_path, Reader(name="own", finds=any_files, rows=rows))
    assert record.rows["step"].to_list() == [0, 0, 0, 1]
    assert record.skipped_files == dict.fromkeys("ab", "cannot be read ('answers')")


def test_a_growing_file_of_a_function_is_read_further(tmp_path):
    path = groups(tmp_path / "groups.json", 1)
    collector = open_run(path, f"{SKELETON}:rows")
    assert collector.read().rows.height == 2
    groups(path, 3)
    assert collector.read().rows.height == 6
    path.unlink()
    with pytest.raises(NothingYet):
        collector.read()


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        ("rows = 7", "rows", "a Reader, or a function rows(path)"),
        ("", "rows", "no 'rows' in"),
        ("1 / 0", "rows", "ZeroDivisionError"),
    ],
)
def test_a_file_that_is_no_reader_is_refused_in_one_line(content, name, expected, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(content)
    with pytest.raises(ConetError) as error:
        conet.read(tmp_path, f"{file}:{name}")
    assert expected in said(error)


def test_a_column_mapping_as_text_or_as_a_mapping():
    text = "step=global_step, problem=question id, correct=status=='a, b', truncated=tokens>=4096"
    found = parse_column_mapping(text)
    assert found == {
        "step": Source("global_step"),
        "problem": Source("question id"),
        "correct": Source("status", "==", "a, b"),
        "truncated": Source("tokens", ">=", "4096"),
    }
    mapping = {
        "step": "global_step",
        "problem": "question id",
        "correct": "status=='a, b'",
        "truncated": Source("tokens", ">=", "4096"),
    }
    assert parse_column_mapping(mapping) == found
    for wrong in ({"stepp": "x"}, {"step": "x>=1"}, {"correct": "x>="}, {"correct": "x>=much"}):
        with pytest.raises(ConetError):
            parse_column_mapping(wrong)


def test_every_reader_says_what_it_reads(capsys):
    for name, reader in READERS.items():
        assert reader.name == name
        assert reader.files
        assert reader.trainer
        assert reader.setting
        assert set(reader.names) <= set(ROLES)
    main(["diagnose", "--help"])
    told = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert f"auto, {', '.join(READERS)}, or path/to/file.py:name" in told
    with pytest.raises(NothingYet) as error:
        conet.read(SKELETON.parent / "nothing here")
    with pytest.raises(ConetError) as error:
        conet.read(SKELETON.parents[1] / "figures")
    assert all(f"{name}: " in said(error) for name in READERS)


def test_every_command_on_logs_has_the_same_options_of_reading():
    for command in (diagnose.diagnose, diagnose.watch, heat.heat, logs.logs, compare.compare, traces.web):
        assert inspect.signature(command).parameters["reading"].default == READING
