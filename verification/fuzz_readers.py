"""Coverage-guided fuzzing of one reader: whatever the bytes, a record or one clear line.

Needs atheris. `verification/faults.py --kinds readers` calls it for half a minute at a time::

    python verification/fuzz_readers.py READER CORPUS [-max_total_time=600] [other options of libFuzzer]

READER is one of those in `fault_kinds/reading.py`, where it stands what is checked. CORPUS is a folder that keeps
what was found to reach new code; it is filled with small valid files first.
"""

import sys
import tempfile
from pathlib import Path

import atheris
from fault_kinds import reading

with atheris.instrument_imports(include=["conet.readers"]):
    import conet.readers.collector


def main() -> None:
    """Fuzz one reader."""
    assert set(conet.readers.READERS) == set(reading.NAMES), "a new reader wants names of its files"
    program, reader, corpus, *options = sys.argv
    Path(corpus).mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(reading.seeds(reader)):
        (Path(corpus) / f"seed-{number}").write_bytes(content)
    with tempfile.TemporaryDirectory() as place:

        def check(data: bytes) -> None:
            if data:
                reading.check(Path(place), reader, data)

        atheris.Setup([program, corpus, *options], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
