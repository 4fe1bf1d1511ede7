"""The command that says what a recipe takes in memory."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from conet.base.errors import ConetError
from conet.base.text import listed
from conet.cli.options import Json, NumberOrNone, Pairs, Whole, all_changes

OWN = 2  # GiB on an accelerator that libraries take for themselves

if TYPE_CHECKING:
    from conet.llm.plan import Plan


def plan(
    recipe: str,
    *,
    processes: Whole = None,
    sharding: Literal["none", "zero2", "fsdp"] | None = None,
    accelerator_gib: NumberOrNone = None,
    prompt: Whole = None,
    set_: Pairs = None,
    json_: Json = False,
) -> None:
    """Say what a recipe takes in memory: weights, optimizer, logits, vLLM, pool; nothing is loaded.

    Parameters
    ----------
    recipe
        A shipped name, or a TOML or JSON file.
    processes
        That train together, one an accelerator; as in the recipe's accelerate configuration by default, or 1.
    sharding
        none, zero2 or fsdp; zero2 by default where there are several processes.
    accelerator_gib
        Memory of one accelerator, of which vLLM takes its share; 80 by default.
    prompt
        Tokens of a prompt; 512 by default, and 32 for sums.
    set_
        Settings as key=value, such as training.max_completion_length=4096; may be repeated.
    json_
        Print the plan and the measured points as one JSON object.
    """
    from conet.llm.checking import check
    from conet.llm.launching import processes_of
    from conet.llm.plan import plan as planned
    from conet.runs.recipe import beside, load

    settings = beside(load(recipe).override(all_changes(set_)), Path.cwd())
    count = processes_of(recipe) if processes is None else processes
    memory = 80.0 if accelerator_gib is None else accelerator_gib
    if count < 1 or not 0 < memory < 1e6 or (prompt is not None and prompt < 1):
        got = f"--processes {count} --accelerator-gib {memory:g} --prompt {prompt}"
        raise ConetError(got, "numbers above 0", "for example --processes 8 --accelerator-gib 80")
    check(settings, count)
    shares = sharding or ("none" if count == 1 else "zero2")
    found = planned(settings, count, shares, memory, prompt)
    print(json.dumps(found.as_json()) if json_ else in_words(found, memory))


def in_words(found: "Plan", accelerator_gib: float) -> str:
    """Return a plan as lines for people."""
    from conet.llm.plan import measured_points

    alone = "1 process (--processes N where several train together)"
    what = f"{found.processes} processes, sharding {found.sharding}" if found.processes > 1 else alone
    lines = [f"{found.recipe}: {found.parameters:,} parameters, {what}; each takes"]
    rows = [(part.name, part.bytes, part.how) for part in found.parts if part.place == "accelerator"]
    room = accelerator_gib - found.total / 2**30
    fits = "fits" if room > OWN else "is too much for" if room < 0 else "hardly fits"
    own = f"and the libraries' own, some 1 to {OWN} GiB: {fits} {accelerator_gib:g} GiB"
    rows.append(("in all", found.total, own))
    apart = [part for part in found.parts if part.place != "accelerator"]
    rows += [(f"{part.name} ({part.place})", part.bytes, part.how) for part in apart]
    width = max(len(name) for name, _, _ in rows)
    lines += [f"  {name:{width}} {_size(size):>9}  {how}" for name, size, how in rows]
    lines.append("measured, beside what is computed for the same model and batch:")
    for point in measured_points():
        what, size = f"{point['model']}, {point['part']}", _size(point["measured"])
        share = f"{point['measured'] / point['planned']:.2f} of the plan"
        lines.append(f"  {what}: {size}, {share} ({point['where']})")
    lines.append("not measured: logits, gathered weights, reference model, keys and values, vLLM")
    return listed(lines)


def _size(count: int) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**27 else f"{count / 2**20:.1f} MiB"
