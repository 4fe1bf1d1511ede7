"""What a training on a language model says at its end."""

import json
from pathlib import Path
from shlex import quote

from conet.base.text import counted, listed


def show_summary(run: Path, as_json: bool) -> None:
    """Print the summary of a finished training, as JSON or for people."""
    import polars as pl

    from conet.cli.summary import temperature_in_words, v_in_words
    from conet.observables.length import END_STEPS
    from conet.runs.run import Run

    summary = Run(run).summary()
    if as_json:
        print(json.dumps(summary))
        return
    length, heat = summary["correct_length"], summary["heat"]
    arc = " → ".join("-" if length[key] is None else f"{length[key]:.1f}" for key in ("start", "min", "end"))
    heated = "not heated"
    if heat is not None:
        heated = f"step {heat['step']}, {heat['reason']}: {counted(heat['eligible'], 'problem')} eligible"
        heated += "" if heat["eligible"] else ", so there was no heating"
    known = Run(run).rollouts().select(pl.col("step").n_unique()).collect().item()
    accuracy = "-" if summary["accuracy"] is None else f"{summary['accuracy']:.3f}"
    lines = [
        f"accuracy        {accuracy}, mean over the last {min(END_STEPS, known)} updates with rollouts",
        f"correct length  {arc} tokens",
        f"V               {v_in_words(length)}",
        f"heating         {heated}",
        *temperature_in_words(summary),
        f"monitor         {summary['monitor_share']:.1%} of the time went into CoNet's records and detector",
        f"model           {run / 'model'}",
        f"report          conet report {quote(str(run))}",
    ]
    print(listed(lines))
