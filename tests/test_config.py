"""Settings: JSON round trip, content hash, presets, and errors that name the key and the nearest one."""

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from conet.base.errors import ConetError, nearest
from conet.config import PRESETS, Config, flatten, keys_of, load, preset

CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "seed": st.integers(0, 2**63 - 1),
        "steps": st.integers(1, 10**6),
        "graph.kind": st.sampled_from(["regular", "small_world", "my/graph.py:mine"]),
        "graph.rewiring": st.floats(0, 1),
        "problems.max_length": st.integers(1, 500),
        "problems.stop_at_any_answer": st.booleans(),
        "learner.learning_rate": st.floats(1e-6, 1e6),
        "learner.clip": st.floats(0, 1),
        "schedule.heat_at": st.one_of(st.just("detector"), st.integers(0, 1000)),
        "snapshots.steps": st.one_of(st.none(), st.lists(st.integers(0, 1000), max_size=4).map(tuple)),
        "web.threshold": st.floats(0.01, 1),
        "observables": st.just(("mine.py:depth",)),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(PRESETS)), CHANGES)
def test_json_round_trip_keeps_config_and_hash(name, changes):
    config = preset(name).override(changes)
    again = Config.from_json(config.to_json())
    assert again == config
    assert again.content_hash == config.content_hash
    for key, value in changes.items():
        assert flatten(config.model_dump())[key] == value


def test_hash_sees_every_setting_but_the_presets_name():
    base = Config()
    changed = {
        "preset": None,
        "graph.kind": "small_world",
        "graph.file": "web.graphml",
        "problems.stop_at_any_answer": True,
        "problems.file": "tasks.txt",
        "policy.kind": "neural",
        "policy.architecture": "llama",
        "policy.answer": "hidden",
        "policy.max_illegal": 0.5,
        "learner.name": "rloo",
        "learner.optimizer": "adam",
        "schedule.name": "annealed_rlvr",
        "schedule.heat_at": 5,
        "schedule.heat_latest": 0.25,
        "schedule.sft_learning_rate": 0.25,
        "schedule.max_accuracy": 0.25,
        "schedule.pick": "random",
        "snapshots.steps": (1, 2),
        "snapshots.rollouts": False,
        "web.threshold": 0.25,
        "observables": ("mine.py:depth",),
    }
    flat = flatten(base.model_dump())
    hashes = {base.content_hash}
    for key in keys_of(Config):
        if key == "preset":
            continue
        value = changed[key] if key in changed else flat[key] + 1
        hashes.add(base.override({key: value}).content_hash)
    assert len(hashes) == len(keys_of(Config))  # the base, and one for each key but the preset's name
    assert base.model_copy(update={"preset": "paper"}).content_hash == base.content_hash


def test_hash_does_not_depend_on_the_order_of_options():
    first = Config().override({"graph.a": 1, "graph.b": 2})
    second = Config().override({"graph.b": 2, "graph.a": 1})
    assert first.content_hash == second.content_hash


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"web.threshhold": 0.2}, ["'web.threshhold'", "did you mean 'web.threshold'?"]),
        ({"stepz": 3}, ["'stepz'", "did you mean 'steps'?"]),
        ({"problem.count": 3}, ["'problem.count'", "did you mean 'problems.count'?"]),
        ({"seed.x": 3}, ["'seed.x'"]),
        ({"graph": 3}, ["graph=3", "a key inside 'graph'"]),
        ({"steps": 0}, ["steps=0", "greater than or equal to 1"]),
        ({"steps": 2.5}, ["steps=2.5", "integer"]),
        ({"seed": -1}, ["seed=-1"]),
        ({"problems.max_length": 0}, ["problems.max_length=0", "greater than or equal to 1"]),
        ({"learner.learning_rate": float("nan")}, ["learner.learning_rate=nan"]),
        ({"learner.learning_rate": float("inf")}, ["learner.learning_rate=inf", "finite"]),
        ({"learner.optimizer": "lion"}, ["learner.optimizer='lion'", "'sgd' or 'adam'"]),
        ({"web.threshold": 1.5}, ["web.threshold=1.5", "less than or equal to 1"]),
        ({"graph.nodes": "many"}, ["graph.nodes='many'", "integer"]),
    ],
)
def test_override_says_got_expected_and_the_nearest(change, parts):
    with pytest.raises(ConetError) as caught:
        Config().override(change)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("got ")
    for part in parts:
        assert part in text


def test_override_leaves_the_original_alone():
    config = Config()
    config.override({"graph.nodes": 7, "steps": 3})
    assert (config.graph.nodes, config.steps) == (800, 800)
    with pytest.raises(ValidationError):
        config.steps = 3


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"steps": "x"}', '{"nonsense": 1}', '{"graph": 3}'])
def test_foreign_json_is_refused(text):
    with pytest.raises(ConetError):
        Config.from_json(text, "config.json")


