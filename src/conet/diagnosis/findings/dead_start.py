"""A run without a correct answer: is it the format, the verifier, the length limit, or the difficulty?"""

from dataclasses import dataclass

import numpy as np

from conet.diagnosis.answers import COMPONENT
from conet.diagnosis.declare import Finding, Headline, Key, Remedy, Result, Urgency
from conet.diagnosis.log import Log, per_step_values
from conet.diagnosis.remedies import remedy_for
from conet.diagnosis.words import share

FEWEST = 50  # answers without a correct one that say something: more than 6 in 100 are ruled out (95 %)
MOST_CORRECT = 0.01  # share of correct answers of a run that is dead from the start (our choice)
MISJUDGED = 0.02  # share of the wrong answers that equal the gold answer, beyond which the verifier is named
CUT = 0.5  # share of answers cut off, beyond which the limit is named
MARKED = 0.5  # share of answers that mark their result, below which the format is named
CAUSES = {
    "verifier": Remedy(
        "judge one of these answers by hand with the reward function alone; mend how it finds the result and "
        "compares it",
        "math-verify, as in TRL's accuracy_reward; verl: custom_reward_function",
    ),
    "length limit": Remedy(
        "raise the length limit: an answer that is cut off has no result",
        "TRL: max_completion_length; verl: data.max_response_length",
    ),
    "format": Remedy(
        "say the format in the prompt as the verifier wants it, check the chat template, or pay a small "
        "reward for the format first",
        "DeepSeek-R1, arXiv 2501.12948: format rewards; TRL: reward_funcs",
    ),
    "difficulty": Remedy(
        "begin with easier problems or a short SFT, or draw more answers a problem: groups that are all "
        "wrong teach nothing",
        "DAPO, arXiv 2503.14476: dynamic sampling; TRL: num_generations; verl: actor_rollout_ref.rollout.n",
    ),
}
UNTOLD = Remedy(
    "judge ten answers by hand with the reward function alone; log completions and gold answers, and the "
    "next diagnosis compares them",
    "conet diagnose --map gold=COLUMN; TRL: log_extra(name, values) in a reward function",
)


@dataclass(frozen=True)
class Judged:
    """What of the answers bears on how they are judged; shares, None where unknown.

    Attributes
    ----------
    misjudged : float or None
        Of the wrong answers those whose marked result equals the gold answer.
    compared : int
        Wrong answers of which that is known.
    marked : float or None
        Of the answers those that mark their result.
    """

    misjudged: float | None
    compared: int
    marked: float | None


def judged(log: Log) -> Judged:
    """Compare marked results with the gold answers; of problems that have one gold answer alone.

    A column that differs between the answers to one problem holds no gold answers.
    """
    import polars as pl

    rows = log.record.rows
    if "gold_given" not in rows.columns:
        return Judged(None, 0, None)
    looked = rows.filter((pl.col("split") == log.split) & pl.col("answer_marked").is_not_null())
    marked = looked["answer_marked"].mean()
    known = looked.filter(pl.col("gold_given").is_not_null())
    one = known.group_by("problem").agg(golds=pl.col("gold_hash").n_unique()).filter(pl.col("golds") == 1)
    wrong = known.join(one, on="problem", how="semi").filter(~pl.col("correct"))
    if not wrong.height or one.height < known["problem"].n_unique() / 2:
        return Judged(None, 0, marked)  # type: ignore[arg-type]
    return Judged(float(wrong["gold_given"].mean()), wrong.height, marked)  # type: ignore[arg-type]


def compute(log: Log) -> Result:
    """Say why no answer counts as correct, and whether right ones are judged wrong."""
    seen = judged(log)
    values = {"judged_wrong_but_equal": seen.misjudged, "dead_from_start": False, "dead_because": None}
    caveats = {}
    if seen.misjudged is None:
        caveats["judged_wrong_but_equal"] = (
            "no gold answers, or no marked results, were logged: --map gold=COLUMN names a column of them"
        )
    total, correct = (int(log.steps[name].sum()) for name in ("samples", "correct_count"))
    dead = total >= FEWEST and correct <= MOST_CORRECT * total and not _ever(log)
    if not dead:
        caveats["dead_because"] = "there are correct answers, or too few answers to tell"
        return Result(values=values, caveats=caveats, headlines=_misjudged(seen), detail=seen)
    why, parts = cause(log, seen)
    none = f"{share(correct / total)} of the answers are" if correct else "No answer is"
    where = (
        f"look at the {why} first" if why else "whether verifier or difficulty cannot be told from this log"
    )
    said = Headline(
        name="dead from the start",
        text=(
            f"{none} correct, from the first step on, so nothing is learned: "
            f"{'; '.join([f'{where}. {parts[0]}', *parts[1:]]) if parts else where}."
        ),
        urgency=Urgency.EMERGENCY,
        evidence=f"{correct} correct of {total:,} answers",
        step=int(log.steps["step"][0]),
        remedy=remedy_for(log, "all wrong", CAUSES[why] if why else UNTOLD),
    )
    if why is None:
        caveats["dead_because"] = "no gold answers beside marked results: verifier or difficulty, not told"
    return Result(
        values=values | {"dead_from_start": True, "dead_because": why},
        caveats=caveats,
        headlines=(said,),
        detail=seen,
    )


