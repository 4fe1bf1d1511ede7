"""The long checks and benchmarks, which no test runs: what they import from the package is there."""

import ast
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted([*ROOT.glob("verification/**/*.py"), *ROOT.glob("benchmarks/**/*.py")])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_script_imports_is_there(script: Path) -> None:
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("conet"):
            continue
        try:
            module = importlib.import_module(str(node.module))
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("conet"):
                raise
            continue  # of an extra that is not installed
        for one in node.names:
            name = f"{node.module}.{one.name}"
            assert hasattr(module, one.name) or importlib.util.find_spec(name), name
