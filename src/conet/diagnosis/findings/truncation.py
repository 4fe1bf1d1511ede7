"""Answers that the length limit cut off: how many of all, right and wrong ones, and since when."""

from dataclasses import replace

import numpy as np

from conet.detect.shift import since_above
from conet.diagnosis.declare import Finding, Headline, Key, MainNumber, Remedy, Result, Urgency
from conet.diagnosis.log import Log, ends, per_step_values
from conet.diagnosis.remedies import remedy_for
from conet.diagnosis.words import share

ABOVE = 0.1  # share of the answers above which it is said (our choice)
MOST = 0.5  # above which nothing else counts before it is mended
NARROW = 64  # so long an answer is at least where a limit is guessed from equal lengths
OTHERS = 20  # different lengths that there must be beside it
UNKNOWN = (
    "the files do not say which answers were cut off; name a column or a condition with --map, for example "
    "--map 'truncated=response_length>=4096'"
)
REMEDY = Remedy(
    "raise the limit, or leave cut-off answers out of the loss, or punish length softly before the limit",
    "TRL: max_completion_length, mask_truncated_completions; verl: data.max_response_length, "
    "overlong_buffer_cfg; DAPO, arXiv 2503.14476, section 3.4",
)


def compute(log: Log) -> Result:
    """Measure the share of answers that were cut off, and say so where it is above a tenth."""
    steps = per_step_values(log.answers, "step").astype(np.int64)
    cut = {kind: per_step_values(log.answers, f"truncated{kind}") for kind in ("", "_right", "_wrong")}
    known, count = (float(log.visits.table[name].sum()) for name in ("truncation_known", "truncated_count"))
    if not log.has_rollouts and np.isfinite(cut[""]).any():
        known, count = 1, float(np.nanmean(cut[""]))
    if not known:
        return _guessed(log)
    since = since_above(steps, cut[""], ABOVE)
    shares = {name: ends(values) for name, values in zip(("all", "right", "wrong"), cut.values())}
    values = {"truncated_share": count / known, "truncated": shares, "truncated_since": since}
    caveats = {} if since is not None else {"truncated_since": f"at most {ABOVE:.0%} are cut off at the end"}
    if since is None:
        return Result(values=values, caveats=caveats, detail=since)
    said = _headline(steps, cut[""], since, _apart(shares), log.walks is not None)
    number = MainNumber(
        "cut off", f"{share(shares['all']['start'])} → {share(shares['all']['end'])}", _apart(shares)
    )
    return Result(
        values=values,
        caveats=caveats,
        headlines=(replace(said, remedy=remedy_for(log, "truncated", REMEDY)),),
        numbers=(number,),
        detail=since,
    )


def _apart(shares: dict[str, dict[str, float | None]]) -> str:
    """Say how many of the right and of the wrong answers are cut off at the end."""
    known = {name: shares[name]["end"] for name in ("right", "wrong")}
    parts = [f"of the {name} answers {share(part)}" for name, part in known.items() if part is not None]
    return f"{', '.join(parts) or 'of all answers'}, in the last fifth of the steps"


def _headline(steps: np.ndarray, cut: np.ndarray, since: int, apart: str, walks: bool) -> Headline:
    now = float(np.nanmean(cut[steps >= since]))
    last = float(np.nanmean(cut[-3:]))
    if walks:
        whose = "Every walk misses" if now > 0.995 else f"{share(now)} of the walks miss"
        what = f"{whose} the answer in as many hops as there may be (problems.max_length)"
    else:
        whose = "Every answer is" if now > 0.995 else f"{share(now)} of the answers are"
        what = f"{whose} cut off by the length limit"
    from_start = since == steps[0]
    when = f"since the first step ({since})" if from_start else f"since step {since}"
    return Headline(
        name="truncated",
        text=f"{what} {when}.",
        urgency=Urgency.EMERGENCY if max(now, last) >= MOST else Urgency.WARNING,
        evidence=apart,
        step=since,
    )


def _guessed(log: Log) -> Result:
    """Say that many answers are exactly as long as the longest, where nothing says which were cut off.

    Looked at by step, as a run whose answers have met the limit but lately has few of them in all.
    """
    import polars as pl

    keys = ("truncated_share", "truncated", "truncated_since")
    nothing = Result(caveats=dict.fromkeys(keys, UNKNOWN))
    if not log.has_rollouts:
        return nothing
    rows = log.record.rows
    rows = rows.filter((pl.col("split") == log.split) & pl.col("length").is_not_null())
    last = rows.filter(pl.col("step") >= log.steps["step"][-log.fifth])
    longest = int(last["length"].max() or 0)  # type: ignore[arg-type]
    if longest < NARROW or rows["length"].n_unique() <= OTHERS:
        return nothing
    by_step = rows.group_by("step").agg(at=(pl.col("length") == longest).mean()).sort("step")
    steps, at_limit = by_step["step"].to_numpy().astype(np.int64), per_step_values(by_step, "at")
    since = since_above(steps, at_limit, ABOVE)
    if since is None:
        return nothing
    now = float(at_limit[steps >= since].mean())
    when = f"since the first step ({since})" if since == steps[0] else f"since step {since}"
    said = Headline(
        name="truncated",
        text=f"{share(now)} of the answers are exactly as long as the longest, {longest:,}, {when}: probably "
        "a limit cuts them off.",
        urgency=Urgency.EMERGENCY if max(now, float(at_limit[-3:].mean())) >= MOST else Urgency.WARNING,
        evidence=UNKNOWN,
        step=since,
        remedy=REMEDY,
    )
    return Result(caveats=nothing.caveats, headlines=(said,), detail=since)


FINDING = Finding(
    name="truncation",
    compute=compute,
    needs_rollouts=False,
    needs_correct=False,
    keys=(
        Key("truncated_share", "number or null", "share of the answers that the length limit cut off"),
        Key(
            "truncated",
            "object or null",
            "the same of `all`, `right` and `wrong` answers: `start` and `end`, a fifth of the steps each",
        ),
        Key("truncated_since", "integer or null", "step since which more than a tenth are cut off"),
    ),
    decides=(
        f"answers cut off, over answers of which that is known. A warning where more than {ABOVE:.0%} are "
        f"cut off at the end, an emergency from {MOST:.0%}; since: the step from which on it stayed so. "
        "Where the files do not say it, the same of answers that are exactly as long as the longest of the "
        "last fifth of the steps"
    ),
    view="groups",
)
