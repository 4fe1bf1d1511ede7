"""Look at what a build leaves: ``python verification/distribution.py DIST``, a folder with one sdist and one wheel.

Seconds; `.ci/run` calls it. Installing them and trying them on several Pythons is `pythons.sh`.
"""

import sys
import tarfile
import zipfile
from email.parser import BytesParser
from pathlib import Path

# Begins of paths below `conet/` in the wheel, and below the top folder of the sdist.
WHEEL = ("py.typed", "serve/static/index.html", "serve/static/page.js", "llm/recipes/", "cli/__init__.py")
SDIST = (
    "src/conet/py.typed",
    "src/conet/serve/static/index.html",
    "tests/data/",
    "tests/test_docs.py",
    "docs/tutorial.md",
    "docs/site/hooks.py",
    "docs/skeletons/learner.py",
    "examples/notebooks/",
    "web/src/",
    "verification/README.md",
    "benchmarks/",
    "README.md",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "constraints.txt",
    "mkdocs.yml",
    "pyproject.toml",
)
NEVER = ("node_modules", "__pycache__", ".pyc", "site/index.html", ".git/", ".venv", "results/corpus")
LARGEST = 12 * 2**20  # bytes; a wheel or sdist above it holds what it should not


def problems(dist: Path) -> list[str]:
    """Return what is wrong with the two files."""
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as opened:
        packed = opened.namelist()
        (metadata,) = (name for name in packed if name.endswith(".dist-info/METADATA"))
        said = BytesParser().parsebytes(opened.read(metadata))
    with tarfile.open(sdist) as source:
        unpacked = [name.partition("/")[2] for name in source.getnames()]
    wrong = [f"{wheel.name} lacks conet/{part}" for part in WHEEL if not begins(packed, f"conet/{part}")]
    wrong += [f"{sdist.name} lacks {part}" for part in SDIST if not begins(unpacked, part)]
    wrong += [f"{name} should not be packed" for name in packed + unpacked if any(p in name for p in NEVER)]
    wrong += [f"{name} is not below conet/" for name in packed if not name.startswith("conet")]
    wrong += [
        f"{file.name} has {file.stat().st_size:,} bytes"
        for file in (wheel, sdist)
        if file.stat().st_size > LARGEST
    ]
    classifiers = said.get_all("Classifier") or []
    wrong += [] if "Typing :: Typed" in classifiers else ["the metadata does not say that it is typed"]
    wrong += [f"{line!r} is not so" for line in classifiers if "Windows" in line or "Independent" in line]
    return wrong


def begins(names: list[str], start: str) -> bool:
    """Whether a file is there, or any below a folder."""
    return any(name.startswith(start) for name in names)


if __name__ == "__main__":
    found = problems(Path(sys.argv[1]))
    print("\n".join(found) or "sdist and wheel hold what they should")
    sys.exit(bool(found))
