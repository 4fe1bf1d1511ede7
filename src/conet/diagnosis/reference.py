"""The tables of ``docs/diagnose.md``, made from the readers and from the declarations of the findings.

python -m conet.diagnosis.reference docs/diagnose.md
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from conet.base.files import write_atomic
from conet.diagnosis.declare import Finding, Key
from conet.diagnosis.findings import FINDINGS
from conet.readers.reference import logs, quantities, scalars

SHARED = (
    Key(
        "headlines",
        "list of objects",
        "what is going on, the most urgent first: `name`, `text`, `urgency` (`emergency`, "
        "`warning`, `state`, `advice`, `note`), `evidence`, `step`, `interval`, `remedy` and its `source`",
    ),
    Key("notes", "object", "by key: why it is null, or what to be careful of"),
    Key("report", "text", "path of the report"),
)


def rules(findings: Iterable[Finding] = FINDINGS.values()) -> str:
    """Table of the findings: what they are called in ``--json``, and when they say what."""
    rows = [
        f"| {finding.name} | {', '.join(f'`{key.name}`' for key in finding.keys)} | {finding.decides} |"
        for finding in findings
    ]
    return "\n".join(["| finding | in `--json` | rule |", "|---|---|---|", *rows])


def keys(findings: Iterable[Finding] = FINDINGS.values()) -> str:
    """Table of all keys of ``--json`` with type and meaning."""
    declared = [*(key for finding in findings for key in finding.keys), *SHARED]
    rows = [f"| `{key.name}` | {key.type} | {key.meaning} |" for key in declared]
    return "\n".join(["| key | type | meaning |", "|---|---|---|", *rows])


TABLES: dict[str, Callable[[], str]] = {
    "readers": logs,
    "scalars": scalars,
    "quantities": quantities,
    "findings": rules,
    "keys": keys,
}


def filled(page: str) -> str:
    """Return a page with its tables made anew, each between ``<!-- name -->`` and ``<!-- end -->``."""
    for name, table in TABLES.items():
        before, mark, rest = page.partition(f"<!-- {name} -->\n")
        if mark:
            _, _, after = rest.partition("<!-- end -->\n")
            page = f"{before}{mark}\n{table()}\n\n<!-- end -->\n{after}"
    return page


if __name__ == "__main__":
    for name in sys.argv[1:]:
        place = Path(name)
        write_atomic(place, filled(place.read_text(encoding="utf-8")))