def _ever(log: Log) -> bool:
    """Whether a tenth of the steps had more correct answers than a dead run has: then it was not dead."""
    accuracy = per_step_values(log.steps, "accuracy")
    window = max(3, len(accuracy) // 10)
    return any(
        float(accuracy[place : place + window].mean()) > 5 * MOST_CORRECT
        for place in range(max(1, len(accuracy) - window + 1))
    )


def cause(log: Log, seen: Judged) -> tuple[str | None, list[str]]:
    """Name the most likely cause, and what each of the four rests on.

    None where neither limit nor format explains it and no gold answers were compared: a verifier that
    judges everything wrong and problems that are too hard look alike then.
    """
    cut = per_step_values(log.answers, "truncated")
    cut_share = float(np.nanmean(cut)) if np.isfinite(cut).any() else None
    rewards = {
        name.removeprefix(COMPONENT): float(np.nanmean(per_step_values(log.answers, name)))
        for name in log.answers.columns
        if name.startswith(COMPONENT) and np.isfinite(per_step_values(log.answers, name)).any()
    }
    told = {name: value for name, value in rewards.items() if value > 0 or _is_format(name)}
    parts = []
    if seen.misjudged is not None:
        parts.append(
            f"{share(seen.misjudged)} of {seen.compared:,} answers judged wrong give the gold answer"
        )
    if cut_share is not None:
        parts.append(f"{share(cut_share)} are cut off")
    if seen.marked is not None:
        parts.append(f"{share(seen.marked)} mark their result (boxed, in a tag, …)")
    if told:
        parts.append(", ".join(f"{name} is {value:.2g} on average" for name, value in told.items()))
    if seen.misjudged is not None and seen.misjudged > MISJUDGED:
        return "verifier", parts
    if cut_share is not None and cut_share > CUT:
        return "length limit", parts
    if _format_fails(rewards, seen):
        return "format", parts
    return None if seen.misjudged is None else "difficulty", parts


def _is_format(name: str) -> bool:
    return "format" in name.lower() or "fmt" in name.lower()


def _format_fails(rewards: dict[str, float], seen: Judged) -> bool:
    """Whether a format reward is hardly ever paid; where there is none, whether results are seldom marked."""
    formats = [value for name, value in rewards.items() if _is_format(name)]
    if formats:
        return max(formats) < 0.1
    return seen.marked is not None and seen.marked < MARKED


def _misjudged(seen: Judged) -> tuple[Headline, ...]:
    """Warn of a verifier that judges right answers wrong, in a run that is alive."""
    if seen.misjudged is None or seen.misjudged <= MISJUDGED or seen.compared < FEWEST:
        return ()
    return (
        Headline(
            name="verifier",
            text=f"{share(seen.misjudged)} of the answers judged wrong give the gold answer as their result.",
            urgency=Urgency.WARNING,
            evidence=f"{seen.compared:,} wrong answers compared with the gold answer",
            remedy=CAUSES["verifier"],
        ),
    )


FINDING = Finding(
    name="dead-start",
    compute=compute,
    keys=(
        Key("dead_from_start", "true or false", "whether the run has had no correct answers all along"),
        Key("dead_because", "text or null", "`verifier`, `length limit`, `format` or `difficulty`"),
        Key(
            "judged_wrong_but_equal",
            "number or null",
            "share of the wrong answers whose marked result (boxed, in a tag, behind `####` or `Answer:`) "
            "equals the gold answer, however it is written: as a fraction, with a unit, a percent sign",
        ),
    ),
    decides=(
        f"dead: of {FEWEST} answers or more at most {MOST_CORRECT:.0%} are correct, at no time more than "
        f"{5 * MOST_CORRECT:.0%}. The verifier is named where more than {MISJUDGED:.0%} of the wrong answers "
        "give the gold answer (of a live run that is a warning); else the length limit where more than "
        f"{CUT:.0%} are cut off; else the format where a format reward is below 0.1 or, without one, fewer "
        f"than {MARKED:.0%} mark their result; else the difficulty; null where no gold answers were "
        "compared, as it may be the verifier then"
    ),
    view="learning-curve",
)
