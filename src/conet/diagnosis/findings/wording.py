"""Gibberish and repetition: whether answers begin to loop, or to be made of something else than words."""

from dataclasses import dataclass

import numpy as np

from conet.detect.shift import Shift, find_shift
from conet.diagnosis.declare import Finding, Headline, Key, Remedy, Result, Urgency
from conet.diagnosis.log import Log, ends, per_step_values
from conet.diagnosis.words import share

MORE_REPEATED = 0.2  # more repeated sequences of four words than before (our choice, like the next ones)
COMPRESSED = 0.5  # times as many bytes left after compression: answers loop
DENSER = 1.3  # times as many: answers are noise
MORE_SIGNS = 0.15  # more signs that are no Latin letter, digit or space, and twice as many
MORE_RARE = 0.3  # more of the pairs of letters are rare, and twice as many: letters at random have 0.7 more
NAMES = {
    "repeated_share": "repeated sequences of four words",
    "compressed_share": "bytes left after compression",
    "symbol_share": "signs that are no Latin letter or digit",
    "rare_pair_share": "pairs of letters that are rare in words",
}
REMEDY = Remedy(
    "stop and read some; go on from a checkpoint before it with a lower learning rate, a KL penalty or "
    "clipped importance ratios, and check that the sampler has the trainer's weights and template",
    "TRL: beta, epsilon, vllm_importance_sampling_correction, repetition_penalty; verl: "
    "actor_rollout_ref.actor.use_kl_loss, algorithm.rollout_correction",
)


@dataclass(frozen=True)
class Change:
    """What a measure of the words became.

    Attributes
    ----------
    kind : str
        "repetition" or "gibberish".
    name : str
        Of the measure.
    shift : Shift
    """

    kind: str
    name: str
    shift: Shift


def compute(log: Log) -> Result:
    """Compare the words of late answers with those of early ones."""
    measured = {name: per_step_values(log.answers, name) for name in NAMES}
    if not any(np.isfinite(values).any() for values in measured.values()):
        why = "no texts of answers of 80 characters or more, or of some words, were logged"
        return Result(caveats={"wording": why, "wording_since": why})
    values = {name: ends(column) for name, column in measured.items()}
    steps = per_step_values(log.answers, "step").astype(np.int64)
    found = changes(steps, measured)
    if not found:
        caveats = {"wording_since": "the words of the answers have not changed much"}
        return Result(values={"wording": values}, caveats=caveats)
    since = min(change.shift.step for change in found)
    return Result(
        values={"wording": values, "wording_since": since},
        headlines=(_headline(found, since, log),),
        detail=found,
    )


def changes(steps: np.ndarray, measured: dict[str, np.ndarray]) -> list[Change]:
    """Return what has changed so much that answers loop, or are no words any more."""
    found = []
    for name, up, kind in (
        ("repeated_share", True, "repetition"),
        ("compressed_share", False, "repetition"),
        ("compressed_share", True, "gibberish"),
        ("symbol_share", True, "gibberish"),
        ("rare_pair_share", True, "gibberish"),
    ):
        shift = find_shift(steps, measured[name], up)
        if shift is not None and _counts(name, up, shift):
            found.append(Change(kind, name, shift))
    return found


def _counts(name: str, up: bool, shift: Shift) -> bool:
    more = shift.after - shift.before
    if name == "repeated_share":
        return more >= MORE_REPEATED
    if name == "symbol_share":
        return more >= MORE_SIGNS and shift.ratio >= 2
    if name == "rare_pair_share":
        return more >= MORE_RARE and shift.ratio >= 2
    return shift.ratio >= DENSER if up else shift.ratio <= COMPRESSED


def _headline(found: list[Change], since: int, log: Log) -> Headline:
    kinds = {change.kind for change in found}
    what = {
        "repetition": "Answers repeat themselves",
        "gibberish": "Answers turn into gibberish, or another script",
    }["repetition" if "repetition" in kinds else "gibberish"]
    parts = [
        f"{NAMES[change.name]} {share(change.shift.before)} → {share(change.shift.after)}" for change in found
    ]
    stage = log.other("stage")
    falls = stage is not None and stage.stage in ("falling", "collapsed")
    return Headline(
        name="repetition" if "repetition" in kinds else "gibberish",
        text=f"{what} since step {since}: {', '.join(parts)}.",
        urgency=Urgency.EMERGENCY if falls else Urgency.WARNING,
        evidence=", ".join(parts),
        step=since,
        remedy=REMEDY,
    )


FINDING = Finding(
    name="wording",
    compute=compute,
    needs_correct=False,
    keys=(
        Key(
            "wording",
            "object or null",
            "of some of the answers' last 2,000 characters, `start` and `end`: `repeated_share` (sequences "
            "of four words that occurred before), `compressed_share` (bytes left after compression), "
            "`symbol_share` (neither Latin letter nor digit nor space), `rare_pair_share` (pairs of letters "
            "in words that are rare: a tenth of English, four fifths of letters at random)",
        ),
        Key("wording_since", "integer or null", "step since which answers loop, or are gibberish"),
    ),
    decides=(
        f"repetition: {MORE_REPEATED:.0%} more of the sequences of four words are repeated than at the "
        f"lowest level before, or compression leaves {COMPRESSED:g} times as many bytes; gibberish: it "
        f"leaves {DENSER:g} times as many, or there are {MORE_SIGNS:.0%} more signs, or {MORE_RARE:.0%} more "
        "rare pairs of letters, and twice as many. An emergency while the accuracy falls, else a warning. "
        "Measured on about a thousand answers of a file or part of it"
    ),
    view="answers",
)
