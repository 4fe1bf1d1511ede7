"""What costs time to load is loaded when it is used, not before."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import conet

HEAVY = ("numba", "llvmlite", "scipy", "polars", "pyarrow", "matplotlib", "networkx", "rustworkx")
OPTIONAL = ("torch", "transformers", "trl", "fastapi", "ray")


LOG = str(Path(__file__).parent / "data/trouble/collapse.parquet")


def modules_of(code: str) -> set[str]:
    """Modules that a fresh process has loaded after the code."""
    script = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)), file=sys.__stdout__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def loaded_by(code: str) -> set[str]:
    """Top-level modules that a fresh process has loaded after the code."""
    return {name.partition(".")[0] for name in modules_of(code)}


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


def test_a_diagnosis_loads_no_compiled_loops_and_no_slow_statistics(tmp_path):
    """Each takes as long to load as all the rest."""
    loaded = modules_of(
        f"from conet.cli import main; main(['diagnose', {LOG!r}, '--out', {str(tmp_path)!r}])"
    )
    assert {"polars", "conet.diagnosis.findings.outcomes"} <= loaded  # else nothing was tested
    assert not loaded & {"numba", "scipy.stats"}


def test_schedules_of_a_language_model_load_no_compiled_loops():
    """Walks alone need them, also where a schedule can do more for walks."""
    loaded = modules_of("from conet.runs.schedules import SCHEDULES\nfor name in SCHEDULES: SCHEDULES[name]")
    assert {"conet.runs.schedules.temperature", "conet.runs.critical"} <= loaded  # else nothing was tested
    assert "numba" not in loaded


PUBLIC = {
    "Config",
    "ConetError",
    "Detector",
    "Diagnosis",
    "Graph",
    "Learner",
    "Problems",
    "Run",
    "Tasks",
    "Web",
    "diagnose",
    "preset",
    "read",
    "resume",
    "run",
    "simulate",
}


def test_every_public_name_is_there_and_completion_offers_no_other():
    assert set(conet.__all__) >= PUBLIC
    assert dir(conet) == sorted(conet.__all__)
    for name in conet.__all__:
        assert getattr(conet, name).__doc__
    assert conet.Tasks is conet.Problems


def test_public_names_stay_what_they_are_after_every_module_has_been_imported():
    code = (
        "import importlib, pkgutil, conet\n"
        "for module in pkgutil.walk_packages(conet.__path__, 'conet.'):\n"
        "    try: importlib.import_module(module.name)\n"
        "    except ImportError as error:\n"
        "        assert 'conet' not in str(error), error\n"
        "print([name for name in conet.__all__ if type(getattr(conet, name)).__name__ == 'module'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


SNIPPET = """import conet
config = conet.preset("smoke").override({"seed": 1})
reveal_type(conet.run(config))
reveal_type(conet.run(config).metrics())
reveal_type(conet.resume("x"))
reveal_type(conet.Run("x").config.problems.count)
reveal_type(conet.diagnose("x"))
reveal_type(conet.read("x"))
conet.simulat
conet.Run("x").metrix()
conet.Config(steps=5, seed=1)
config.tasks
from conet.network import tasks
from conet.network.nowhere import tasks
"""


def test_type_checkers_see_what_conet_returns(tmp_path):
    pytest.importorskip("mypy")
    snippet = tmp_path / "snippet.py"
    snippet.write_text(SNIPPET)
    root = Path(__file__).parents[1]
    command = [sys.executable, "-m", "mypy", f"--config-file={root / 'pyproject.toml'}", str(snippet)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root)
    seen = [line.partition(": note: Revealed type is ")[2].strip('"') for line in done.stdout.splitlines()]
    assert [kind for kind in seen if kind] == [
        "conet.runs.run.Run",
        "polars.dataframe.frame.DataFrame",
        "conet.runs.run.Run",
        "int",
        "conet.diagnosis.diagnosis.Diagnosis",
        "conet.rollouts.record.RolloutRecord",
    ], done.stdout + done.stderr
    wrong = [line for line in done.stdout.splitlines() if ": error: " in line]
    expected = [f'has no attribute "{name}"' for name in ("simulat", "metrix", "tasks", "tasks")]
    expected.append('named "conet.network.nowhere"')  # a module of ours that is not there is no foreign one
    assert len(wrong) == len(expected), done.stdout
    for line, words in zip(wrong, expected):
        assert words in line


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(AttributeError, match=r"'simulat'; it has .*simulate"):
        getattr(conet, "simulat")  # noqa: B009
