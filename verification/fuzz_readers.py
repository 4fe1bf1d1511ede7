"""Coverage-guided fuzzing of every reader: whatever the bytes, a record or one clear line.

Needs atheris. Minutes to hours, so it is not in the suite::

    python verification/fuzz_readers.py CORPUS [-max_total_time=600] [other options of libFuzzer]

CORPUS is a folder that keeps what was found to reach new code; it is filled with small valid files first.
The first byte of an input says under which name the rest is read. Checked for each: no exception but
ConetError, whose message is one line; rows of a record are whole; and of lines of JSON that can be used at
all, each is either a row or counted as passed over.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["conet.readers"]):
    from conet.base.errors import ConetError
    from conet.readers import READERS, open_run, parse_column_mapping

NAMES = (
    "completions_00001.parquet",
    "7.jsonl",
    "rows.jsonl",
    "rows.csv",
    "rows.parquet",
    "rows.tsv",
    "rollouts/part-0.parquet",
    "checkpoint-1/trainer_state.json",
)
MAPS = ("", "correct=correct==1", "problem=uid,correct=score>=0.5", "length=length,truncated=length>=9")
PLACE = Path(tempfile.mkdtemp())


def check(data: bytes) -> None:
    """Read one input under one name, with one map."""
    if not data:
        return
    name, given = NAMES[data[0] % len(NAMES)], MAPS[(data[0] // len(NAMES)) % len(MAPS)]
    path = PLACE / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data[1:])
    try:
        _read(PLACE if "/" in name else path, given, data[1:])
    except ConetError as error:
        if "\n" in str(error):
            raise AssertionError(str(error)) from error
    finally:
        path.unlink()


def _read(path: Path, given: str, content: bytes) -> None:
    record = open_run(path, given=parse_column_mapping(given)).read()
    if not record.rows.height or sum(record.rows.select("step", "problem", "correct").null_count().row(0)):
        raise AssertionError("rows that are not whole")
    if path.suffix == ".jsonl" and not record.skipped_files:
        lines = sum(bool(line.strip()) for line in content.split(b"\n"))
        if record.rows.height + sum(record.skipped.values()) != lines:
            raise AssertionError(f"{record.rows.height} rows and {record.skipped} of {lines} lines")


def seeds(corpus: Path) -> None:
    """Write small valid files, from which mutation starts."""
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
    state = '{"log_history": [{"step": 1, "eval_loss": 1.0}]}'
    verl = rows.rename({"prompt": "input", "completion": "output"}).write_ndjson().encode()
    parquet = PLACE / "seed.parquet"
    rows.drop("uid", "length").write_parquet(parquet)
    contents = [
        parquet.read_bytes(),
        verl,
        rows.write_ndjson().encode() + chat.encode(),
        rows.write_csv().encode(),
        parquet.read_bytes(),
        rows.write_csv(separator="\t").encode(),
        parquet.read_bytes(),
        state.encode(),
    ]
    parquet.unlink()
    corpus.mkdir(parents=True, exist_ok=True)
    for place, content in enumerate(contents):
        for offset in range(len(MAPS)):
            (corpus / f"seed-{place}-{offset}").write_bytes(bytes([place + offset * len(NAMES)]) + content)


if __name__ == "__main__":
    assert set(READERS) == {"conet", "trl", "verl", "table"}, "a new reader wants a name in NAMES"
    seeds(Path(next(part for part in sys.argv[1:] if not part.startswith("-"))))
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
