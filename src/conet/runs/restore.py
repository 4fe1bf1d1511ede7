"""Going back to the last checkpoint of a run, after checking that what it counts on is there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.base.files import damaged, digest_of, numbered, read_table
from conet.base.journal import parse, read, read_sound
from conet.runs.recorder import Recorder, remove_left

CREATED = ("config.json", "recipe.json", "provenance.json", "graph.safetensors", "problems.parquet")
FOLDERS = {"rollouts": ("part-", ".parquet"), "snapshots": ("step-", ".safetensors")}


def restore(
    recorder: Recorder, marks: Mapping[str, Any] | None, step: int, events: Sequence[Mapping[str, Any]]
) -> None:
    """Bring a recorder, and the directory, back to a checkpoint.

    Parameters
    ----------
    recorder
        A new one.
    marks
        What :meth:`Recorder.commit` returned for the checkpoint; None where there is no checkpoint yet,
        or where version 0.1 wrote it.
    step
        Updates that the checkpoint has done; 0 where there is none.
    events
        Those up to the checkpoint.

    Raises
    ------
    ConetError
        When a file that the checkpoint counts on is missing or damaged.
    """
    remove_left(recorder.path)
    if marks is None:
        _from_the_start(recorder) if step == 0 else _from_version_0_1(recorder, step)
        recorder.journals["events"].start(events)
    else:
        behind = _whole_behind(recorder, marks)
        digests = _digests_at(recorder, marks["digests"], behind)
        check(recorder.path, digests)
        listed = {row["name"] for row in digests}
        for name, rows in recorder.tables.items():
            if f"{name}.parquet" in listed:
                # It has all rows, whatever is left of the growing table, which is made again from it.
                whole = read_table(recorder.path / f"{name}.parquet").to_dicts()
                rows += [row for row in whole if name != "metrics" or row["step"] < step]
                recorder.journals[name].start(rows)
            else:
                rows += recorder.journals[name].restore(marks[name])
        recorder.journals["events"].restore(marks["events"])
    recorder.resumed(events)
    _drop_unlisted(recorder)


def check(path: Path, digests: Sequence[Mapping[str, Any]]) -> None:
    """Compare files with their digests.

    Raises
    ------
    ConetError
        When one is missing or differs.
    """
    for name, wanted in {row["name"]: row["sha256"] for row in digests}.items():
        if not (path / name).exists():
            raise ConetError(
                f"{path / name}: no such file, so the run is incomplete",
                "all files that its last checkpoint counts on",
                "restore it from a copy",
            )
        if digest_of(path / name) != wanted:
            raise damaged(path / name, ValueError("its content does not match its digest"))


def _whole_behind(recorder: Recorder, marks: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the line of the digests for the whole table of metrics, where it stands for what is lost.

    A run whose summary was deleted has its tables as parquet files alone. The last checkpoint of walks is
    written after them and counts on them; that of a language model is older.
    """
    journal = recorder.journals["metrics"]
    rows, _ = read_sound(recorder.digests.path, marks["digests"])
    found = [row for row in rows if row["name"] == "metrics.parquet"][-1:]
    whole = recorder.path / "metrics.parquet"
    if (
        "evaluations" in recorder.tables
        or not found
        or not whole.exists()
        or digest_of(whole) != found[0]["sha256"]
    ):
        return []
    try:
        read(journal.path, marks["metrics"])
    except ConetError:
        return found
    return []


def _digests_at(
    recorder: Recorder, mark: Mapping[str, Any], behind: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Go back to the digests of a checkpoint, and keep those of the tables that it goes on with."""
    journal = recorder.digests
    if not behind:
        return journal.restore(mark)
    rows = [*parse(journal.path, journal.path.read_bytes(), mark, journal.checked), *map(dict, behind)]
    journal.start(rows)
    return rows


def _from_the_start(recorder: Recorder) -> None:
    """Begin anew, with what the directory was created with."""
    digests = recorder.digests.path
    found, damage = read_sound(digests) if digests.exists() else ([], None)
    rows = [row for row in found if row.get("created")]
    here = {name for name in CREATED if (recorder.path / name).exists()}
    if damage is not None and not here <= {row["name"] for row in rows}:
        raise damage
    check(recorder.path, rows)
    recorder.digests.start(rows or _digests_now(recorder.path, 0))
    for name in recorder.tables:
        recorder.journals[name].start()


def _from_version_0_1(recorder: Recorder, step: int) -> None:
    """Take over the tables of version 0.1, which stand in parquet files and have no digests."""
    for name, rows in recorder.tables.items():
        whole = recorder.path / f"{name}.parquet"
        rows += [row for row in read_table(whole).to_dicts() if row["step"] < step]
        if name == "metrics" and len(rows) != step:
            raise damaged(whole, ValueError(f"{len(rows)} of {step} steps"))
        recorder.journals[name].start(rows)
    recorder.digests.start(_digests_now(recorder.path, step))


def _digests_now(path: Path, step: int) -> list[dict[str, Any]]:
    """Return the digests of what is there and belongs to the steps before this one."""
    found = [
        {"name": name, "sha256": digest_of(path / name), "created": True}
        for name in CREATED
        if (path / name).exists()
    ]
    for folder, (prefix, suffix) in FOLDERS.items():
        for number, file in numbered(path / folder, prefix, suffix):
            if number < step:
                found.append({"name": f"{folder}/{file.name}", "sha256": digest_of(file)})
    return found


def _drop_unlisted(recorder: Recorder) -> None:
    """Remove parts and snapshots that a killed run wrote after its last checkpoint."""
    listed = {row["name"] for row in read(recorder.digests.path)}
    for folder, (prefix, suffix) in FOLDERS.items():
        for _, file in numbered(recorder.path / folder, prefix, suffix):
            if f"{folder}/{file.name}" not in listed:
                file.unlink()
