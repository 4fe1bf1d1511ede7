"""`conet logs`: how a log was understood."""

import json
from pathlib import Path

from conet.cli.options import Flag, Json, NumberOrNone
from conet.cli.reading import Format, Map, opened, reading_line, the_log


def logs(
    path: Path,
    *,
    format: Format = "auto",
    map_: Map = None,
    tokenizer: Path | None = None,
    memory: NumberOrNone = None,
    pool: Flag = False,
    correct_above: NumberOrNone = None,
    json_: Json = False,
) -> None:
    """Say how a log is understood: files, format and why, columns, what is passed over, ten rows.

    Parameters
    ----------
    path
        A run directory, any folder above its files, or one file.
    map_
        As for `conet diagnose`.
    tokenizer
        As for `conet diagnose`.
    memory
        As for `conet diagnose`.
    pool
        As for `conet diagnose`.
    correct_above
        As for `conet diagnose`.
    json_
        Print it as one JSON object.
    """
    from conet.base.files import printable
    from conet.base.text import listed
    from conet.readers.explain import explain, in_words

    collector = opened(the_log(path), format, map_, tokenizer, memory, pool, correct_above)
    with reading_line() as progress:
        record = collector.read(progress)
    found = explain(collector, record)
    print(printable(json.dumps(found, ensure_ascii=False)) if json_ else listed(in_words(found)))
