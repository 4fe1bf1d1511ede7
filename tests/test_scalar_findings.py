"""Runs of which only scalars are left: stage, spikes and collapses, and what rollouts would add."""

import json

import numpy as np
import pytest
from trouble import curve

import conet
from conet.diagnosis import Urgency
from conet.diagnosis.text import described

STEPS = 60


def trained(folder, seed: int = 0, **columns) -> conet.Diagnosis:
    """A trainer_state.json with noisy columns; a name with __ has a / there."""
    rng = np.random.default_rng(seed)
    drawn = {
        name.replace("__", "/"): np.broadcast_to(values, STEPS)
        * rng.normal(1, 0 if name == "loss" else 0.05, STEPS)
        for name, values in columns.items()
    }
    history = [
        {"step": step + 1, **{name: float(values[step]) for name, values in drawn.items()}}
        for step in range(STEPS)
    ]
    place = folder / "checkpoint-60" / "trainer_state.json"
    place.parent.mkdir()
    place.write_text(json.dumps({"global_step": STEPS, "log_history": history}))
    return conet.diagnose(folder)


HEALTHY = {
    "reward": curve((1, 0.2), (20, 0.6), (60, 0.7)),
    "entropy": curve((1, 0.6), (60, 0.25)),
    "kl": curve((1, 0.0), (60, 0.05)),
    "grad_norm": 0.4,
    "clip_ratio__region_mean": 0.01,
    "completions__mean_length": 400.0,
    "completions__clipped_ratio": 0.02,
    "frac_reward_zero_std": 0.3,
    "sampling__importance_sampling_ratio__mean": 1.0,
}


def names(found: conet.Diagnosis) -> list[str]:
    return [line.name for line in found.headlines if line.urgency >= Urgency.WARNING]


def test_a_healthy_run_is_quiet_and_says_what_rollouts_would_add(tmp_path):
    found = trained(tmp_path, **HEALTHY)
    assert names(found) == []
    assert found.findings["stage"] in ("fast", "slow")
    assert found.findings["groups_without_signal"]["end"] == pytest.approx(0.3, abs=0.05)
    text = described(found, "report.html")
    assert "Only scalars were found" in text
    assert "TRL: log_completions=True" in text
    assert found.findings["samples"] is None
    assert found.findings["answer_length"]["all"]["end"] == pytest.approx(400, rel=0.05)


@pytest.mark.parametrize(
    ("change", "name", "since"),
    [
        ({"entropy": curve((1, 0.6), (30, 0.5), (34, 0.02), (60, 0.01))}, "entropy collapses", 31),
        ({"entropy": curve((1, 0.6), (30, 0.6), (50, 4), (60, 6))}, "entropy explodes", 34),
        ({"kl": curve((1, 0.01), (40, 0.05), (44, 8), (60, 9))}, "KL", 42),
        ({"clip_ratio__region_mean": curve((1, 0.01), (40, 0.01), (44, 0.4), (60, 0.4))}, "clip ratio", 41),
        ({"grad_norm": curve((1, 0.4), (40, 0.4), (44, 30), (60, 40))}, "gradient norm", 41),
        (
            {"sampling__importance_sampling_ratio__mean": curve((1, 1), (30, 1), (40, 0.3), (60, 0.2))},
            "inference mismatch",
            33,
        ),
    ],
)
def test_scalars_that_spike_or_collapse_are_named_with_their_step(change, name, since, tmp_path):
    found = trained(tmp_path, **(HEALTHY | change))
    assert names(found) == [name]
    said = next(line for line in found.headlines if line.name == name)
    assert abs(said.step - since) <= 3
    assert said.remedy is not None


def test_a_single_spike_and_a_number_that_is_none(tmp_path):
    norm = np.full(STEPS, 0.4)
    norm[30] = 50
    loss = np.full(STEPS, 0.01)
    loss[50:] = np.nan
    found = trained(tmp_path, **(HEALTHY | {"grad_norm": norm, "loss": loss}))
    assert found.headlines[0].name == "not a number"
    assert found.headlines[0].step == 51
    assert "gradient norm spikes" in names(found)
    assert found.findings["scalar_changes"]["gradient_norm"][2] == 31


