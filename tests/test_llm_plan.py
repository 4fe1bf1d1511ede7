"""The memory plan: exact counts from the configuration alone, and recipes whose numbers fit together."""

import json
import re
from pathlib import Path

import pytest

from conet.base.errors import ConetError
from conet.cli import main
from conet.cli.llm_eval import chosen
from conet.llm import checking, launching
from conet.llm import plan as planned
from conet.llm.shape import KNOWN, shape_of
from conet.llm.verify import math, math_after_thought
from conet.runs import recipe
from conet.runs.recipe import ModelSettings

SIZES = {
    "vocab_size": 100,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
GIB = planned.GIB


def parts_of(
    name: str, processes: int = 1, sharding: planned.Sharding = "none", **changes: object
) -> dict[str, int]:
    given = {key.replace("__", "."): value for key, value in changes.items()}
    found = planned.plan(recipe.load(name).override(given), processes, sharding, 80)
    assert found.total == sum(part.bytes for part in found.parts if part.place == "accelerator")
    return {part.name: part.bytes for part in found.parts}


@pytest.mark.parametrize(
    ("name", "count"),  # as their model cards say, 135M and 1.78B, and by hand
    [
        ("smollm2", 134_515_008),
        ("smollm2-cpu", 134_515_008),
        ("deepscaler-1.5b-8gpu", 1_777_088_000),
        ("tiny", 132_352),
    ],
)
def test_parameters_of_the_recipes(name, count):
    assert shape_of(recipe.load(name).model).parameters == count


def test_weights_gradients_and_moments_in_shares():
    count = 1_777_088_000
    alone = parts_of("deepscaler-1.5b-1gpu")
    assert (alone["weights"], alone["gradients"], alone["optimizer"]) == (4 * count, 4 * count, 8 * count)
    assert alone["reference model"] == 4 * count
    half = parts_of(
        "deepscaler-1.5b-8gpu", 8, "zero2"
    )  # bfloat16, and the weights in float32 with the moments
    assert (half["weights"], half["optimizer"]) == (2 * count, 12 * count // 8)
    whole = parts_of("deepscaler-1.5b-8gpu", 8, "fsdp")
    assert (whole["weights"], whole["optimizer"]) == (4 * count // 8, 8 * count // 8)
    assert "reference model" not in parts_of("deepscaler-1.5b-1gpu", training__beta=0.0)


@pytest.mark.parametrize(
    ("modules", "count"),  # layers x rank x (rows + columns): q 1536 + 1536, k and v 1536 + 256, ...
    [
        (["q_proj", "v_proj"], 28 * 16 * (3072 + 1792)),
        (None, 28 * 16 * (3072 + 1792)),
        ("all-linear", 28 * 16 * (2 * 3072 + 2 * 1792 + 3 * (1536 + 8960))),
        (".*(q|k)_proj", 28 * 16 * (3072 + 1792)),
    ],
)
def test_adapters_are_those_of_the_modules_that_are_named(modules, count):
    lora = {"r": 16} | ({} if modules is None else {"target_modules": modules})
    found = parts_of("deepscaler-1.5b-1gpu", model__lora=lora)
    assert (found["adapters"], found["optimizer"]) == (4 * count, 8 * count)
    for named, layers in (([26, 27], 2), (27, 1)):
        some = parts_of("deepscaler-1.5b-1gpu", model__lora=lora | {"layers_to_transform": named})
        assert some["adapters"] == 4 * count * layers // 28


def test_problems_of_a_run_are_those_trained_on_or_those_held_out():
    found = list("abcd")
    assert chosen(found, "training", 1) == ["a", "b", "c"]
    assert chosen(found, "held-out", 1) == ["d"]
    assert chosen(found, "problems.jsonl", 1) == found
    for problems, held_out in (("held-out", 0), ("training", 4), ("training", 9)):
        with pytest.raises(ConetError, match=f"no {problems} problem"):
            chosen(found, problems, held_out)


@pytest.mark.parametrize("modules", [["attention"], "(", "q_proj", 7])
def test_modules_that_are_no_layers_are_refused(modules):
    """A text is a pattern of the whole name, as for peft."""
    with pytest.raises(ConetError, match="q_proj"):
        parts_of("deepscaler-1.5b-1gpu", model__lora={"target_modules": modules})


def test_a_recipe_of_the_users_own_has_its_configurations_beside_it(tmp_path, capsys):
    mine = tmp_path / "mine.toml"
    main(["llm", "init", str(mine), "--recipe", "deepscaler-1.5b-8gpu"])
    main(["llm", "plan", str(mine)])
    assert "1 process (--processes N" in capsys.readouterr().out
    (tmp_path / "mine.zero2.yaml").write_text("num_processes: 8\n")
    main(["llm", "plan", str(mine)])
    out = capsys.readouterr().out
    assert "8 processes" in out
    assert "fits 80 GiB" in out


def test_activations_grow_with_tokens_and_shrink_with_checkpoints():
    one, two = (parts_of("smollm2", training__per_device_train_batch_size=rows) for rows in (16, 32))
    assert two["activations"] == 2 * one["activations"]
    checkpointed = parts_of("smollm2", training__gradient_checkpointing=True)
    assert checkpointed["activations"] < two["activations"] / 10
    # 32 x 160 tokens x 30 layers x (32 x 576 + 16 x 1536 + 8 x 192) bytes
    assert two["activations"] == 32 * 160 * 30 * (32 * 576 + 16 * 1536 + 8 * 192)


def test_logits_never_grow_with_the_batch_but_by_the_last_layer():
    one, two = (
        parts_of("deepscaler-1.5b-1gpu", training__per_device_train_batch_size=rows) for rows in (4, 8)
    )
    assert two["logits"] - one["logits"] == 4 * 4 * 8192 * 1536
    assert two["logits"] < 8 * 8192 * 151936 / 4  # of what one byte a logit would take


def test_vllm_takes_its_share_and_the_recipes_fit_into_eighty_gigabytes():
    assert parts_of("deepscaler-1.5b-8gpu", 8, "zero2")["vLLM"] == int(0.4 * 80 * GIB)
    assert parts_of("deepscaler-1.5b-8gpu", training__vllm_mode="server")["vLLM"] == 0
    for name, processes, sharding in (
        ("deepscaler-1.5b-1gpu", 1, "none"),
        ("deepscaler-1.5b-8gpu", 8, "zero2"),
        ("deepscaler-1.5b-8gpu", 8, "fsdp"),
    ):
        assert planned.plan(recipe.load(name), processes, sharding, 80).total < 76 * GIB  # 80 GB are 74.5 GiB


def test_the_command_prints_parts_and_points(capsys):
    main(["llm", "plan", "deepscaler-1.5b-8gpu", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (found["processes"], found["sharding"]) == (8, "zero2")  # as accelerate's configuration has it
    assert found["total"] == sum(part["bytes"] for part in found["parts"] if part["place"] == "accelerator")
    assert {point["model"] for point in found["points"]} == {"tiny", "SmolLM2-135M"}
    main(["llm", "plan", "tiny", "--set", "training.max_completion_length=24"])
    assert (
        "tiny: 132,352 parameters, 1 process (--processes N where several train together); each takes"
        in capsys.readouterr().out
    )


def test_the_plan_is_near_what_was_measured():
    for point in planned.measured_points():
        assert point["measured"] == pytest.approx(point["planned"], rel=0.08), point


def test_a_folder_says_its_own_sizes(tmp_path, capsys):
    (tmp_path / "config.json").write_text(json.dumps(SIZES | {"model_type": "qwen3", "head_dim": 16}))
    shape = shape_of(ModelSettings(path=str(tmp_path)))
    assert (shape.head_size, shape.key_value, shape.tied, shape.normed) == (16, 32, False, True)
    for content, expected in (
        ("{}", "'None'"),
        ('{"model_type": "mamba"}', "'mamba'"),
        ('{"model_type": "llama"}', "without vocab_size"),
        ("[", "the configuration of a model"),
    ):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(ConetError, match=re.escape(expected)):
            shape_of(ModelSettings(path=str(tmp_path)))


@pytest.mark.parametrize(
    "arguments", [["--processes", "0"], ["--accelerator-gib", "-1"], ["--sharding", "zero2"]]
)
def test_numbers_that_do_not_go_together(arguments, capsys):
    with pytest.raises(SystemExit):
        main(["llm", "plan", "tiny", *arguments])
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_every_configuration_is_that_of_its_recipe():
    found = {name: launching.configurations(name) for name in recipe.shipped()}
    kinds = [file.name.removeprefix("deepscaler-1.5b-8gpu.") for file in found["deepscaler-1.5b-8gpu"]]
    assert kinds == ["fsdp.yaml", "zero2.yaml"]
    options = recipe.load("deepscaler-1.5b-8gpu").options()
    for file in found["deepscaler-1.5b-8gpu"]:
        text = file.read_text()
        assert "mixed_precision: bf16" in text
        if "DEEPSPEED" in text:
            assert f"gradient_accumulation_steps: {options['gradient_accumulation_steps']}\n" in text
            assert f"gradient_clipping: {options['max_grad_norm']}\n" in text


@pytest.mark.parametrize(("name", "processes"), [("deepscaler-1.5b-1gpu", 1), ("deepscaler-1.5b-8gpu", 8)])
def test_the_settings_of_deepscaler(name, processes):
    assert launching.processes_of(name) == processes
    loaded = recipe.load(name)
    options = loaded.options()
    rows = options["per_device_train_batch_size"] * processes
    assert rows * options["gradient_accumulation_steps"] == 64 * 8  # an update
    assert rows * options["steps_per_generation"] == 128 * 8  # a generation, of two updates
    assert loaded.checkpoint_every % 2 == 0  # so that a checkpoint falls on a new generation
    assert (options["weight_decay"], options["loss_type"]) == (0.01, "dapo")
    assert (options["eval_strategy"], options["eval_steps"]) == ("steps", 2 * 20)  # of its steps
    assert loaded.problems.held_out * 8 % (options["per_device_eval_batch_size"] * processes) == 0
    assert loaded.problems.verifier == "math_after_thought"


def test_reasoning_that_is_never_closed_is_wrong():
    closed = r"so it is 7 </think> \boxed{7}"
    assert math_after_thought(closed, "7")
    assert not math_after_thought(closed, "8")
    assert not math_after_thought(r"so it is \boxed{7}", "7")
    assert math(r"so it is \boxed{7}", "7")


def test_a_recipe_of_an_earlier_name(capsys, monkeypatch):
    monkeypatch.setattr("conet.base.terminal._noted", set())
    assert recipe.load("deepscaler-1.5b") == recipe.load("deepscaler-1.5b-8gpu")
    assert "is now called deepscaler-1.5b-8gpu" in capsys.readouterr().err


@pytest.mark.llm
@pytest.mark.parametrize("kind", KNOWN)
@pytest.mark.parametrize("tied", [True, False])
def test_parameters_are_those_of_transformers(kind, tied):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = SIZES | {"tie_word_embeddings": tied, "head_dim": 8}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **sizes))
    shape = shape_of(ModelSettings(architecture=kind, sizes=sizes))
    assert shape.parameters == sum(one.numel() for one in model.parameters())


@pytest.mark.llm
def test_extras_are_what_trl_accepts():
    import tomllib
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    asked = [Requirement(one) for one in requires("trl") or ()]
    for name in ("vllm", "deepspeed"):
        own = next(
            one for one in map(Requirement, project["optional-dependencies"][name]) if one.name == name
        )
        theirs = next(
            one for one in asked if one.name == name and one.marker and one.marker.evaluate({"extra": name})
        )
        assert own.specifier == theirs.specifier


@pytest.mark.parametrize(
    "setting",
    [
        "training.max_completion_length=-5",
        "training.max_completion_length=0",
        "training.max_completion_length=true",
        "training.max_completion_length=12.5",
        "training.max_completion_length=1e400",
        "training.max_completion_length=99999999999999999999",
        "training.per_device_train_batch_size=0",
        "training.per_device_train_batch_size=3",  # no whole groups
        "training.num_generations=0",
        "training.bogus=1",
        "training.max_steps=3",
        "training.bf16=1",
        "training.learning_rate=nan",
        "training.learning_rate=inf",
        "training.learning_rate=-1",
        "training.vllm_gpu_memory_utilization=7",
        "model.path=/nonexistent",
        "model.path=/dev/null",
        "model.gguf=/dev/zero",
        "model.dtype=bfloat16",
        'model.lora={"r": 0}',
        "model.sizes.hidden_size=-4",
        "model.sizes.num_attention_heads=3",
        "heating.learning_rate=inf",
        "heating.learning_rate=0",
        "heating.lerning_rate=1",
        "steps=0",
        "bogus=1",
        "problems.source=nowhere.jsonl",
        "problems.verifier=maths",
        "schedule.name=anealed",
    ],
)
def test_a_plan_refuses_what_a_training_would(setting, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["llm", "plan", "tiny", "--set", setting])
    printed = capsys.readouterr()
    assert (ended.value.code, printed.out, len(printed.err.splitlines())) == (2, "", 1), printed


@pytest.mark.llm
def test_the_options_are_those_of_trl():
    from dataclasses import fields
    from typing import get_type_hints

    from trl import GRPOConfig

    kinds = get_type_hints(GRPOConfig)
    names = {type_: type_.__name__ for type_ in (int, float, bool)}
    said = {field.name: names.get(kinds[field.name], str(kinds[field.name])) for field in fields(GRPOConfig)}
    ours = checking.known_options()
    assert set(ours) == set(said) - set(checking.OURS)
    assert all(said[name] == kind for name, kind in ours.items() if kind != "other")
    assert set(checking.LEAST) | set(checking.MOST) <= set(ours)
