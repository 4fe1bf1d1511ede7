"""Recipes that `conet llm init` writes are TOML, whatever they begin as."""

import json
import math
import tomllib

import pytest

from conet.base.errors import ConetError
from conet.cli import main, template
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
