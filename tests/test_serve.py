"""The page as far as it needs no server: what is shipped, what is refused, whether a run is being trained."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import conet
from conet.base.lock import exclusive, is_held
from conet.cli import main
from conet.serve import bundle

ROOT = Path(__file__).parents[1]
WEB = ROOT / "web"
SOURCES = (
    "index.html",
    "openapi.json",
    "package-lock.json",
    "package.json",
    "tsconfig.json",
    "vite.config.ts",
)


def digest(base: Path, files: list[Path]) -> str:
    found = hashlib.sha256()
    for name in sorted(file.relative_to(base).as_posix() for file in files):
        found.update(f"{name}\n".encode() + (base / name).read_bytes() + b"\n")
    return found.hexdigest()


def below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_shipped_bundle_is_built_from_the_sources():
    """After a change under web/: `npm ci && npm run build` there. CI builds it anew where there is Node."""
    built = json.loads((WEB / "built.json").read_text())
    assert built["sources"] == digest(WEB, [*below(WEB / "src"), *(WEB / name for name in SOURCES)])
    assert built["bundle"] == digest(bundle.FOLDER, below(bundle.FOLDER))


def test_the_page_has_the_version_of_the_project():
    for name in ("package.json", "package-lock.json"):
        assert json.loads((WEB / name).read_text())["version"] == conet.__version__


def test_the_lock_file_names_no_registry():
    assert "resolved" not in (WEB / "package-lock.json").read_text()


def test_the_page_names_no_other_machine():
    page = bundle.index("secret").decode()
    assert 'content="secret"' in page
    assert page.count("http") == page.count("http://www.w3.org/")
    for name, data in bundle.files().items():
        if name.endswith(".css"):
            assert b"http" not in data
            assert b"@import" not in data


def test_a_place_that_is_not_there_is_refused(capsys):
    with pytest.raises(SystemExit) as left:
        main(["serve", "nowhere"])
    assert left.value.code == 2
    assert "nowhere, which does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "1e3"])
def test_a_port_that_is_none_is_refused(port, tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        main(["serve", str(tmp_path), "--port", port])
    assert left.value.code == 2
    assert "--port" in capsys.readouterr().err


def test_without_the_extra_the_command_says_what_to_install(tmp_path):
    code = (
        "import sys\nfor name in ('fastapi', 'uvicorn', 'starlette'): sys.modules[name] = None\n"
        f"from conet.cli import main; main(['serve', {str(tmp_path)!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "[microscope]" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_is_held_as_long_as_a_process_works_on_it(tmp_path):
    assert not is_held(tmp_path)
    with exclusive(tmp_path):
        assert is_held(tmp_path)
    assert not is_held(tmp_path)
    (tmp_path / ".lock").touch()
    assert not is_held(tmp_path)  # left by a process that was killed


def test_asking_whether_a_run_is_held_disturbs_nobody(tmp_path):
    with exclusive(tmp_path):
        for _ in range(3):
            assert is_held(tmp_path)
    with exclusive(tmp_path):
        pass
