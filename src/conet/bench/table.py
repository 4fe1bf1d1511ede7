"""The benchmark's result as text."""

from typing import Any

HEADS = ("what", "policy", "N", "K", "M", "G", "L", "threads", "ms", "M steps/s")
AIMS = {
    "sample_over_torch": "≥ 130",
    "sample_over_csrgraph": "≥ 8",
    "two_threads_over_one": "≥ 1.7",
    "update_over_sample": "≤ 2",
}


def format_table(result: dict[str, Any]) -> str:
    """Lay out what :func:`conet.bench.run_bench` returned, for a terminal."""
    rows = [HEADS, *(_row(row) for row in result["results"])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = [_line(row, widths) for row in rows]
    lines += ["", "ratios (medians of one run)"]
    for name, ratio in result["ratios"].items():
        aim = f"   aim {AIMS[name]}" if name in AIMS else ""
        lines.append(f"  {name.replace('_', ' '):28} {ratio:8.3g}{aim}")
    sizes = [f"{size:.1f} at N={int(nodes):,}" for nodes, size in result["bytes_per_edge"].items()]
    lines += ["", f"bytes an edge, graph and sampling table: {', '.join(sizes)}   aim ≤ 20"]
    lines += [f"skipped: {name} ({reason})" for name, reason in result["why_skipped"].items()]
    about = result["machine"]
    lines.append(
        f"{about['processor']}, {about['processors']} processors, {about['system']}, Python "
        f"{about['python']}, numpy {about['numpy']}, numba {about['numba']}"
    )
    return "\n".join(lines)


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    name = f"{row['name']} ({row['learner']})" if row["learner"] else row["name"]
    size = (f"{row[key]:,}" for key in ("nodes", "degree", "questions", "rollouts", "max_length"))
    milliseconds, rate = f"{1000 * row['seconds']:.3g}", f"{row['msteps_per_s']:.3g}"
    return name, row["policy"], *size, str(row["threads"]), milliseconds, rate


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    words = [
        word.ljust(w) if place < 2 else word.rjust(w) for place, (word, w) in enumerate(zip(row, widths))
    ]
    return "  ".join(words).rstrip()
