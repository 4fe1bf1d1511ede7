"""What is measured of answers when they are read: exact values, and that reading stays as it was."""

import numpy as np
import polars as pl
import pytest

import conet
from conet.readers.measures import MEASURED, final_answer, look_at, of_answer, of_text, same


@pytest.mark.parametrize(
    ("text", "given"),
    [
        (r"so \boxed{1} or rather \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        ("<answer> 7 </answer>", " 7 "),
        ("She has 3 + 4 = 7.\n#### 7", "7"),
        (r"\boxed{12", None),
        ("it is 7", None),
    ],
)
def test_the_result_of_an_answer(text, given):
    assert final_answer(text) == given


@pytest.mark.parametrize(
    ("given", "gold", "equal"),
    [
        ("1,200", "1200.0", True),
        (r"$\dfrac{1}{2}$", r"\frac12", False),
        (r"\dfrac{1}{2}", r"\frac{1}{2}", True),
        (r"\text{yes}.", "Yes", True),
        ("", "", False),
        ("7", "8", False),
    ],
)
def test_equal_results(given, gold, equal):
    assert same(given, gold) == equal


def test_gold_answers_that_explain_themselves():
    assert of_answer(r"\boxed{7}", "She has 3 + 4.\n#### 7") == (True, True)
    assert of_answer("seven", "7") == (False, False)
    assert of_answer(r"\boxed{7}", None) == (True, None)


def test_loops_and_gibberish_stand_out():
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefghijklmnop"), rng.integers(2, 8))) for _ in range(400)]
    prose, loop = " ".join(words), "the answer is the answer is " * 50
    noise = "".join(rng.choice(list("#@)]};:<>|~^%*+=\\"), 800))
    repeated, compressed, signs = zip(*(of_text(text) for text in (prose, loop, noise)))
    assert repeated[0] == 0
    assert repeated[1] > 0.95
    assert compressed[1] < 0.1 < 0.4 < compressed[0]
    assert signs[2] == 1
    assert signs[0] == 0
    assert of_text("7") == (None, None, None)


def test_of_many_answers_some_are_looked_at():
    rows = pl.DataFrame({"row": np.arange(10_000, dtype=np.uint32), "completion": ["x y z w " * 30] * 10_000})
    found = look_at(rows.with_columns(gold=pl.lit(None, pl.String)))
    assert found.columns == list(MEASURED)
    assert 500 < found["repeated_share"].count() < 1500
    assert (
        look_at(rows.with_columns(completion=pl.lit(None, pl.String), gold=pl.lit("7")))
        .null_count()
        .sum_horizontal()[0]
        == 6 * 10_000
    )


def test_rewards_are_kept_one_by_one(tmp_path):
    place = tmp_path / "rows.csv"
    rows = {
        "step": [1, 1],
        "prompt": "p",
        "answer": "7",
        "completion": [r"\boxed{7}", "7"],
        "correct": [0, 1],
    }
    pl.DataFrame(rows | {"format_reward": [1.0, 0.5], "reward": [0.2, 1.2]}).write_csv(place)
    record = conet.read(place)
    assert record.components == ("format_reward", "reward")
    np.testing.assert_allclose(record.rows["components"].to_list(), [[1, 0.2], [0.5, 1.2]], rtol=1e-6)
    assert record.rows["gold_given"].to_list() == [True, False]
