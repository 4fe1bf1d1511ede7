"""Recipes that `conet llm init` writes are TOML, whatever they begin as."""

import json
import math
import tomllib

import pytest

from conet.base.errors import ConetError
from conet.cli import main, template
from conet.config import ScheduleSettings, parse_pairs
from conet.config.checking import unknown
from conet.llm.checking import check
from conet.runs import recipe


def written(tmp_path, **data):
    source = tmp_path / "source.json"
    source.write_text(json.dumps(data))
    main(["llm", "init", str(tmp_path / "mine.toml"), "--recipe", str(source)])
    return tomllib.loads((tmp_path / "mine.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", recipe.shipped())
def test_what_is_shipped_comes_back(name, tmp_path):
    template.write(recipe.load(name), tmp_path / f"{name}.toml")
    assert recipe.load(tmp_path / f"{name}.toml") == recipe.load(name)


def test_what_json_can_say_and_toml_cannot(tmp_path):
    hard = "".join(map(chr, range(1, 0xA1))).replace(".", "") + '\u2028\U0001f600"""\\'
    training = {
        "max_grad_norm": None,
        "learning_rate": 1e-5,
        "run_name": hard,
        "a key \U0001f600\x7f": 1,
        "lr_scheduler_kwargs": {hard: [1.5, True, {}]},
    }
    found = written(tmp_path, name=f"x\n{hard}", purpose=hard, training=training)
    assert found["purpose"] == hard
    assert found["training"] == {key: value for key, value in training.items() if value is not None}
    assert "# max_grad_norm =\n" in (tmp_path / "mine.toml").read_text(encoding="utf-8")


def test_infinite_numbers_and_half_pairs(tmp_path):
    found = written(tmp_path, training={"delta": math.inf, "epsilon": math.nan, "run_name": "a\ud800b"})
    assert found["training"]["delta"] == math.inf
    assert math.isnan(found["training"]["epsilon"])
    assert found["training"]["run_name"] == "a?b"


def test_what_has_no_word_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        written(tmp_path, training={"lr_scheduler_kwargs": {"a": [None]}})
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "mine.toml").exists()
    with pytest.raises(ConetError, match="settings that TOML has a word for"):
        template.of_recipe(recipe.load("tiny").override({"training.x": object}))


def test_what_is_set_takes_the_place_of_a_recipes_own_model():
    """With both, the GGUF file would be loaded, and the path ignored without a word."""
    known = recipe.load("smollm2")
    assert known.model.gguf
    other = known.override({"model.path": "some/folder"})
    assert (other.model.path, other.model.gguf) == ("some/folder", None)
    again = other.override({"model.gguf": "package:weights.gguf"}).model
    assert (again.path, again.gguf) == (None, "package:weights.gguf")
    with pytest.raises(ConetError, match=r"model\.path=some/folder and model\.gguf=package"):
        known.override({"model.path": "some/folder", "model.gguf": "package:weights.gguf"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"schedule.name": "rlvr", "schedule.heat_at": 5},
            "'schedule.heat_at' with schedule.name=rlvr; expected an option of this schedule; heating.step",
        ),
        (
            {"schedule.name": "temperature", "schedule.max_accuracy": 0.5},
            "heating.max_accuracy stands for it",
        ),
        ({"schedule.name": "rlvr", "schedule.bogus": 1}, "leave it out"),
        ({"schedule.heat_stepss": 1}, "did you mean 'schedule.heat_steps'"),
        ({"training.learning_rat": 1.0}, "did you mean 'training.learning_rate'"),
    ],
)
def test_no_key_is_suggested_that_is_refused_too(changes, words):
    with pytest.raises(ConetError, match=words):
        check(recipe.load("tiny").override(changes))


def test_a_refused_key_is_not_suggested_in_its_own_place():
    close = unknown(ScheduleSettings, "schedule.heat_at", "schedule.", ScheduleSettings).remedy
    assert "'schedule.heat_at'" not in close


@pytest.mark.parametrize("name", ["report_to", "scale_rewards"])
def test_none_is_a_word_where_trl_has_it(name):
    """It reached TRL as nothing at all, which ended in a traceback."""
    typed = recipe.load("tiny").override(parse_pairs([f"training.{name}=none", "training.top_k=none"]))
    assert (typed.options()[name], typed.options()["top_k"]) == ("none", None)
    assert typed == recipe.Recipe.from_json(typed.to_json())