def test_load_lays_a_file_over_its_preset(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"preset": "smoke", "graph": {"nodes": 60}, "learner.rollouts": 4}))
    config = load(path)
    assert config == preset("smoke").override({"graph.nodes": 60, "learner.rollouts": 4})
    assert load(path, over="reference").steps == 800
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(ConetError, match=r"mine\.json"):
        load(path)
    with pytest.raises(ConetError, match=r"absent\.json"):
        load(tmp_path / "absent.json")


def test_the_calibrated_numbers_stay_what_they_are():
    config = preset("reference")
    assert (config.graph.nodes, config.graph.degree, config.problems.count) == (800, 40, 128)
    assert (config.problems.max_length, config.learner.rollouts, config.steps) == (15, 8, 800)
    assert (config.learner.name, config.learner.learning_rate) == ("grpo", 300.0)
    large = preset("large")
    assert (large.graph.nodes, large.problems.count, large.problems.max_length) == (1_000_000, 4096, 100)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_are_valid_and_keep_their_name(name):
    assert preset(name).preset == name
    assert Config.from_json(preset(name).to_json()) == preset(name)


def test_unknown_preset_names_the_nearest():
    with pytest.raises(ConetError, match="did you mean 'reference'"):
        preset("referense")
    assert nearest("zzz", ["a", "b"]) == "known: a, b"


def test_import_is_light():
    code = (
        "import sys, conet, conet.cli; heavy = {'numba', 'scipy', 'polars', 'matplotlib', 'networkx'}; "
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("steps", True),
        ("steps", "1_000"),
        ("steps", "7"),
        ("steps", 7.5),
        ("seed", False),
        ("problems.stop_at_any_answer", "y"),
        ("problems.stop_at_any_answer", 1),
        ("learner.learning_rate", "3"),
        ("learner.learning_rate", True),
        ("web.threshold", True),
        ("schedule.heat_at", "5"),
        ("schedule.heat_at", True),
        ("schedule.heat_latest", "0.5"),
        ("snapshots.steps", "12"),
        ("snapshots.steps", [1, True]),
        ("snapshots.steps", {"1": 2}),
        ("observables", 3),
    ],
)
def test_no_value_is_reinterpreted(key, value):
    with pytest.raises(ConetError, match=key.replace(".", r"\.")):
        Config().override({key: value})


def test_options_of_learners_and_graphs_are_not_reinterpreted_either():
    from conet.learners import make
    from conet.network.graph import build

    for options in (
        {"epochs": True},
        {"epochs": "2"},
        {"std_normalization": 1},
        {"kl": "0.1"},
        {"clip": True},
    ):
        with pytest.raises(ConetError, match=r"learner\."):
            make(
                preset("smoke").override({f"learner.{key}": value for key, value in options.items()}).learner
            )
    with pytest.raises(ConetError, match=r"graph\.rewiring=True"):
        build(preset("smoke").override({"graph.kind": "small_world", "graph.rewiring": True}).graph, 0)


def test_what_is_the_same_value_is_taken_as_it_is():
    changed = Config().override({"steps": 1e3, "learner.learning_rate": 3, "snapshots.steps": [1, 2]})
    assert (changed.steps, changed.learner.learning_rate, changed.snapshots.steps) == (1000, 3.0, (1, 2))
    assert type(changed.steps) is int


@pytest.mark.parametrize(
    "text",
    [
        '{"steps": 3, "steps": 4}',
        '{"graph": {"nodes": 3, "nodes": 3}}',
        '{"graph": {"nodes": 30}, "graph.nodes": 30}',
        '{"graph.nodes": 30, "graph.nodes": 30}',
        '{"problems": {"count": 3}, "tasks.questions": 4}',
    ],
)
def test_a_key_that_stands_twice_is_refused(text, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(ConetError, match=r"twice|two names of one setting"):
        load(path)
    if text.count(".") == 0:
        with pytest.raises(ConetError, match="twice"):
            Config.from_json(text)


def test_an_observable_by_its_name_alone_is_a_list_of_one():
    assert Config().override({"observables": "paths"}).observables == ("paths",)


@pytest.mark.parametrize("changes", [{3: 4}, [1], None, "steps"])
def test_changes_are_a_mapping_of_keys(changes):
    with pytest.raises(ConetError, match="expected a mapping of dotted keys"):
        Config().override(changes)


@pytest.mark.parametrize("name", [None, 3, ["smoke"]])
def test_a_preset_is_asked_for_by_name(name):
    with pytest.raises(ConetError, match=r"expected the name of a preset; known: smoke"):
        preset(name)


def test_old_names_from_python_are_taken_too():
    assert Config(tasks={"questions": 5}) == Config(problems={"count": 5})


def test_a_section_is_called_as_it_was_written():
    with pytest.raises(ConetError, match="got tasks=3; expected a key inside 'problems'"):
        Config().override({"tasks": 3})


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: Config(foo=3), "unknown key 'foo'"),
        (lambda: Config(steps="many"), "steps='many'"),
        (lambda: Config(problems={"cuont": 3}), "did you mean 'problems.count'"),
        (lambda: Config(graph={"nodes": -1}), "graph.nodes=-1"),
    ],
)
def test_settings_made_in_python_are_refused_in_one_plain_line_too(make, part):
    with pytest.raises(ConetError) as caught:
        make()
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
