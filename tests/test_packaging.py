"""What a release says of itself is said once, and alike."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import conet

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_there_is_one_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert conet.__version__ == PROJECT["version"]
    assert re.findall(r"^version: (.+)$", citation, re.MULTILINE) == [conet.__version__]
    assert re.findall(r"^## (?!Unreleased)(\S+)", changelog, re.MULTILINE)[0] == conet.__version__


def test_windows_is_refused_in_one_line():
    code = "import sys; sys.platform = 'win32'; import conet"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ImportError: CoNet does not run on Windows itself: use ")


def test_the_metadata_name_what_is_tried():
    classifiers = PROJECT["classifiers"]
    assert "Operating System :: POSIX" in classifiers
    assert not [line for line in classifiers if "Windows" in line]
    lowest = PROJECT["requires-python"].removeprefix(">=")
    versions = [line.rpartition(" ")[2] for line in classifiers if re.search(r":: 3\.\d+$", line)]
    assert versions[0] == lowest
    script = (ROOT / "verification/pythons.sh").read_text(encoding="utf-8")
    assert f"for version in {' '.join(versions)}; do" in script


def test_every_dependency_has_a_lower_bound():
    for wanted in PROJECT["dependencies"]:
        assert re.fullmatch(r"[a-z0-9-]+>=[\d.]+", wanted), wanted
