"""The numbers of a finished training on a language model."""

from collections import Counter
from typing import Any

from conet.observables.length import END_STEPS
from conet.runs.events import first_heating, heating
from conet.runs.lengths import correct_length
from conet.runs.measure import temperature


def summary(trainer: Any, judged: Counter[str], seconds: float) -> dict[str, Any]:
    """Return the numbers of a finished run."""
    rows = [row for row in trainer.recorder.rows if row["accuracy"] is not None]
    length = correct_length(trainer.recorder.path)
    annealing = trainer.annealing
    heat = first_heating(annealing.events)
    last = [row["accuracy"] for row in rows[-END_STEPS:]]
    entropies = [row["entropy"] for row in trainer.recorder.rows if row.get("entropy") is not None]
    return {
        "kind": "llm",
        "steps": trainer.state.global_step,
        "accuracy": sum(last) / len(last) if last else None,
        "correct_length": length,
        "heat": heat,
        "heating": heating(annealing.events),
        **temperature(
            trainer.recorder.rows,
            entropies[0] if entropies else None,
            entropies[-1] if entropies else None,
            annealing.tracker.phases,
        ),
        "verifier": dict(judged),
        "seconds": round(seconds, 3),
        "monitor_seconds": round(trainer.monitor_seconds, 3),
        "monitor_share": round(trainer.monitor_seconds / seconds, 5) if seconds else None,
    }
