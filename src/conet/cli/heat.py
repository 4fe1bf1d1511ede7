"""The command that chooses the problems to heat on, and writes them with a correct answer each."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from conet.base.errors import ConetError
from conet.base.text import counted
from conet.cli.options import Flag, NumberOrNone, Whole, say
from conet.cli.reading import READING, Reading, reading_line, the_log


def heat(
    path: Path,
    *,
    out: Path,
    target: Literal["trl", "verl"] = "trl",
    max_accuracy: NumberOrNone = None,
    below: NumberOrNone = None,
    min_samples: Whole = 16,
    pick: Literal["shortest", "first", "newest"] = "shortest",
    window: Whole = None,
    review: Flag = False,
    no_text: Flag = False,
    reading: Reading = READING,
) -> None:
    """Write the examples for a heating: problems that are nearly lost, each with a correct answer of its own.

    Parameters
    ----------
    path
        A run directory, the folder of its rollouts, or one file.
    out
        A file of examples; one of an earlier call may be replaced. /dev/stdout prints them, and what else
        there is to say goes to stderr.
    target
        Whose SFT reads it: lines of JSON for trl, Parquet with messages for verl.
    max_accuracy
        A problem is hard below this accuracy; 0.1 by default.
    below
        The name that --max-accuracy had in version 0.1.
    min_samples
        Samples on which that accuracy must rest.
    pick
        Which correct answer to learn from: shortest, first or newest.
    window
        Look at the last so many steps only; by default at each problem's newest visits, as many as give
        --min-samples.
    review
        Print each prompt and its answer side by side.
    no_text
        Write which problems there are, by digests, and what the choice rests on; no prompts, no answers.
    """
    from conet.diagnosis.demonstrations import side_by_side
    from conet.diagnosis.heat import check_out, heat_set, write
    from conet.readers import chat_template

    hard_below = accuracy_option(max_accuracy, below)
    for name, value in (("--min-samples", min_samples), ("--window", window)):
        if value is not None and value < 1:
            raise ConetError(f"{name} {value}", "1 or more", f"leave {name} out for the default")
    check_out(out)
    template = None if reading.tokenizer is None else chat_template.load(reading.tokenizer)
    collector = reading.opened(the_log(path))
    with reading_line() as progress:
        record = collector.read(progress)
    if record.partial_credit:
        raise ConetError(
            "rewards with partial credit", "what is correct", "say it, for example --correct-above 0.5"
        )
    if no_text:
        record = record.without_texts()
    found = heat_set(record, hard_below, min_samples or 16, pick, window)
    remark = write(found, out, record, target, template)
    if not found.examples:
        say(found.why_empty, out)
        return
    _say_what(found.examples, target, out, remark, review)
    if off := found.left_out["off_template"]:
        say(f"left out: {off} more, whose prompts cannot be rebuilt into messages", out)
    if review and not no_text:
        width = shutil.get_terminal_size().columns
        for row in found.examples:
            print(side_by_side(row, width))
    if without_text := found.left_out["without_text"]:
        say(f"left out: {without_text} more, whose correct answers were logged without their text", out)


def _say_what(
    examples: Sequence[Mapping[str, Any]], target: str, out: Path, remark: str, review: bool
) -> None:
    """Say how many examples were written, and which of them look bad."""
    what = counted(len(examples), "problem")
    accuracy = sum(row["accuracy"] for row in examples) / len(examples)
    mean = "an accuracy" if len(examples) == 1 else "a mean accuracy"
    say(f"{what} with {mean} of {accuracy:.3f}, for {target}: {out}", out)
    if remark:
        say(remark, out)
    if suspicious := [row["flagged"] for row in examples if row["flagged"]]:
        more = "" if review else " (--review shows them)"
        look = "looks bad: it is" if len(suspicious) == 1 else "look bad, the first is"
        say(f"{counted(len(suspicious), 'demonstration')} {look} {suspicious[0]}{more}", out)


def accuracy_option(max_accuracy: float | None, below: float | None) -> float:
    """Return what ``--max-accuracy`` says, or ``--below``, its name in version 0.1."""
    from conet.config.aliases import note, twice
    from conet.rollouts.selection import MAX_ACCURACY

    if below is not None:
        if max_accuracy is not None:
            raise twice("--below", below, "--max-accuracy", max_accuracy)
        note("the option --below is now called --max-accuracy")
    name, given = ("--max-accuracy", max_accuracy) if below is None else ("--below", below)
    if given is not None and not 0 < given <= 1:
        raise ConetError(f"{name} {given}", "an accuracy above 0 and at most 1", "for example 0.1")
    return MAX_ACCURACY if given is None else given
