"""What could not be decided, why, and what more data would decide it."""

from typing import TYPE_CHECKING

import numpy as np

from conet.detect.counts import FEWEST_PROBLEMS
from conet.diagnosis.problems import FEW, FEWEST_VISITS
from conet.diagnosis.signals import FEWEST_PROBLEMS as FEWEST_FIXED
from conet.diagnosis.transitions import FEWEST_VISITS as FEWEST_FITTED

if TYPE_CHECKING:
    from conet.diagnosis.findings import Diagnosis

NARROW = 0.1  # half width of an interval of an accuracy that tells "hard" from "half known"


def notes(found: "Diagnosis") -> dict[str, str]:
    """Return for each finding that is null, or needs a caution, the reason.

    Returns
    -------
    dict of str to str
        By the key of the finding.
    """
    return {
        key: text
        for key, text in (
            *_stages(found),
            *_heat(found),
            *_problems(found),
            *_signals(found),
            *_reading(found),
        )
        if text
    }


def _stages(found: "Diagnosis") -> list[tuple[str, str]]:
    stage, v = found.stage, found.v
    rows = [("stage", "" if stage.stage else f"undecided: {stage.why}")]
    if stage.knee is None:
        rows.append(("knee_step", f"no knee: {stage.why}"))
    elif np.isnan(stage.knee.low):
        rows.append(("knee_interval", f"fewer than {FEWEST_PROBLEMS} problems, so there is no interval"))
    if v.bottom is None:
        rows.append(("v_bottom_step", v.why))
        if v.valley is not None and v.valley.verdict == "undecided" and np.isfinite(v.valley.end_ratio.low):
            rows[-1] = ("v_bottom_step", f"{v.why}; {_more_for_v(found)}")
    elif np.isnan(v.valley.within_ratio.estimate):  # type: ignore[union-attr]
        rows.append(("v_within", "no problem solved at the bottom was seen again at the end"))
    return rows


def _more_for_v(found: "Diagnosis") -> str:
    """How many samples would decide the V: noise falls with the root of their number."""
    valley = found.v.valley
    assert valley is not None
    half = (valley.end_ratio.high - valley.end_ratio.low) / 2
    gap = max(abs(valley.end_ratio.estimate - 1.0), 0.02)
    samples = found.visits.group
    if not np.isfinite(half) or half <= gap:
        return "more steps would decide it"
    factor = (half / gap) ** 2
    return (
        f"about {factor:.0f} times as many samples (some {samples * factor:.0f} a problem and visit instead of "
        f"{samples}), or that many more steps, would decide it"
    )


def _heat(found: "Diagnosis") -> list[tuple[str, str]]:
    if found.moment.now is None:
        return [("heat_now", f"undecided: {found.moment.why}"), ("heat_step", "the detector has not spoken")]
    return [("heat_step", "" if found.moment.step is not None else "the detector has not spoken")]


def _problems(found: "Diagnosis") -> list[tuple[str, str]]:
    known = found.fates
    few = known.count(FEW)
    rows = []
    if few:
        rows.append(
            ("few_visits", f"{few} problems have fewer than {FEWEST_VISITS} visits and count neither as learned nor "
             f"as forgotten nor as dead: {FEWEST_VISITS - 1} more epochs would tell")
        )  # fmt: skip
    dead = found.chance.get("dead")
    if dead is not None and dead >= 1:
        rows.append(
            ("dead", f"some {dead:.0f} of the dead would show no correct answer even with an accuracy of 1 in 10: about "
             "30 samples a problem without a correct one rule that out (95 %)")
        )  # fmt: skip
    samples = float(np.median(known.samples))
    needed = 1.96**2 * 0.25 / NARROW**2
    if samples < needed:
        rows.append(
            ("accuracy_of_problems", f"{samples:.0f} samples a problem tell its accuracy to ± "
             f"{1.96 * np.sqrt(0.25 / max(samples, 1)):.2f}; about {needed:.0f} tell it to ± {NARROW}")
        )  # fmt: skip
    if found.filtering.filtered:
        rows.append(
            ("filtered_groups", "groups without signal are missing (dynamic sampling), so every accuracy here is that "
             "of the groups that were kept, and dead problems cannot be seen")
        )  # fmt: skip
    elif found.filtering.filtered is None:
        rows.append(("filtered_groups", "too few groups of four or more samples to tell"))
    return rows


def _signals(found: "Diagnosis") -> list[tuple[str, str]]:
    rows = []
    if not (found.visits.table["truncation_known"] > 0).any():
        rows.append(("truncated_share", "the files do not say which answers were cut off; name a column or a condition "
                     "with --map, for example --map 'truncated=response_length>=4096'"))  # fmt: skip
    if not (found.visits.table["samples"] >= 2).any():
        rows.append(("groups_without_signal", "one sample a visit: there are no groups"))
    if found.diversity is None:
        why = (
            f"fewer than {FEWEST_FIXED} problems have two samples or more both in the first and in the last fifth "
            "of the steps"
        )
        rows += [("collapse", why), ("diversity", why)]
    if found.strife is None:
        rows.append(("frustration", "no problem was visited six times or more"))
    elif found.strife.peak is None:
        rows.append(
            (
                "frustration",
                "forgetting does not stand out from chance (3 standard deviations), so it has no peak",
            )
        )
    if not found.sharpness.fitted:
        rows.append(("transitions", f"no learned problem has {FEWEST_FITTED} visits or more"))
    return rows


def _reading(found: "Diagnosis") -> list[tuple[str, str]]:
    record = found.record
    length = record.sources.get("length")
    rows = [
        ("length", f"lengths are {length}" if length else "lengths are not known: no column, and no answers")
    ]
    rows.append(("correct", f"correct is {record.sources['correct']}"))
    if record.skipped:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in record.skipped.items())
        rows.append(("skipped_rows", reasons))
    if record.skipped_files:
        rows.append(
            ("skipped_files", f"{len(record.skipped_files)} files could not be read, or not to their end")
        )
    if found.validation is None:
        rows.append(("validation", "no validation rollouts" if "train" in record.rows["split"].unique().to_list()
                     else "only validation rollouts, which are diagnosed in place of the training's"))  # fmt: skip
    return rows
