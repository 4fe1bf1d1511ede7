"""The problems to heat on, with demonstrations from the rollouts of a training, as examples for SFT."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.errors import ConetError
from conet.base.places import check_file, write_output
from conet.diagnosis.demonstrations import flagged
from conet.diagnosis.hard import MIN_SAMPLES, find_hard, none_in_words
from conet.diagnosis.heat_files import Target, are_examples, as_target, file_content
from conet.diagnosis.heat_messages import Unclear, rebuilt
from conet.readers.chat_template import ChatTemplate
from conet.readers.messages import as_messages
from conet.rollouts import RolloutRecord
from conet.rollouts.selection import MAX_ACCURACY, Pick, choose

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True)
class HeatSet:
    """What to demonstrate.

    Attributes
    ----------
    examples : list of dict
        ``messages``, where the logs hold messages, else ``prompt`` and ``completion``; ``prompt_ids`` and
        ``completion_ids``, where the logs hold them for all; and what the choice rests on: ``problem``,
        ``accuracy``, ``correct_count``, ``samples``, ``first_step`` and ``last_step`` (of the window),
        ``step`` and ``length`` (of the completion), ``flagged`` (what may make it a bad one, or None).
    problems : int
        Problems of the run.
    left_out : dict of str to int
        Problems that were not chosen, by reason: those of :func:`conet.rollouts.selection.left_out`, and
        ``without_text``: hard problems whose correct completions were logged without their text, or empty;
        ``off_template``: those whose prompts cannot be rebuilt into messages.
    """

    examples: list[dict[str, Any]]
    problems: int
    left_out: dict[str, int]

    @property
    def why_empty(self) -> str:
        """Why there is nothing to demonstrate, in one line."""
        return none_in_words(self.problems, self.left_out)


def heat_set(
    record: RolloutRecord,
    max_accuracy: float = MAX_ACCURACY,
    min_samples: int = MIN_SAMPLES,
    pick: Pick = "shortest",
    window: int | None = None,
) -> HeatSet:
    """Choose the hard problems of a run, and one correct completion of each.

    Parameters
    ----------
    record
        The run, whose prompts and completions can be read again.
    max_accuracy
        A problem is hard below this accuracy.
    min_samples
        Samples on which that accuracy must rest.
    pick
        Which correct completion: "shortest", "first" or "newest".
    window
        Look at so many steps before the last one, that included; where absent, at each problem's
        newest visits, as many as give ``min_samples``.
    """
    found = find_hard(record, max_accuracy, min_samples, window)
    hard = found.counts
    right = _with_words(_correct(record.rows, record.main_split, found.visits))
    known = hard.filter(hard["problem"].is_in(right["problem"].unique().to_list()))
    chosen = _choose(right, known["problem"].to_numpy(), pick)
    shown = chosen.height > 0 and record.shows_texts
    texts = record.texts(chosen) if shown else [(None, None)] * chosen.height
    ids = record.token_ids(chosen) if shown else None
    examples, unclear = [], ""
    lengths = _lengths(record, chosen)
    for place, (answer, counted, words) in enumerate(zip(chosen.to_dicts(), known.to_dicts(), texts)):
        try:
            row = example(*words) | _evidence(record, answer, counted)
        except Unclear as why:
            unclear = str(why)
            continue
        if ids:
            row |= {"prompt_ids": ids[place][0], "completion_ids": ids[place][1]}
        examples.append(row | {"flagged": flagged(row, lengths[answer["problem"]])})
    if unclear and not examples:
        raise _off_template(unclear)
    reasons = {
        "without_text": hard.height - known.height,
        "off_template": chosen.height - len(examples),
    }
    return HeatSet(examples, found.problems, found.left_out | reasons)


def _lengths(record: RolloutRecord, chosen: "polars.DataFrame") -> "dict[int, polars.Series]":
    """Return the lengths of all answers to each problem that is demonstrated."""
    import polars as pl

    rows = record.rows.filter(pl.col("split") == record.main_split)
    rows = rows.join(chosen.select("problem").unique(), on="problem", how="semi")
    return {key[0]: part["length"] for key, part in rows.partition_by("problem", as_dict=True).items()}


def _off_template(why: str) -> ConetError:
    return ConetError(
        f"prompts that were logged without the template's tokens, and cannot be rebuilt into messages: {why}",
        "messages, prompts with the names of the roles on lines of their own, or plain text",
        "log prompts as messages (TRL: a dataset of messages), or as text with special tokens",
    )


def _evidence(record: RolloutRecord, answer: dict[str, Any], counted: dict[str, Any]) -> dict[str, Any]:
    """What the choice of a problem rests on; beside the names of today those of version 0.1."""
    return {
        "problem": record.names[answer["problem"]],
        "accuracy": counted["correct_count"] / counted["samples"],
        "correct": counted["correct_count"],
        **{name: counted[name] for name in ("correct_count", "samples", "first_step", "last_step")},
        "step": answer["step"],
        "length": answer["length"],
    }


def _correct(rows: "polars.DataFrame", split: str, visits: "polars.DataFrame") -> "polars.DataFrame":
    """Correct rollouts of these visits, in the order of the files."""
    import polars as pl

    kept = rows.with_row_index("order").filter(pl.col("correct") & (pl.col("split") == split))
    return kept.join(visits, on=["step", "problem"], how="semi").sort("order")


def _with_words(right: "polars.DataFrame") -> "polars.DataFrame":
    """Leave out completions without text, which cannot be demonstrated.

    Where the logs hold no text at all, that is said later.
    """
    import polars as pl

    if right["text_hash"].null_count() == right.height:
        return right
    return right.filter(pl.col("text_hash").is_not_null() & (pl.col("length").fill_null(1) > 0))


def _choose(right: "polars.DataFrame", problems: np.ndarray, pick: Pick) -> "polars.DataFrame":
    """One row of each problem, in the order of the problems."""
    length = right["length"].fill_null(0).to_numpy()
    order, owner = right["step"].to_numpy(), right["problem"].to_numpy()
    rng = np.random.default_rng(0)
    picked = [choose(np.flatnonzero(owner == problem), length, order, pick, rng) for problem in problems]
    return right[picked]


def example(prompt: Any, completion: Any) -> dict[str, Any]:
    """Return one example for SFT: messages where the logs hold them or their roles, else plain text.

    Raises
    ------
    Unclear
        Where a prompt shows that it was a chat, but not what its messages were.
    """
    if prompt is None and completion is None:  # not to be written
        return {"prompt": None, "completion": None}
    asked, answered = as_messages(prompt), as_messages(completion)
    if asked is None and answered is None:
        messages = rebuilt(str(prompt), str(completion))
        return {"messages": messages} if messages else {"prompt": str(prompt), "completion": str(completion)}
    asked = [{"role": "user", "content": str(prompt)}] if asked is None else asked
    answered = [{"role": "assistant", "content": str(completion)}] if answered is None else answered
    kept = [
        {key: value for key, value in message.items() if value is not None} for message in (*asked, *answered)
    ]
    return {"messages": kept}


def write(
    found: HeatSet,
    out: Path,
    record: RolloutRecord,
    target: Target = "trl",
    template: ChatTemplate | None = None,
) -> str:
    """Write the examples as the file that a trainer reads.

    Parameters
    ----------
    target
        Whose SFT is to read it (see :mod:`conet.diagnosis.heat_files`).
    template
        Of the model's tokenizer, where it is known.

    Returns
    -------
    str
        A remark for the user; often none.

    Raises
    ------
    ConetError
        When the place holds something else, is one of the run's own files, or cannot be written; or when the
        trainer would learn answers without their reasoning.
    """
    check_out(out)
    if out.resolve() in {file.resolve() for file in record.files}:
        raise ConetError(f"--out {out}, which is a file of the run", "a file of its own", "choose another")
    rows, said = as_target(found.examples, target, template)
    write_output(out, file_content(rows, target), partial(check_out, out))
    return said


def check_out(out: Path) -> None:
    """Refuse a place where there is something else than examples of an earlier call.

    Raises
    ------
    ConetError
    """
    check_file(out, "examples of an earlier `conet heat`", are_examples)
