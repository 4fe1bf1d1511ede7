"""What is measured of answers when they are read: exact values, and that reading stays as it was."""

import numpy as np
import polars as pl
import pytest

import conet
from conet.readers.gold import gold_column
from conet.readers.measures import MEASURED, final_answer, look_at, of_answer, of_text, rare_pairs
from conet.readers.results import is_gold, same


@pytest.mark.parametrize(
    ("text", "given"),
    [
        (r"\fbox{3} or \boxed 5.", "5"),
        ("so\n**Answer:** $8$\n", "$8$"),
        (r"so \boxed{1} or rather \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        ("<answer> 7 </answer>", " 7 "),
        ("She has 3 + 4 = 7.\n#### 7", "7"),
        (r"\boxed{12", None),
        ("it is 7", None),
    ],
)
def test_the_result_of_an_answer(text, given):
    assert final_answer(text) == given


EQUAL = [
    ("1,200", "1200.0"),
    (r"12{,}345", "12345"),
    (r"12\,345\!,678", "12345678"),
    ("1 200", "1200"),
    (r"\frac{8}{3}", "8/3"),
    (r"$\dfrac{1}{2}$", r"\frac12"),
    (r"-\frac{1}{2}", r"\tfrac{-1}{2}"),
    (r"2\frac{1}{2}", "2.5"),
    (r"\frac{\sqrt{2}}{2}", r"\sqrt2/2"),
    ("5 cm", "5"),
    (r"5\text{ cm}^2", "5"),
    ("30^\\circ", "30 degrees"),
    (r"\$5.00", "5 dollars"),
    (r"8\%", "8"),
    ("8%", "0.08"),
    (r"3\times 10^{3}", "3,000"),
    (r"x = \frac{3}{4}", "0.75"),
    ("−5", "-5"),
    (r"\text{yes}.", "Yes"),
    (r"\{1, 2\}", "2,1"),
    (r"\left(1, 2\right)", "(1,2)"),
    (r"2\cdot\pi", r"2\pi"),
]
DIFFERENT = [
    ("", ""),
    ("7", "8"),
    ("12", "1,2"),
    ("5x", "5"),
    ("5 cm", "5 km"),
    ("5 m", "5 s"),
    ("(1,2)", "(2,1)"),
    ("[1,2]", "(1,2)"),
    ("8%", "80"),
    ("2.667", "8/3"),
    ("23", r"2\cdot 3"),
    ("1/0", "0"),
    ("1e999", "1"),
]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("given", "gold", "equal"),
    [(*pair, True) for pair in EQUAL] + [(*pair, False) for pair in DIFFERENT],
)
def test_equal_results(given, gold, equal, turned):
    assert same(*((gold, given) if turned else (given, gold))) == equal


@pytest.mark.parametrize(
    "gold", ['["8/3", "2.67"]', "['8/3']", '[["8/3"]]', '{"ground_truth": "8/3", "style": "rule"}']
)
def test_gold_answers_in_a_list_or_an_object(gold):
    assert is_gold(r"\frac{8}{3}", gold)
    assert not is_gold("8", gold)
    assert is_gold("8", "[8]")
    assert not is_gold("1", "[1, 2]")  # which may be an interval


@pytest.mark.parametrize(
    "name",
    [
        "Answer",
        "expected_answer",
        "correct_answer",
        "groundTruth",
        "reward_model",
        "answer_key",
        "extra.label",
    ],
)
def test_gold_answers_by_other_names(name):
    assert gold_column({"step": 1, name: 0, "response": 0}, {"step"}) == name


@pytest.mark.parametrize(
    "name", ["extracted_answer", "answer_length", "answer_reward", "model_answer", "step"]
)
def test_what_is_called_like_a_gold_answer_and_is_none(name):
    assert gold_column({"step": 1, name: 0}, {"step"}) is None


def test_gold_answers_that_explain_themselves():
    assert of_answer(r"\boxed{7}", "She has 3 + 4.\n#### 7") == (True, True)
    assert of_answer("seven", "7") == (False, False)
    assert of_answer(r"\boxed{7}", None) == (True, None)


def test_loops_and_gibberish_stand_out():
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefghijklmnop"), rng.integers(2, 8))) for _ in range(400)]
    prose, loop = " ".join(words), "the answer is the answer is " * 50
    noise = "".join(rng.choice(list("#@)]};:<>|~^%*+=\\"), 800))
    repeated, compressed, signs, _ = zip(*(of_text(text) for text in (prose, loop, noise)))
    assert repeated[0] == 0
    assert repeated[1] > 0.95
    assert compressed[1] < 0.1 < 0.4 < compressed[0]
    assert signs[2] == 1
    assert signs[0] == 0
    assert of_text("7") == (None, None, None, None)


def test_of_many_answers_some_are_looked_at():
    rows = pl.DataFrame({"row": np.arange(10_000, dtype=np.uint32), "completion": ["x y z w " * 30] * 10_000})
    found = look_at(rows.with_columns(gold=pl.lit(None, pl.String)))
    assert found.columns == list(MEASURED)
    assert 500 < found["repeated_share"].count() < 1500
    assert (
        look_at(rows.with_columns(completion=pl.lit(None, pl.String), gold=pl.lit("7")))
        .null_count()
        .sum_horizontal()[0]
        == 7 * 10_000
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


def test_letters_at_random_are_no_words():
    rng = np.random.default_rng(0)
    letters = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz     "), 400))
    assert 0.7 < rare_pairs(letters) < 0.9
    english = (
        "First we add the two numbers on the left, and then divide both sides by three. Therefore the answer is "
        r"\frac{\sqrt{5}}{2}, which means that each of the boxes holds seven apples."
    )
    assert rare_pairs(english) < 0.2
    german = (
        "Zuerst addieren wir die beiden Zahlen auf der linken Seite, dann teilen wir durch drei. Also ist die "
        "Antwort sieben, und in jeder Kiste liegen sieben Äpfel."
    )
    assert rare_pairs(german) < rare_pairs(english) + 0.3
    assert rare_pairs("x = 5") is None
