"""The summary of a run of walks in a few lines."""

from pathlib import Path
from typing import Any

from conet.base.text import counted, listed
from conet.cli.options import shown

LATEST = "the latest step was reached"  # the reason that a schedule gives


def describe(summary: dict[str, Any]) -> str:
    """Put a summary into a few lines."""
    length, islands, web = summary["correct_length"], summary["islands"], summary["web"]
    shape = "no rollout was correct"
    if length["min"] is not None:
        numbers = [
            f"{length[key]:.2f}" if length[key] is not None else "-" for key in ("start", "min", "end")
        ]
        shape = f"{numbers[0]} → {numbers[1]} (update {length['min_step']}) → {numbers[2]} hops"
    most_islands = "never any"
    if islands["peak"]:
        most_islands = (
            f"at most {islands['peak']} (update {islands['peak_step']}), {islands['end']} at the end"
        )
    passes = "  ".join(
        f"{k}: {value:.3f}" for k, value in summary["pass_at_k"].items() if k in ("1", "16", "256")
    )
    called = summary.get("heat_now_step")
    signal = "never fired" if called is None else f"fired at update {called}"
    return listed(
        [
            f"accuracy        {summary['accuracy']:.3f}, the last 20 updates",
            *_below_the_best(summary),
            f"correct length  {shape}",
            # Called updates in all these lines.
            *(
                [f"V               {v_in_words(length).replace('step', 'update')}"]
                if length.get("v_why")
                else []
            ),
            f"islands         {most_islands}",
            f"average degree  {web['mean_degree']:.2f}, traffic web {web['traffic_mean_degree']:.2f}",
            f"pass@k          {passes}",
            f"heating signal  {signal}",
            f"heating         {describe_heating(summary.get('heating'))}",
            *temperature_in_words(summary),
            f"training        {summary['seconds']:.1f} s without compilation and report, "
            f"{summary['walker_steps'] / 1e6:.1f} M hops",
            f"report          {Path(summary['run']) / 'report.html'}",
            f"page            conet serve {shown(Path(summary['run']))}",
        ]
    )


def v_in_words(length: dict[str, Any]) -> str:
    """Say what the correct length did, and why its two numbers are not those of the line above."""
    from conet.detect.valley import ELSEWHERE

    why = length.get("v_why") or "-"
    return why + (", so not the ratio of the lengths above" if ELSEWHERE in why else "")


def temperature_in_words(summary: dict[str, Any]) -> list[str]:
    """Say how large the entropy bonus was and how far the entropy fell; nothing where no schedule set it."""
    found = summary.get("temperature")
    if found is None:
        return []
    weight, entropy = found["weight"], found["entropy"]
    said = f"weight {weight['end']:.2g} at the end, at most {weight['peak']:.2g}"
    if not weight["peak"]:
        why = f": {found['why']}" if found.get("why") else ""  # earlier summaries have none
        said = f"the weight was 0 throughout{why}"
    if entropy["end"] is not None:
        before = "" if entropy["start"] is None else f"{entropy['start']:.2f} to "
        said += f"; entropy {before}{entropy['end']:.2f}" + ("" if before else " at the end")
    return [f"temperature     {said}"]


def describe_heating(heating: dict[str, Any] | None) -> str:
    """Say when, why and on how many problems a run was heated."""
    if heating is None:
        return "none"
    if not heating["times"]:
        why = "the latest allowed" if heating["reason"] == LATEST else heating["reason"]
        cost = heating.get("failed_rollouts", 0)
        drawn = f"; looking for one took {cost:,} rollouts" if cost else ""
        tried = f"none: tried from update {heating['step']} on" + (f" ({why})" if why else "")
        return f"{tried}, no problem was eligible{drawn}"
    why = f", because {heating['reason']}" if heating["reason"] else ""
    ended = "to the end" if heating["ended_step"] is None else f"to {heating['ended_step']}"
    return f"from update {heating['step']} {ended}, on {counted(heating['problems'], 'problem')}{why}"


def _below_the_best(summary: dict[str, Any]) -> list[str]:
    residual = summary.get("residual_frustration")
    return (
        [] if residual is None else [f"frustration     {residual:.3f} below the best policy that was found"]
    )
