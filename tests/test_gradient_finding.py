"""What the diagnosis says of the gradients that a training looked at."""

import json
from pathlib import Path

import pytest

from conet.diagnosis import diagnose


def state(path: Path, cosines: list[float | None]) -> Path:
    """What TRL writes of a training with a callback that looks at gradients."""
    rows = []
    for step, cosine in enumerate(cosines, 1):
        row: dict[str, float] = {"step": step, "reward": 0.5, "loss": 0.1}
        if cosine is not None:
            row |= {"conet/interference": 0.75, "conet/gradient_cosine": cosine, "conet/fighting_share": 0.25}
        rows.append(row)
    (path / "trainer_state.json").write_text(json.dumps({"global_step": len(rows), "log_history": rows}))
    return path


@pytest.mark.parametrize(
    ("sign", "said"),
    [(-1.0, "fight on the whole"), (1.0, "help each other on the whole"), (0.0, "neither help nor")],
)
def test_whether_problems_fight_is_said_by_the_whole_interval(tmp_path: Path, sign: float, said: str) -> None:
    cosines: list[float | None] = [0.2 * sign + 0.05 * (-1) ** step for step in range(40)]
    found = diagnose(state(tmp_path, cosines))
    values = found.findings["gradient_interference"]
    assert values["interference"] == {"start": 0.75, "end": 0.75}
    assert values["gradient_cosine"]["end"] == pytest.approx(0.2 * sign)
    assert values["cosine_at_end"]["estimate"] == pytest.approx(0.2 * sign)
    assert values["pairs"] == []
    texts = [line.text for line in found.headlines if line.name == "gradients"]
    assert len(texts) == 1
    assert said in texts[0]
    low, high = (values["cosine_at_end"][end] for end in ("low", "high"))
    assert f" {0.2 * sign + 0:+.3f} [{low:+.3f}, {high:+.3f}]." in texts[0]  # a mean alone reads as exact
    assert "75 % of their gradients cancel" in texts[0] or "75% of their gradients cancel" in texts[0]


def test_too_few_updates_say_nothing_and_none_says_why(tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    (tmp_path / "none").mkdir()
    few = diagnose(state(tmp_path / "few", [0.1, 0.2, 0.3, 0.1] + [None] * 20))
    assert few.findings["gradient_interference"]["cosine_at_end"] is None
    assert not [line for line in few.headlines if line.name == "gradients"]
    none = diagnose(state(tmp_path / "none", [None] * 20))
    assert none.findings["gradient_interference"] is None
    assert "training.interference=true" in none.notes["gradient_interference"]
