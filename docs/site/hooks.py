"""What the site has besides the files of docs/: pages made from others, code that is shown, links.

A page of docs/ links to what it speaks of as it lies in the repository, so that it can be read there. On the
site such a link leads to the page that is made of that file, or to a copy of it.
"""

import importlib
import posixpath
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
# Documents outside docs/, and the page that each becomes.
MADE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "verification/README.md": "verification.md",
}
LINK = re.compile(r"(?<=\])\((?!\w+:|#|<)([^()\s#]+)(#[^()\s]*)?\)")
ROLE = re.compile(r":(?:class|func|meth|mod|attr|data|obj):<code>(~?)([\w.]+)</code>")
LONE = re.compile(r"^\[(?P<name>[^\]]+\.py)\]\((?P<place>[^()]+\.py)\)$", re.MULTILINE)
# What the reference of Python shows beside all of `conet.__all__`.
REFERENCE = {
    "Learners of one's own": ["conet.learners.Learner", "conet.learners.Batch"],
    "Observables": ["conet.observables.observation.Observation", "conet.observables.observation.needs"],
    "Graphs": ["conet.network.graph.from_edges", "conet.engine.ground_state.ground_state"],
    "Schedules": ["conet.runs.schedule", "conet.runs.cooling", "conet.runs.critical"],
    "Readers": ["conet.readers.Reader", "conet.readers.choose_columns.ColumnMapping", "conet.readers.Part"],
    "Findings of a diagnosis": ["conet.diagnosis.declare"],
    "Figures": ["conet.views.schema"],
    "Claims": ["conet.judging.claim.Claim", "conet.judging.judgement.judge"],
    "Sweeps": ["conet.cells.sweep.Sweep", "conet.cells.sweep.sweep"],
    "Language models": ["conet.llm.callback.ConetCallback", "conet.llm.mixin"],
    "Concept webs of texts": ["conet.traces.concept_web.concept_web", "conet.traces.concept_web.Options"],
}


def on_files(files: Files, config: dict) -> Files:
    """Add the pages that are made of other documents and of the code, and copies of what pages link to."""
    for source, page in MADE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    files.append(File.generated(config, "reference/python.md", content=python_page()))
    files.append(File.generated(config, "reference/command-line.md", content=command_page()))
    known = {file.src_uri for file in files}
    for file in list(files.documentation_pages()):
        for place in outside(file.src_uri, file.content_string):
            if f"files/{place}" not in known:
                known.add(f"files/{place}")
                files.append(File.generated(config, f"files/{place}", abs_src_path=str(ROOT / place)))
    named = set(re.findall(r"[\w/-]+\.md", repr(config["nav"])))
    rest = sorted(file.src_uri for file in files.documentation_pages() if file.src_uri not in named)
    if rest:
        config["nav"].append({"Further": rest})
    return files


def on_page_markdown(markdown: str, page: object, **_: object) -> str:
    """Let links lead to the site's own pages, and show a file of Python where a line is a link to it."""
    source = page.file.src_uri  # type: ignore[attr-defined]
    return moved_links(source, LONE.sub(lambda found: shown(source, found), markdown))


def on_page_content(html: str, page: object, **_: object) -> str:
    """Show a name that a docstring marks in reST as what it is, a piece of code: nothing here reads reST."""
    if page.file.src_uri != "reference/python.md":  # type: ignore[attr-defined]
        return html
    return ROLE.sub(lambda found: f"<code>{found[2].split('.')[-1] if found[1] else found[2]}</code>", html)


def repository_place(page: str, target: str) -> str:
    """Return where in the repository a link of a page leads, the page given as the site calls it."""
    origin = {made: name for name, made in MADE.items()}.get(page, f"docs/{page}")
    return posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))


def outside(page: str, markdown: str) -> Iterator[str]:
    """Yield the files that a page links to and that are neither in docs/ nor pages of the site."""
    for found in LINK.finditer(without_code(markdown)):
        place = repository_place(page, found[1])
        if not place.startswith("docs/") and place not in MADE and (ROOT / place).is_file():
            yield place


def moved_links(page: str, markdown: str) -> str:
    """Return the text with its links as the site has them; one to a folder becomes plain text."""

    def moved(found: re.Match[str]) -> str:
        place, anchor = repository_place(page, found[1]), found[2] or ""
        if place in MADE:
            place = MADE[place]
        elif place.startswith("docs/"):
            place = place.removeprefix("docs/")
        elif (ROOT / place).is_file():
            place = f"files/{place}"
        return f"({posixpath.relpath(place, posixpath.dirname(page) or '.')}{anchor})"

    parts = re.split(r"(^```.*?^```)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.startswith("```") else LINK.sub(moved, part) for part in parts)


def without_code(markdown: str) -> str:
    """Return the text without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE)


def shown(page: str, found: re.Match[str]) -> str:
    """Return a file of Python as a block that can be opened, for a line that is a link to it alone."""
    text = (ROOT / repository_place(page, found["place"])).read_text(encoding="utf-8")
    inner = "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())
    # The comment ends the block: what is indented behind it would be taken for a part of it.
    return f'??? example "{found["name"]}"\n\n    ```python\n{inner}    ```\n\n<!-- {found["name"]} -->\n'


def python_page() -> str:
    """Return the page of what Python has, to be filled from docstrings."""
    conet = importlib.import_module("conet")
    parts = [
        "# Python\n",
        "What `import conet` gives, and what code of one's own is made of.\n",
        "## conet\n",
    ]
    parts += [f"::: conet.{name}\n" for name in conet.__all__]
    for title, names in REFERENCE.items():
        parts += [f"## {title}\n", *(f"::: {name}\n" for name in names)]
    return "\n".join(parts)


def command_page() -> str:
    """Return the page of all commands, as their own help says it."""
    app = importlib.import_module("conet.cli").app
    text = app.generate_docs(output_format="markdown", heading_level=1, include_hidden=False)
    text = re.sub(r"^# .*$", "# Command line", text, count=1, flags=re.MULTILINE)
    # The list of the commands stands there twice: once with what each does, and once without.
    text = re.sub(
        r"^## Table of Contents\n.*?(?=^\*\*Commands\*\*)", "", text, flags=re.DOTALL | re.MULTILINE
    )
    return re.sub(r"<(\w+)>", r"&lt;\1&gt;", text)  # else <time> would be a tag, and nothing of it seen


def on_config(config: dict) -> dict:
    """Say which commit the site is made of, where there is one."""
    asked = ["git", "-C", str(ROOT), "log", "-1", "--format=%h of %cs"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    config["copyright"] = f"MIT licence; made of commit {done.stdout.strip() or '(none)'}"
    return config
