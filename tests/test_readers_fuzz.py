"""Readers: whatever the bytes, a record or one clear line (hypothesis)."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs import ROWS, written

from conet.base.errors import ConetError
from conet.readers import read
from conet.readers.formats import json_lines

# Fuzz --------------------------------------------------------------------------------------------------

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
NAMES = (
    "completions_00001.parquet",
    "7.jsonl",
    "rows.jsonl",
    "rows.csv",
    "rows.parquet",
    "rows.tsv",
    "x.json",
)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.integers(), max_size=2)
)


def survives(path: Path, **options: str) -> None:
    """Whatever the bytes, there is a record or one clear line."""
    try:
        record = read(path, **options)
    except ConetError:
        return
    assert record.has_rollouts or record.scalars is not None
    assert record.rows.select("step", "problem").null_count().row(0) == (0, 0)
    assert record.partial_credit or record.rows["correct"].null_count() == 0


@FUZZ
@given(name=st.sampled_from(NAMES), content=st.binary(max_size=400), folder=st.booleans())
def test_fuzz_any_bytes(name, content, folder):
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / name
        path.write_bytes(content)
        survives(Path(place) if folder else path)


@FUZZ
@given(st.data())
def test_fuzz_damaged_files(data):
    name = data.draw(st.sampled_from(NAMES[:6]))
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / name
        rows = ROWS.head(12).drop("completion_length")
        if name == "7.jsonl":
            rows = rows.rename({"prompt": "input", "completion": "output", "accuracy_reward": "score"})
        content = bytearray(written(rows, path).read_bytes())
        for _ in range(data.draw(st.integers(1, 5))):
            at = data.draw(st.integers(0, len(content) - 1))
            content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
        path.write_bytes(content)
        survives(path)


@FUZZ
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["step", "prompt", "completion", "correct", "length"]), VALUES),
        max_size=6,
    )
)
def test_fuzz_values_of_any_type(rows):
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        survives(path)
        survives(path, column_mapping="correct=correct==1,problem=prompt")


NESTED = VALUES | st.dictionaries(st.text(max_size=3), VALUES, max_size=2)


@FUZZ
@given(st.lists(st.dictionaries(st.sampled_from("ab"), NESTED), min_size=1, max_size=5))
def test_both_ways_of_reading_lines_agree(rows):
    """Through polars, or line by line: the same texts, but for how a number is written."""
    rows = json.loads(json.dumps(rows), parse_constant=lambda word: None)
    data = ("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n").encode("utf-8", "replace")
    fast = json_lines.parse_lines(data, ["a", "b"]).frame
    slow = json_lines.frame_of([json.loads(line) for line in data.split(b"\n") if line], ["a", "b"])
    for name in "ab":
        for quick, careful in zip(fast[name], slow[name]):
            if quick != careful:
                assert float(quick) == pytest.approx(float(careful), rel=1e-15)
