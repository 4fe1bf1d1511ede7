"""`conet logs`: how a log was understood."""

import json
from pathlib import Path

from conet.cli.options import Json
from conet.cli.reading import READING, Reading, reading_line, the_log


def logs(
    path: Path,
    *,
    reading: Reading = READING,
    json_: Json = False,
) -> None:
    """Say how a log is understood: files, format and why, columns, what is passed over, ten rows.

    Parameters
    ----------
    path
        A run directory, any folder above its files, or one file.
    json_
        Print it as one JSON object.
    """
    from conet.base.files import printable
    from conet.base.text import listed
    from conet.readers.explain import explain, in_words

    collector = reading.opened(the_log(path))
    with reading_line() as progress:
        record = collector.read(progress)
    found = explain(collector, record)
    print(printable(json.dumps(found, ensure_ascii=False)) if json_ else listed(in_words(found)))
