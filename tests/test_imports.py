"""What costs time to load is loaded when it is used, not before."""

import json
import subprocess
import sys

import pytest

import conet

HEAVY = ("numba", "llvmlite", "scipy", "polars", "pyarrow", "matplotlib", "networkx", "rustworkx")
OPTIONAL = ("torch", "transformers", "trl", "fastapi", "ray")


def loaded_by(code: str) -> set[str]:
    """Top-level modules that a fresh process has loaded after the code."""
    script = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)), file=sys.__stdout__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_import_loads_next_to_nothing():
    loaded = loaded_by("import conet; conet.__version__; dir(conet)")
    assert not loaded & {*HEAVY, *OPTIONAL, "numpy", "pydantic", "rich"}


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["presets", "--json"]], ids=" ".join)
def test_help_and_presets_load_nothing_heavy(arguments):
    loaded = loaded_by(f"from conet.cli import main; main({arguments!r})")
    assert "cyclopts" in loaded  # else nothing was tested
    assert not loaded & {*HEAVY, *OPTIONAL}


def test_a_wrong_setting_is_refused_before_anything_heavy_is_loaded():
    code = (
        "from conet.config import preset\nfrom conet.base.errors import ConetError\n"
        "try: preset('smok')\nexcept ConetError: pass\nelse: raise SystemExit(1)"
    )
    assert not loaded_by(code) & {*HEAVY, *OPTIONAL, "numpy"}


def test_every_public_name_is_there():
    for name in conet.__all__:
        assert getattr(conet, name).__doc__
        assert name in dir(conet)
    assert {
        "Config",
        "ConetError",
        "Graph",
        "Learner",
        "Run",
        "Problems",
        "preset",
        "run",
        "resume",
        "simulate",
    } <= set(conet.__all__)


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(AttributeError, match=r"'simulat'; it has .*simulate"):
        getattr(conet, "simulat")  # noqa: B009
