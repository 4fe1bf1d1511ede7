"""The documents as the tests read them: blocks of code, commands, links and anchors."""

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "verification/README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
NOT_RUN = re.compile(r"<!-- not run: (.+?) -->")
# How a block begins that is indented and holds commands; any other indented block is shown output.
COMMAND = re.compile(
    r"(\$ )?(conet|pip|python3?|git|bash|cd|cp|\.|jupyter|jupytext|accelerate|verl/bin/\w+|[A-Z_]+=)(\s|$)"
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")


@dataclass(frozen=True, kw_only=True)
class Block:
    """Code of a document: ``kind`` is what stands behind the fence, ``console`` or ``output`` where there is none."""

    page: Path
    line: int
    kind: str
    text: str
    reason: str = ""  # why it is not run

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, in order."""
    found: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    at, reason = 0, ""
    while at < len(lines):
        line, begin = lines[at], at
        if line.startswith("```"):
            end = next(number for number in range(at + 1, len(lines)) if lines[number].startswith("```"))
            kind, body, at = line[3:].strip(), lines[at + 1 : end], end + 1
        elif line.startswith("    ") and (at == 0 or not lines[at - 1].strip()):
            while at < len(lines) and (lines[at].startswith("    ") or not lines[at].strip()):
                at += 1
            body = [one.removeprefix("    ") for one in lines[begin:at]]
            while body and body[0].startswith("    "):  # inside a list
                body = [one.removeprefix("    ") for one in body]
            kind = "console" if COMMAND.match(body[0]) else "output"
        else:
            marked = NOT_RUN.search(line)
            if marked or line.strip():
                reason = marked[1] if marked else ""
            at += 1
            continue
        text = "\n".join(body).rstrip() + "\n"
        found.append(Block(page=page, line=begin + 1, kind=kind, text=text, reason=reason))
        reason = ""
    return found


def commands(block: Block) -> Iterator[tuple[list[str], str]]:
    """Yield the words of each command, and what the document shows as its output."""
    text = re.sub(r"\\\n\s*", "", block.text)
    prompted = text.startswith("$ ")
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:] if prompted else text.splitlines()
    for part in parts:
        line, _, output = part.partition("\n")
        if not prompted and not line.strip():
            continue
        words, command = shlex.split(line, comments=True), []
        for word in [*words, "&&"]:
            if word != "&&":
                command.append(word)
            elif command:
                yield command, output
                command = []


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page, as they are made where it is read."""
    found: set[str] = set()
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for heading in re.findall(r"^#+ +(.+?)\s*$", text, flags=re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(next(name for name in [slug, *(f"{slug}-{n}" for n in range(1, 99))] if name not in found))
    return found


def links(page: Path) -> list[str]:
    """Return where the links of a page lead, those of code left out."""
    text = re.sub(
        r"^```.*?^```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    return LINK.findall(text)


def names_in(module: Path) -> set[str]:
    """Return what a file of Python defines or imports at its top."""
    found: set[str] = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found.update(target.id for target in targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update((alias.asname or alias.name) for alias in node.names)
    return found
