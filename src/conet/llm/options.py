"""A recipe's options for TRL's trainer."""

from pathlib import Path
from typing import Any

from conet.base.errors import ConetError, nearest
from conet.llm.checking import OWN, check_options
from conet.runs.recipe import Recipe


def grpo_options(recipe: Recipe, path: Path) -> Any:
    """Return TRL's options.

    Raises
    ------
    ConetError
        For an option that TRL does not know, or values that do not go together.
    """
    from trl import GRPOConfig

    check_options(recipe.training)
    _check_reports(recipe.options()["report_to"])
    try:
        return GRPOConfig(
            output_dir=str(path / "checkpoints"),
            max_steps=recipe.steps,
            seed=recipe.seed,
            save_steps=recipe.checkpoint_every,
            save_strategy="steps",
            save_total_limit=2,
            **{name: value for name, value in recipe.options().items() if name not in OWN},
        )
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ConetError(
            f"training options: {reason}", "values that go together", "see TRL's GRPOConfig"
        ) from None


def _check_reports(wanted: str | list[str]) -> None:
    """Refuse a place to report to whose package is not installed, before anything is made."""
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    for name in [wanted] if isinstance(wanted, str) else wanted:
        if name in ("none", "all"):
            continue
        if name not in INTEGRATION_TO_CALLBACK:
            raise ConetError(
                f"training.report_to={name}",
                "a place that transformers can report to",
                nearest(name, known()),
            )
        try:
            INTEGRATION_TO_CALLBACK[name]()
        except (ImportError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ConetError(
                f"training.report_to={name}: {reason}", f"the package {name}", f"pip install {name}"
            ) from None


def known() -> set[str]:
    """Return the places that transformers can report to."""
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    return {*INTEGRATION_TO_CALLBACK, "none", "all"}
