"""All findings on a run, as numbers under fixed names and in words."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.errors import ConetError
from conet.base.files import cannot_write, write_atomic, write_table
from conet.base.intervals import Interval
from conet.detect import Counts
from conet.diagnosis.caveats import notes
from conet.diagnosis.frustration import Strife, strife
from conet.diagnosis.moment import Moment, find_moment
from conet.diagnosis.problems import DEAD, FEW, FORGOTTEN, LEARNED, Fates, by_chance, fates, table
from conet.diagnosis.signals import Diversity, Filtering, diversity, filtering, steps_table
from conet.diagnosis.stages import Stage, V, find_stage, find_v
from conet.diagnosis.transitions import Sharpness, sharpness
from conet.diagnosis.visits import Visits, counts, main_split, visits
from conet.readers import Record

if TYPE_CHECKING:
    import polars

LAST = 0.2  # share of the steps that count as the end


@dataclass(frozen=True)
class Diagnosis:
    """What was found out about a run; see the modules of this package for each part."""

    record: Record
    visits: Visits
    steps: "polars.DataFrame"
    counts: Counts
    stage: Stage
    v: V
    moment: Moment
    fates: Fates
    chance: dict[str, float | None]
    sharpness: Sharpness
    filtering: Filtering
    diversity: Diversity | None
    strife: Strife | None
    validation: "polars.DataFrame | None"

    @property
    def problems(self) -> "polars.DataFrame":
        """One row a problem of the training rollouts."""
        names = [self.record.names[problem] for problem in self.visits.ids]
        return table(self.fates, names, self.sharpness.single)


def diagnose(record: Record) -> Diagnosis:
    """Diagnose a run from its rollouts.

    Parameters
    ----------
    record
        As a reader returns it. Where it has no training rollouts, the others are diagnosed in their
        place.
    """
    main = main_split(record)
    apart = main == "train" and (record.rows["split"] == "eval").any()
    found = visits(record, main)
    steps, unfolded = steps_table(found), counts(found)
    known = fates(found)
    return Diagnosis(
        record=record,
        visits=found,
        steps=steps,
        counts=unfolded,
        stage=find_stage(unfolded),
        v=find_v(found, unfolded),
        moment=find_moment(found, steps, heated(record)),
        fates=known,
        chance=by_chance(found, known.status),
        sharpness=sharpness(found, known),
        filtering=filtering(found),
        diversity=diversity(found, steps),
        strife=strife(found),
        validation=steps_table(visits(record, "eval")) if apart else None,
    )


def heated(record: Record) -> list[int]:
    """Steps at which the run was heated, ascending."""
    rows = record.rows
    return sorted(rows.filter(rows["phase"] != "rlvr")["step"].unique().to_list())


def findings(found: Diagnosis) -> dict[str, Any]:
    """Return the object that ``conet diagnose --json`` prints; no value is infinite or not a number."""
    record, known, steps = found.record, found.fates, found.steps
    last = max(1, round(LAST * steps.height))
    result = {
        "path": str(record.path),
        "format": record.format,
        "files": len(record.files),
        "steps": steps.height,
        "first_step": steps["step"].min(),
        "last_step": steps["step"].max(),
        "problems": found.visits.problems,
        "samples": int(steps["samples"].sum()),
        "samples_a_visit": found.visits.group,
        "sources": record.sources,
        "accuracy": {"start": ratio(steps.head(last), "correct_count"), "end": ratio(steps.tail(last), "correct_count")},
        "stage": found.stage.stage,
        "knee_step": _step(found.stage.knee),
        "knee_interval": _ends(found.stage.knee),
        "slope_ratio": _estimate(found.stage.slope_ratio),
        "slope_ratio_interval": _ends(found.stage.slope_ratio),
        **_valley(found.v),
        "heat_now": found.moment.now,
        "heat_step": found.moment.step,
        "heat_why": found.moment.why,
        "learned": known.count(LEARNED),
        "forgotten": known.count(FORGOTTEN),
        "dead": known.count(DEAD),
        "few_visits": known.count(FEW),
        "by_chance": found.chance,
        "transitions": {
            "fitted": found.sharpness.fitted, "sharp": found.sharpness.sharp,
            "median_width_steps": found.sharpness.width, "steps_between_visits": found.sharpness.spacing,
        },
        **_signals(found, last),
        "frustration": None if found.strife is None else _frustration(found.strife),
        "validation": None if found.validation is None else _validation(found.validation),
        **_passed_over(record),
        "notes": notes(found),
    }  # fmt: skip
    return clean(result)


def _passed_over(record: Record) -> dict[str, Any]:
    return {
        "skipped_rows": sum(record.skipped.values()),
        "skipped": record.skipped,
        "skipped_files": record.skipped_files,
        "remarks": list(record.remarks),
    }


def _valley(v: V) -> dict[str, Any]:
    valley = v.valley
    parts = {} if valley is None else {
        name: {"estimate": value.estimate, "low": value.low, "high": value.high}
        for name, value in vars(valley).items() if isinstance(value, Interval) and name != "bottom"
    }  # fmt: skip
    return {
        "v": None if valley is None else valley.verdict,
        "v_bottom_step": _step(v.bottom),
        "v_bottom_interval": _ends(v.bottom),
        "v_shortest": None if valley is None else {"step": valley.bottom.estimate, "length": valley.length},
        "v_pooled": {name: parts[name] for name in ("start_ratio", "end_ratio", "change") if parts},
        "v_within": {name: parts[name] for name in ("within_ratio", "within", "composition") if parts},
    }


def _signals(found: Diagnosis, last: int) -> dict[str, Any]:
    steps, many = found.steps, found.diversity
    silent = (steps["all_right"] + steps["all_wrong"]).fill_nan(None)
    counted = found.visits.table.select("truncation_known", "truncated_count").sum()
    known, truncated = counted.row(0)
    return {
        "groups_without_signal": {
            "all": _group_mean(steps, silent), "start": silent.head(last).mean(), "end": silent.tail(last).mean(),
        },
        "filtered_groups": found.filtering.filtered,
        "truncated_share": truncated / known if known else None,
        "collapse": None if many is None else bool(many.signs),
        "diversity": None if many is None else {
            "k": many.k, "problems": many.problems,
            "pass_at_k": {str(k): [early, late] for k, early, late in zip(many.curve_k, many.early, many.late)},
            "found_by_more_samples": [many.found_early, many.found_late],
            "distinct_share": [many.distinct_early, many.distinct_late],
            "signs": list(many.signs),
        },
    }  # fmt: skip


def _frustration(found: Strife) -> dict[str, Any]:
    return {
        "problems": found.problems,
        "window_visits": found.window,
        "peak_step": found.peak,
        **found.measures,
    }


def _validation(steps: "polars.DataFrame") -> dict[str, Any]:
    return {
        "steps": steps.height,
        "samples": int(steps["samples"].sum()),
        "accuracy": {str(step): share for step, share in steps.select("step", "accuracy").iter_rows()},
    }


def _group_mean(steps: "polars.DataFrame", shares: "polars.Series") -> float | None:
    groups = steps["groups"].to_numpy()
    return float((shares.fill_null(0).to_numpy() * groups).sum() / groups.sum()) if groups.any() else None


def ratio(table: "polars.DataFrame", name: str) -> float:
    """Sum of a column over the number of samples."""
    return float(table[name].to_numpy().sum() / table["samples"].to_numpy().sum())


def _step(value: Interval | None) -> int | None:
    return None if value is None else round(value.estimate)


def _estimate(value: Interval | None) -> float | None:
    return None if value is None else value.estimate


def _ends(value: Interval | None) -> list[float] | None:
    return None if value is None or math.isnan(value.low) else [value.low, value.high]


def clean(value: Any) -> Any:
    """Turn numpy values into Python's, and what is infinite or not a number into None."""
    if isinstance(value, dict):
        return {key: clean(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [clean(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write(
    found: Diagnosis, out: Path, page: Callable[[Diagnosis, dict[str, Any], Path], Path]
) -> dict[str, Any]:
    """Write problems.parquet, steps.parquet, the report, and last diagnosis.json.

    Parameters
    ----------
    out
        A new or empty directory, or one with an earlier diagnosis.
    page
        Writes the report, given findings and directory, and returns its path.

    Returns
    -------
    dict
        The findings, with the path of the report.

    Raises
    ------
    ConetError
        When the directory holds something else, or cannot be written.
    """
    refuse_foreign(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(out, error) from None
    result = findings(found)
    # Beside the names of today, those of version 0.1.
    write_table(out / "problems.parquet", found.problems.with_columns(correct="correct_count"))
    before = {"correct": "correct_count", "length_sum": "correct_length_sum"}
    write_table(out / "steps.parquet", found.steps.with_columns(**before))
    result["report"] = str(page(found, result, out))
    write_atomic(out / "diagnosis.json", json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    return result


def refuse_foreign(out: Path) -> None:
    """Refuse an output directory that holds something other than a diagnosis.

    Raises
    ------
    ConetError
    """
    try:
        foreign = out.exists() and not (
            out.is_dir() and ((out / "diagnosis.json").exists() or not any(out.iterdir()))
        )
    except OSError as error:
        raise cannot_write(out, error) from None
    if foreign:
        raise ConetError(
            f"--out {out}, which holds something else",
            "a new or empty directory, or one with a diagnosis",
            "choose another",
        )
