"""Questions and answers: drawn distinct, read from files, refused where they do not fit."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conet.base.errors import ConetError
from conet.config import ProblemSettings
from conet.network.problems import Problems, make


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(2, 80), st.integers(0, 2**63 - 1))
def test_drawn_questions_and_answers_are_all_distinct(data, nodes, seed):
    count = data.draw(st.integers(1, nodes // 2))
    tasks = make(ProblemSettings(count=count, max_length=7), nodes, seed)
    together = np.concatenate([tasks.questions, tasks.answers])
    assert len(tasks) == count == len(tasks.answers)
    assert len(np.unique(together)) == 2 * count
    assert together.min() >= 0
    assert together.max() < nodes
    assert (tasks.questions.dtype, tasks.answers.dtype) == (np.int32, np.int32)
    again = make(ProblemSettings(count=count, max_length=7), nodes, seed)
    assert np.array_equal(again.questions, tasks.questions)
    assert np.array_equal(again.answers, tasks.answers)


def test_another_seed_draws_others_and_more_questions_are_refused():
    first, second = (make(ProblemSettings(count=20), 100, seed) for seed in (0, 1))
    assert not np.array_equal(first.questions, second.questions)
    with pytest.raises(ConetError, match=r"problems\.count=51; expected at most 50"):
        make(ProblemSettings(count=51), 100, 0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tasks.txt", "# question answer\n3 4\n\n0 4  # answers may repeat\n"),
        ("tasks.csv", "3,4\n0, 4\n"),
        ("tasks.json", "[[3, 4], [0, 4]]"),
    ],
)
def test_reads_pairs(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    tasks = make(ProblemSettings(file=str(path), max_length=3, stop_at_any_answer=True), 5, 0)
    assert tasks.questions.tolist() == [3, 0]
    assert tasks.answers.tolist() == [4, 4]
    assert (tasks.max_length, tasks.stop_at_any_answer) == (3, True)
    assert tasks.questions.flags.c_contiguous
    assert tasks.answers.flags.c_contiguous


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ([[0, 1], [0, 2]], "question 0 stands 2 times"),
        ([[2, 2]], "question 2 is its own answer"),
        ([[0, 5]], "node 5; expected 0 to 4"),
        ([[-1, 2]], "node -1; expected 0 to 4"),
        ([[0, 1, 2]], "shape (1, 3)"),
        ([], "shape (0,)"),
        ([[0, 1], [2]], "tasks.json"),
        ([[0, 1.5]], "no whole number"),
        ([[0, True]], "no whole number"),
        ([["0", "1"]], "no whole number"),
        ([[0, 2**80]], "tasks.json"),
        ({"0": 1}, "tasks.json"),
        (7, "tasks.json"),
    ],
)
def test_refuses_pairs_that_do_not_fit(tmp_path, rows, part):
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(rows))
    with pytest.raises(ConetError) as caught:
        make(ProblemSettings(file=str(path)), 5, 0)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"0 x\n", b"0 1 2\n", b"", b"\xff\xfe", b"# nothing\n", b"0 1\n2\n"])
def test_refuses_files_without_pairs(tmp_path, content):
    path = tmp_path / "tasks.txt"
    path.write_bytes(content)
    with pytest.raises(ConetError, match=r"tasks\.txt"):
        make(ProblemSettings(file=str(path)), 5, 0)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ConetError, match=r"absent\.txt"):
        make(ProblemSettings(file=str(tmp_path / "absent.txt")), 5, 0)


def test_stops_marks_the_answers_only_when_asked():
    pairs = np.array([0, 1], np.int32), np.array([3, 2], np.int32)
    assert Problems(*pairs, 5).stops(5).shape == (0,)
    assert Problems(*pairs, 5, stop_at_any_answer=True).stops(5).tolist() == [0, 0, 1, 1, 0]