def test_a_reward_that_collapses_says_what_went_with_it(tmp_path):
    fall = {
        "reward": curve((1, 0.2), (20, 0.7), (40, 0.7), (44, 0.02), (60, 0.01)),
        "entropy": curve((1, 0.6), (40, 0.4), (44, 5), (60, 6)),
        "completions__clipped_ratio": curve((1, 0.01), (40, 0.02), (44, 0.9), (60, 0.95)),
        "completions__mean_length": curve((1, 300), (40, 300), (44, 1900), (60, 2000)),
    }
    found = trained(tmp_path, **(HEALTHY | fall))
    assert found.findings["stage"] == "collapsed"
    assert abs(found.findings["stage_step"] - 41) <= 2
    said = next(line.text for line in found.headlines if line.name == "what went with it")
    for part in ("entropy 0.4", "answers cut off 2% → 9", "times as long"):
        assert part in said, said
    assert "mean reward has collapsed" in found.headlines[0].text
    assert {"truncated", "entropy explodes"} <= set(names(found))


@pytest.mark.parametrize("level", [0.5, -0.3])
def test_noise_and_recovery_of_a_mean_reward(level, tmp_path):
    assert trained(tmp_path, reward=np.full(STEPS, level)).findings["stage"] == "flat"
    other = tmp_path / "other"
    other.mkdir()
    dip = curve((1, 0.6), (20, 0.6), (25, 0.05), (35, 0.05), (40, 0.6), (60, 0.6))
    assert trained(other, reward=dip).findings["stage"] == "recovered"


def test_seeds_of_healthy_runs_raise_no_alarm(tmp_path):
    """Ten seeds; at a rate of 1 % each, more than one alarm has a chance below 1 %."""
    alarms = 0
    for seed in range(10):
        folder = tmp_path / str(seed)
        folder.mkdir()
        alarms += bool(names(trained(folder, seed, **HEALTHY)))
    assert alarms <= 1


def test_a_reward_that_rises_while_the_accuracy_falls_is_said(tmp_path):
    both = {"reward": curve((1, 0.4), (60, 0.8)), "accuracy": curve((1, 0.6), (20, 0.6), (60, 0.1))}
    found = trained(tmp_path, **(HEALTHY | both))
    said = next(line for line in found.headlines if line.name == "reward against correct")
    assert said.urgency == Urgency.EMERGENCY
    assert "Nothing else that was logged" not in described(found, "report.html")
    assert found.findings["went_with_it"]["mean reward"][1] > found.findings["went_with_it"]["mean reward"][0]


@pytest.mark.parametrize("form", ["trainer_state", "metrics"])
def test_a_run_whose_every_number_broke_is_an_emergency(form, tmp_path):
    broken = curve((1, 0.4), (60, 0.4))
    broken[48:] = np.nan
    found = trained(tmp_path, reward=broken, grad_norm=broken)
    if form == "metrics":
        state = tmp_path / "checkpoint-60" / "trainer_state.json"
        lines = json.loads(state.read_text())["log_history"]
        (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
        state.unlink()
        found = conet.diagnose(tmp_path)
    assert (found.headlines[0].name, found.headlines[0].step) == ("not a number", 49)
    assert found.headlines[0].urgency == Urgency.EMERGENCY


def test_a_single_number_that_is_none_is_said(tmp_path):
    """The trainer goes on, and so does the loss; one update had no finite gradient."""
    norm = np.full(STEPS, 0.4)
    norm[29] = np.nan
    found = trained(tmp_path, **HEALTHY | {"grad_norm": norm, "loss": 0.1})
    assert names(found) == ["not a number"]
    said = next(line for line in found.headlines if line.name == "not a number")
    assert said.text == "The gradient norm is not a number at step 30."
    assert (said.step, said.urgency) == (30, Urgency.WARNING)
    assert found.findings["scalar_changes"]["gradient_norm_missing"] == [1, 30]


def test_what_is_logged_every_few_steps_is_a_number(tmp_path):
    kl = np.where(np.arange(STEPS) % 5 == 0, 0.02, np.nan)
    assert names(trained(tmp_path, **HEALTHY | {"kl": kl})) == []


def test_a_knee_without_an_interval_is_said_without_one(tmp_path):
    found = trained(tmp_path, reward=curve((1, 0.2), (20, 0.7), (60, 0.71)))
    (said,) = (one.definition for one in found.numbers if one.name == "stage")
    assert found.findings["knee_interval"] is None
    assert said == f"knee: step {found.findings['knee_step']}"
