"""One input of a reader, and what must hold of it: a record, or one clear line."""

from pathlib import Path

# Under these names, each reader finds its files.
NAMES = {
    "conet": ("rollouts/part-0.parquet",),
    "trl": ("completions_00001.parquet", "checkpoint-1/trainer_state.json"),
    "verl": ("7.jsonl",),
    "table": ("rows.jsonl", "rows.csv", "rows.parquet", "rows.tsv"),
}
MAPS = ("", "correct=correct==1", "problem=uid,correct=score>=0.5", "length=length,truncated=length>=9")


def check(place: Path, reader: str, data: bytes) -> str:
    """Read one input; its first byte says under which name and with which column mapping.

    Returns
    -------
    str
        "read" or "refused".

    Raises
    ------
    AssertionError
        When rows are not whole, lines are not accounted for, or an error takes more than a line.
    """
    from conet.base.errors import ConetError

    names = NAMES[reader]
    name, given = names[data[0] % len(names)], MAPS[data[0] // len(names) % len(MAPS)]
    path = place / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data[1:])
    try:
        _read(place if "/" in name else path, given, data[1:])
    except ConetError as error:
        if "\n" in str(error):
            raise AssertionError(str(error)) from error
        return "refused"
    finally:
        path.unlink()
    return "read"


def _read(path: Path, given: str, content: bytes) -> None:
    from conet.readers import open_run, parse_column_mapping

    record = open_run(path, given=parse_column_mapping(given)).read()
    if not record.rows.height or sum(record.rows.select("step", "problem", "correct").null_count().row(0)):
        raise AssertionError("rows that are not whole")
    if path.suffix == ".jsonl" and not record.skipped_files:
        lines = sum(bool(line.strip()) for line in content.split(b"\n"))
        if record.rows.height + sum(record.skipped.values()) != lines:
            raise AssertionError(f"{record.rows.height} rows and {record.skipped} of {lines} lines")


def seeds(reader: str) -> list[bytes]:
    """Return small valid inputs, from which mutation starts."""
    contents = {name: _content(name) for name in NAMES[reader]}
    return [
        bytes([place + offset * len(contents)]) + content
        for place, content in enumerate(contents.values())
        for offset in range(len(MAPS))
    ]


def _content(name: str) -> bytes:
    from io import BytesIO

    import polars as pl

    rows = pl.DataFrame(
        {
            "step": [1, 1, 2],
            "prompt": ["a", "a", "b"],
            "completion": ["x", "yy", "z"],
            "score": [1.0, 0.0, 1.0],
            "uid": ["u", "u", "w"],
            "length": [3, 4, 9],
        }
    )
    chat = '{"step": 1, "prompt": [{"role": "user", "content": "a"}], "completion": "x", "acc": true}\n'
    if name.endswith("state.json"):
        return b'{"log_history": [{"step": 1, "eval_loss": 1.0}]}'
    if name == "7.jsonl":
        return rows.rename({"prompt": "input", "completion": "output"}).write_ndjson().encode()
    if name.endswith(".jsonl"):
        return rows.write_ndjson().encode() + chat.encode()
    if name.endswith((".csv", ".tsv")):
        return rows.write_csv(separator="," if name.endswith(".csv") else "\t").encode()
    buffer = BytesIO()
    rows.drop("uid", "length").write_parquet(buffer)
    return buffer.getvalue()
