"""The table of counts, and the page that is made from it."""

from pathlib import Path

from conet.base.files import write_atomic
from fault_kinds.case import MISSED
from fault_kinds.kinds import KINDS
from fault_kinds.tally import Tally

SORTS = ("lost", "silent", "left over", "traceback", "hang", "died", "changed")


def table(tally: Tally) -> str:
    """Return the counts as a table of Markdown."""
    head = ["kind", "cases", "wanted", *SORTS, "mended", "missed", "minutes"]
    rows = [head, ["---"] * len(head)]
    for name, kind in KINDS.items():
        known = tally.of(name)
        faults = [fault["fault"] for fault in known["faults"].values()]
        counts = [str(faults.count(sort)) for sort in SORTS]
        total = tally.total(name) + len(faults)
        rows.append(
            [
                name,
                f"{total:,}",
                f"{kind.goal:,}",
                *counts,
                str(known["mended"]),
                str(tally.missed(name)),
                f"{known['seconds'] / 60:.0f}",
            ]
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def endings(tally: Tally) -> str:
    """Return how the cases ended, a row each of kind and group."""
    found = "| kind | of | cases | how they ended |\n|---|---|---|---|\n"
    for name in KINDS:
        for group, ways in sorted(tally.of(name)["counts"].items()):
            how = ", ".join(f"{way} {count:,}" for way, count in sorted(ways.items()))
            cases = sum(count for way, count in ways.items() if way not in MISSED)
            found += f"| {name} | {group} | {cases:,} | {how} |\n"
    return found


def write(tally: Tally, path: Path) -> None:
    """Write the page."""
    sittings = tally.data["sittings"]
    text = (Path(__file__).parent / "page.md").read_text()
    parts = {
        "TABLE": table(tally),
        "KINDS": "".join(f"- **{name}**: {kind.what}.\n" for name, kind in KINDS.items()),
        "ENDINGS": endings(tally),
        "SITTINGS": f"{len(sittings)} sittings, {sum(one['seconds'] for one in sittings) / 3600:.1f} hours, "
        f"the last one on {sittings[-1]['date'] if sittings else 'no day yet'}",
        "FAULTS": faults(tally),
    }
    for name, part in parts.items():
        text = text.replace(f"{{{{{name}}}}}", part.rstrip("\n"))
    write_atomic(path, text)


def faults(tally: Tally) -> str:
    """List what stands."""
    lines = [
        f"- `{name}:{number}` {fault['fault']}: {fault['what'][:300]}"
        for name in KINDS
        for number, fault in sorted(tally.of(name)["faults"].items())
    ]
    return "\n".join(lines) or "None."
