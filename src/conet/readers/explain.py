"""How a log was understood: which files, which format and why, which column was taken for what, some rows."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.base.errors import ConetError
from conet.readers.collector import Collector
from conet.readers.messages import text_of
from conet.readers.paths import inside
from conet.readers.places import walk
from conet.readers.recognise import describe

if TYPE_CHECKING:
    import polars

    from conet.rollouts import RolloutRecord

ROWS = 10  # that are shown
LONGEST = 200  # characters of a text that are shown
FILES = 5  # that are named


def explain(collector: Collector, record: "RolloutRecord") -> dict[str, Any]:
    """Say how a log was understood.

    Parameters
    ----------
    collector
        What has read it.
    record
        What came of that.

    Returns
    -------
    dict
        ``path``, ``format``, ``why``, ``files``, ``roles`` (the column of each role), ``sources`` (in words),
        ``rewards``, ``unused`` (columns), ``skipped``, ``skipped_files``, ``left_aside`` (other files, by
        suffix), ``remarks``, ``scalars`` (the trainer's name of each quantity) and ``rows``.
    """
    mapping, reader = collector.mapping, collector.reader
    read = set(record.files)
    others = [path for path in walk(collector.path) if path not in read]
    found: dict[str, Any] = {
        "path": str(record.path),
        "format": record.format,
        "why": _why(collector, record),
        "files": [_file(collector, path) for path in record.files],
        "roles": {role: str(source) for role, source in mapping.sources.items()} if mapping else {},
        "sources": record.sources,
        "rewards": list(record.components),
        "unused": [name for name in mapping.columns if name not in mapping.needed] if mapping else [],
        "skipped": record.skipped,
        "skipped_files": record.skipped_files,
        "left_aside": dict(Counter(path.suffix or path.name for path in others)),
        "remarks": list(record.remarks),
        "scalars": record.scalar_names,
        "rows": _rows(record),
    }
    if reader is None or not record.has_rollouts:
        found["rows"] = []
    return found


def _why(collector: Collector, record: "RolloutRecord") -> str:
    reader = collector.reader
    if not record.has_rollouts or reader is None:
        return f"no rollouts, and scalars of the kind {record.format}"
    marks = f"; its rows have {', '.join(reader.marks)}" if reader.marks else ""
    chosen = "chosen with --format" if len(collector.readers) == 1 else "recognised by how the files begin"
    return f"{chosen} ({describe(reader)}{marks})"


def _file(collector: Collector, path: Path) -> dict[str, Any]:
    piece = collector.pieces.get(path)
    part = piece.part if piece else None
    return {
        "path": str(inside(collector.path, path)),
        "split": part.split if part else None,
        "step_in_name": part.step if part else None,
        "rows": piece.rows.height if piece else None,
    }


def _rows(record: "RolloutRecord") -> list[dict[str, Any]]:
    """Return some rows, spread evenly, with their texts where there are any."""
    chosen = spread(record.rows)
    try:
        texts = record.texts(chosen)
    except ConetError:
        texts = [(None, None)] * chosen.height
    shown = ("step", "split", "correct", "reward", "length", "truncated")
    return [
        {name: row[name] for name in shown}
        | {
            "problem": _short(record.names[row["problem"]]),
            "prompt": _short(prompt),
            "completion": _short(said),
        }
        for row, (prompt, said) in zip(chosen.iter_rows(named=True), texts)
    ]


def spread(rows: "polars.DataFrame") -> "polars.DataFrame":
    """Return ten rows of a table, evenly from the first to the last."""
    size = rows.height
    places = sorted({round(place * (size - 1) / (ROWS - 1)) for place in range(ROWS)}) if size else []
    return rows[places]


def _short(value: Any) -> str | None:
    if value is None:
        return None
    text = " ".join(text_of(value, roles=True).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def in_words(found: dict[str, Any]) -> list[str]:
    """Put it into lines."""
    files = found["files"]
    lines = [f"{found['path']}: format {found['format']}, {found['why']}"]
    lines.append(f"files: {len(files)}")
    for file in [*files[:FILES], *([] if len(files) <= FILES else files[-1:])]:
        step = "" if file["step_in_name"] is None else f", step {file['step_in_name']} in the name"
        lines.append(f"  {file['path']}: {file['split'] or 'scalars'}{step}, rows {file['rows']}")
    lines += [f"{role:10} column {column}" for role, column in found["roles"].items()]
    lines += [f"{role:10} is {said}" for role, said in found["sources"].items() if role not in found["roles"]]
    named = (("rewards", found["rewards"]), ("unused", found["unused"]))
    lines += [f"{name}: {', '.join(values)}" for name, values in named if values]
    if found["scalars"]:
        lines.append(
            "scalars: " + ", ".join(f"{name} = {theirs}" for name, theirs in found["scalars"].items())
        )
    lines += [f"passed over: {reason}: {count}" for reason, count in found["skipped"].items()]
    lines += [f"passed over: {name}, which {why}" for name, why in found["skipped_files"].items()]
    if found["left_aside"]:
        lines.append(
            "left aside: " + ", ".join(f"{count} × {name}" for name, count in found["left_aside"].items())
        )
    lines += [f"note: {remark}" for remark in found["remarks"]]
    return lines + _table(found["rows"])


def _table(rows: list[dict[str, Any]]) -> list[str]:
    """Write the rows, a line or three each."""
    lines = ["rows as they were understood:"] if rows else []
    for row in rows:
        lines.append(
            f"  step {row['step']}  {row['split']}  correct {row['correct']}  reward {row['reward']}  "
            f"length {row['length']}  truncated {row['truncated']}"
        )
        asked = row["prompt"] or row["problem"]
        lines += [
            f"    {name}: {text}" for name, text in (("asked", asked), ("said", row["completion"])) if text
        ]
    return lines
