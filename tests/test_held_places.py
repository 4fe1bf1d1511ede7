"""Two commands on one output folder: the second is refused, and what is there is of one of them."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from logs import as_trl, rollouts, two_stages

from conet.base import kinds, places
from conet.base.errors import ConetError
from conet.base.lock import Busy, exclusive
from conet.cli import main

GRID = {"preset": "smoke", "seeds": 1, "grid": {"graph.nodes": [40], "steps": [4], "problems.count": [6]}}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two logs, and the file of a sweep."""
    place = tmp_path_factory.mktemp("world")
    for name, steps in (("log", 12), ("other", 9)):
        as_trl(rollouts(two_stages(steps, 6)), place / name)
    (place / "grid.json").write_text(json.dumps(GRID))
    return place


@pytest.fixture(autouse=True)
def _no_pages(monkeypatch):
    """Pages are tested elsewhere; here they would only take time."""
    monkeypatch.setattr("conet.report.pages.pictures", lambda views, drawers=None: [])


def calls(world: Path) -> dict[str, list[str]]:
    log = str(world / "log")
    return {
        "diagnose": ["diagnose", log],
        "watch": ["watch", log, "--refreshes", "1"],
        "web": ["web", log, "--embedding", "words"],
        "compare": ["compare", log, str(world / "other")],
        "sweep": ["sweep", str(world / "grid.json"), "--jobs", "1"],
        "reproduce": ["reproduce", "C1", "--quick", "--seeds", "2", "--jobs", "1"],
        "capacity": ["capacity", "--preset", "smoke", "--moves", "1000"],
    }


NAMES = list(calls(Path()))


@pytest.mark.parametrize("name", NAMES)
def test_the_second_command_on_a_folder_is_refused(name, world, tmp_path, capfd):
    place = tmp_path / "out"
    place.mkdir()
    with exclusive(place):  # as another process has it
        with pytest.raises(SystemExit) as ended:
            main([*calls(world)[name], "--out", str(place)])
        lines = capfd.readouterr().err.splitlines()
        assert ended.value.code == 2
        assert lines[-1] == (
            f"conet: got {place}, which another process is working on; "
            "expected a folder that nobody writes into now; wait until it ends"
        )
        assert not any("Traceback" in line for line in lines)
        assert [entry.name for entry in place.iterdir()] == [kinds.LOCK]
    assert not list(place.iterdir())


def test_a_folder_at_rest_holds_nothing_hidden_and_a_failure_leaves_none(world, tmp_path, capfd):
    main(["diagnose", str(world / "log"), "--out", str(tmp_path / "out")])
    assert not [path for path in (tmp_path / "out").rglob("*") if path.name.startswith(".")]
    (tmp_path / "broken.jsonl").write_text("[\n")
    with pytest.raises(SystemExit):
        main(["diagnose", str(tmp_path / "broken.jsonl"), "--out", str(tmp_path / "new/place")])
    assert not (tmp_path / "new").exists()


def test_a_diagnosis_that_begins_while_another_is_written_is_refused(world, tmp_path, monkeypatch, capfd):
    """It must never come to tables of the one beside findings of the other."""
    from conet import diagnose
    from conet.diagnosis import output, write

    refused = []
    write_table = output.write_table

    def meanwhile(path, table):
        write_table(path, table)
        with ThreadPoolExecutor(1) as pool:  # a context of its own, as another process has
            refused.append(pool.submit(write, diagnose(world / "other"), path.parent, page).exception())

    def page(found, out):
        return out / "report.html"

    found = diagnose(world / "log")
    monkeypatch.setattr(output, "write_table", meanwhile)
    write(found, tmp_path / "out", page)
    assert [type(error) for error in refused] == [Busy, Busy]


def test_what_is_held_may_be_filled_inside_and_is_free_afterwards(tmp_path):
    place = tmp_path / "out"
    with places.holding(place):
        with pytest.raises(ConetError, match="another process"), exclusive(place):
            pass
        with places.filling(place, kinds.SWEEP):
            (place / "sweep.json").write_text('{"definition": 1, "runs": 1}')
        with pytest.raises(ConetError, match="another process"), exclusive(place):
            pass
    with exclusive(place):
        pass
    assert [entry.name for entry in place.iterdir()] == ["sweep.json"]
