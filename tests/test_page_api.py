"""The server of the page: what it answers, to whom, and that nothing leads out of what is shown."""

import http.client
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from logs import as_trl, rollouts, two_stages
from page_server import serving

import conet
from conet.base.errors import ConetError
from conet.base.lock import exclusive
from conet.base.text import one_line
from conet.cli import main
from conet.config import files_read
from conet.diagnosis import Urgency, diagnose
from conet.runs.shape import SUMMARIES
from conet.serve import models
from conet.serve.library import Library, left_out
from conet.serve.models_actions import StartRequest
from conet.serve.opened import reached
from conet.serve.starting import Starter
from conet.views.source import source_of

pytestmark = pytest.mark.page
EVIL = '<script>alert(1)</script> \x1b[31m‮ "x"'


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A finished run, one that was killed, one that is broken, a log, and one with a hostile name."""
    place = tmp_path_factory.mktemp("runs")
    small = {
        "steps": 30,
        "graph.nodes": 40,
        "graph.degree": 5,
        "problems.count": 6,
        "snapshots.steps": (0, 9),
    }
    config = conet.preset("smoke").override(small)
    conet.run(config, place / "finished")
    shutil.copytree(place / "finished", place / "killed")
    (place / "killed" / "summary.json").unlink()
    shutil.copytree(place / "finished", place / "broken")
    (place / "broken" / "config.json").write_text("{")
    shutil.copytree(place / "finished", place / EVIL.replace("/", "_"))
    as_trl(rollouts(two_stages(30, 8)), place / "log")
    secret = place.parent / "secret"
    shutil.copytree(place / "finished", secret)
    os.symlink(secret, place / "linked")
    shutil.copytree(place / "finished", place / "inside")
    (place / "inside" / "events.jsonl").unlink()
    os.symlink(secret / "events.jsonl", place / "inside" / "events.jsonl")
    return place


@pytest.fixture(scope="module")
def server(runs):
    with serving(runs) as found:
        yield found


def test_the_runs_are_listed_by_name(server):
    rows = server.ask("/api/runs").json
    names = [row["name"] for row in rows]
    assert names == sorted(names)
    states = {row["name"]: row["state"] for row in rows}
    assert states["finished"] == "finished"
    assert states["killed"] == "killed"
    assert states["log"] == "log"
    assert states["broken"] == states["linked"] == states["inside"] == "unreadable"
    assert not any("\x1b" in name for name in names)
    assert any("<script>" in name and "\\u001b[31m" in name for name in names)


def test_a_run_says_what_it_has(server, runs):
    found = server.ask("/api/runs/finished").json
    assert found["run"]["steps"] == 30
    assert found["run"]["settings"]["preset"] == "smoke"
    assert {"learning-curve", "correct-length", "islands", "diversity", "frustration"} <= set(found["views"])
    for name in found["views"]:
        assert server.ask(f"/api/runs/finished/views/{name}").json["name"] == name
    run = conet.Run(runs / "finished")
    assert server.ask("/api/runs/finished/views/islands").json == json.loads(run.view("islands").to_json())
    spark = server.ask("/api/runs/finished/spark").json
    assert spark["step"] == 30
    assert len(spark["values"]) == 30


def test_a_log_says_what_a_diagnosis_of_it_says(server, runs):
    found = server.ask("/api/runs/log/headlines").json
    expected = [line.text for line in conet.diagnose(runs / "log").headlines]
    assert [line["text"] for line in found["headlines"]] == expected
    assert all(line["finding"] for line in found["headlines"])


@pytest.mark.parametrize("name", ["finished", "log"])
def test_every_chart_is_that_of_the_report(server, runs, name):
    source, other = source_of(conet.Run(runs / name)), source_of(conet.diagnose(runs / name))
    names = server.ask(f"/api/runs/{name}").json["views"]
    assert set(source.names()) <= set(names)
    for view in names:
        expected = (source if view in source.names() else other).view(view)
        assert server.ask(f"/api/runs/{name}/views/{view}").json == json.loads(expected.to_json())


def test_the_accuracy_of_the_list_is_that_of_summary_and_diagnosis(server, runs):
    """A log of which the last fifth is right throughout has reached 1, however short it is."""
    summary = json.loads((runs / "finished" / "summary.json").read_text())
    assert server.ask("/api/runs/finished/spark").json["accuracy"] == pytest.approx(summary["accuracy"])
    steps = conet.diagnose(runs / "log").findings["accuracy"]["end"]
    assert server.ask("/api/runs/log/spark").json["accuracy"] == pytest.approx(steps)
    assert reached(np.repeat([0.0, 1.0], [8, 2]), log=True) == 1
    assert reached(np.full(3, np.nan), log=True) is None is reached(np.empty(0), log=False)


def test_a_folder_with_rollouts_of_no_format_is_a_run_of_the_list(tmp_path):
    """As where it is named itself; what differs in a number alone is one log, and what cannot be told says so."""
    rows = [{"step": step, "prompt": f"p{step % 2}", "completion": "c", "reward": 1.0} for step in range(4)]

    def plain(*folders):
        for folder in folders:
            folder.mkdir(parents=True)
            (folder / "rollouts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    plain(tmp_path / "both" / "one", tmp_path / "both" / "other", tmp_path / "mixed" / "plain")
    plain(*(tmp_path / "parts" / f"step_{step}" for step in range(3)))
    as_trl(rollouts(two_stages(30, 8)), tmp_path / "mixed" / "trl")
    (tmp_path / "none" / "deeper").mkdir(parents=True)
    plain(tmp_path / "unknown")
    (tmp_path / "unknown" / "rollouts.jsonl").write_text('{"some": 1}\n')
    names = {one.name: list(Library([one]).paths()) for one in tmp_path.iterdir()}
    assert names == {
        "both": ["one", "other"],
        "mixed": ["plain", "trl"],
        "none": [],
        "parts": ["parts"],
        "unknown": ["unknown"],
    }
    assert [row.state for row in Library([tmp_path / "both"]).rows()] == ["log", "log"]
    (row,) = Library([tmp_path / "unknown"]).rows()
    assert row.state == "unreadable"
    assert "log of rollouts" in row.why


def test_a_lone_log_beside_folders_is_shown_and_many_alike_are_named(tmp_path, capsys):
    """It was left out without a word."""
    as_trl(rollouts(two_stages(30, 8)), tmp_path / "trl")
    row = {"step": 1, "prompt": "p", "completion": "c", "reward": 1.0}
    (tmp_path / "lone-2.jsonl").write_text(json.dumps(row))
    (tmp_path / "notes.json").write_text('{"some": 1}')
    (tmp_path / ".conet-half.jsonl").write_text(json.dumps(row))
    assert list(Library([tmp_path]).paths()) == ["lone-2.jsonl", "trl"]
    assert Library([tmp_path]).row("x", tmp_path / "lone-2.jsonl").state == "log"
    assert left_out(tmp_path) == []
    for step in (3, 4):
        (tmp_path / f"step_{step}.jsonl").write_text(json.dumps(row))
    assert list(Library([tmp_path]).paths()) == ["lone-2.jsonl", "trl"]
    (said,) = left_out(tmp_path)
    assert said.startswith(f"{tmp_path}: 2 files like step_3.jsonl are not shown")
    assert left_out(tmp_path / "trl") == left_out(tmp_path / "lone-2.jsonl") == []
    main(["serve", str(tmp_path), "--export", str(tmp_path / "page.html")])
    assert capsys.readouterr().err.startswith(f"conet: {said}\n")  # nor does one file of the page hide it
    (tmp_path / "step_3.jsonl").write_text("")  # the first of them does not speak for the others
    assert left_out(tmp_path) == [said]


def test_what_is_kept_of_a_run_goes_with_it(tmp_path):
    for number in range(6):
        as_trl(rollouts(two_stages(30, 8)), tmp_path / f"log-{number}")
    library = Library([tmp_path])
    for name in library.paths():
        library.opened(name).spark()
    assert {path.name for path in library._small} == {"log-0", "log-1"}
    shutil.rmtree(tmp_path / "log-0")
    library.paths()
    assert {path.name for path in library._small} == {"log-1"}


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_a_view_is_a_picture(server, suffix):
    found = server.ask(f"/api/runs/finished/figures/learning-curve?suffix={suffix}")
    assert found.status == 200
    assert found.body.startswith({"svg": b"<?xml", "png": b"\x89PNG"}[suffix])


@pytest.mark.parametrize("name", ["broken", "linked", "inside"])
def test_what_cannot_be_read_or_leads_outside_is_said(server, name):
    found = server.ask(f"/api/runs/{name}/spark")
    assert found.status == 409
    assert found.json["got"]


def test_the_list_is_made_once_however_many_runs_there_are(tmp_path, monkeypatch):
    """Of the runs that were let go of, what the list shows is kept."""
    for number in range(6):
        as_trl(rollouts(two_stages(30, 8)), tmp_path / f"log-{number}")
    made = []
    monkeypatch.setattr("conet.serve.opened.diagnose", lambda record: made.append(record) or diagnose(record))
    library = Library([tmp_path])
    seen = []
    for _ in range(2):
        for name in library.paths():
            seen.append((library.opened(name).spark().step, library.opened(name).headlines()))
    assert len(made) == 6
    assert seen[:6] == seen[6:]
    as_trl(rollouts(two_stages(40, 8)), tmp_path / "log-0")
    assert library.opened("log-0").spark().step != seen[0][0]


def test_what_takes_long_holds_up_nobody_else(runs, monkeypatch):
    """While the rollouts of a run are diagnosed, the run itself is opened."""
    opened = Library([runs]).opened("finished")
    begun, ends, names = threading.Event(), threading.Event(), []
    monkeypatch.setattr("conet.serve.opened.diagnose", lambda _: begun.set() or ends.wait(300))
    slow = threading.Thread(target=lambda: opened.diagnosis, daemon=True)
    quick = threading.Thread(target=lambda: names.extend(opened.view_names()), daemon=True)
    slow.start()
    assert begun.wait(300)
    quick.start()
    quick.join(120)
    ends.set()
    assert "learning-curve" in names
    slow.join(120)


def test_a_search_holds_up_no_view_and_no_node(runs, monkeypatch):
    """Texts are read one request at a time; what shows no text waits for none."""
    begun, ends = threading.Event(), threading.Event()
    monkeypatch.setattr("conet.serve.routes.search", lambda *_: begun.set() or ends.wait(300))
    with serving(runs) as server:
        slow = threading.Thread(target=server.ask, args=("/api/runs/finished/search?words=a",), daemon=True)
        slow.start()
        assert begun.wait(300)
        places = ["views/learning-curve", "nodes/3", "nodes/3/fights"]
        seen: list[int] = []

        def quick():
            seen.extend(server.ask(f"/api/runs/finished/{place}").status for place in places)

        other = threading.Thread(target=quick, daemon=True)
        other.start()
        other.join(120)
        ends.set()
        assert seen == [200] * 3
        slow.join(120)


def test_the_directories_are_looked_through_once_for_the_parts_of_one_page(runs, monkeypatch):
    """What has come or gone is found at once all the same."""
    from conet.serve import library as module

    looks = []
    known = module._runs_at
    monkeypatch.setattr(module, "_runs_at", lambda place: looks.append(place) or known(place))
    monkeypatch.setattr(module, "REMEMBERED", 3600.0)
    library = Library([runs])
    assert len({library.path("finished") for _ in range(9)}) == len(looks) == 1
    shutil.copytree(runs / "finished", runs / "late")
    assert library.path("late").name == "late"
    shutil.rmtree(runs / "late")
    with pytest.raises(LookupError):
        library.path("late")
    monkeypatch.setattr(module, "REMEMBERED", 0.0)
    before = len(looks)
    library.path("finished")
    assert len(looks) == before + 1


def test_a_fault_of_ours_is_no_missing_run(runs, monkeypatch):
    """A KeyError in our code is 500, and goes to the log of the server; it is not a run that is not there."""
    monkeypatch.setattr("conet.serve.opened.Opened.view_names", lambda _: {}["a name of ours"])
    with serving(runs) as server:
        assert server.ask("/api/runs/finished/views/islands").status == 500
        assert server.ask("/api/runs/nothing/views/islands").status == 404


def test_a_run_that_is_deleted_while_it_is_open_is_said(server, runs):
    shutil.copytree(runs / "finished", runs / "short-lived")
    assert server.ask("/api/runs/short-lived/spark").status == 200
    shutil.rmtree(runs / "short-lived")
    assert server.ask("/api/runs/short-lived/spark").status == 404


WAYS_OUT = [
    "..%2fsecret",
    "%2e%2e/secret",
    "../secret",
    "..",
    "%2fetc%2fpasswd",
    "finished%00",
    "finished/../../secret",
]


@pytest.mark.parametrize("way", WAYS_OUT)
@pytest.mark.parametrize("before", ["/api/runs/", "/api/runs/finished/views/", "/", "/assets/"])
def test_no_path_leads_out(server, before, way):
    assert server.ask(before + way).status == 404


def test_no_file_of_code_is_loaded_as_a_view(server, runs):
    (runs / "mine.py").write_text("raise SystemExit('loaded')")
    for name in (f"{runs}/mine.py:mine".replace("/", "%2f"), "mine.py:mine"):
        assert server.ask(f"/api/runs/finished/views/{name}").status == 404


# Who may ask ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1:1", "", "localhost@evil", "169.254.1.1"]
)
def test_a_foreign_host_gets_no_page(server, host):
    for place in ("/", "/api/runs", "/page.js"):
        found = server.ask(place, Host=host)
        assert found.status == 403
        assert b"token" not in found.body


def test_the_names_of_this_machine_are_answered(server):
    for host in ("127.0.0.1", "localhost", "[::1]"):
        assert server.ask("/", Host=f"{host}:{server.port}").status == 200


def test_a_foreign_page_is_refused(server):
    for origin in ("http://evil.example", "null", "https://127.0.0.1", f"http://127.0.0.1:{server.port + 1}"):
        assert server.ask("/api/runs", Origin=origin).status == 403
    assert (
        server.ask(
            "/api/runs", Origin=f"http://127.0.0.1:{server.port}", Host=f"127.0.0.1:{server.port}"
        ).status
        == 200
    )


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_foreign_page_cannot_make_the_server_compute(server, site):
    """An image or a request without CORS brings no Origin; a link to the page is followed all the same."""
    for mode in ("no-cors", "navigate"):
        told = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": mode}
        assert server.ask("/api/runs/finished/headlines", **told).status == 403
        assert server.ask("/", **told).status == (200 if mode == "navigate" else 403)
    for own in ("same-origin", "none"):
        assert server.ask("/api/runs", Sec_Fetch_Site=own, Sec_Fetch_Mode="navigate").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_an_action_needs_the_token(server, method):
    assert server.ask("/api/runs", method, {}).status in (401, 403)
    assert server.ask("/api/runs", method, {}, x_conet_token="wrong").status in (401, 403)
    assert server.ask("/api/runs", method, {}, x_conet_token=server.token).status not in (401, 403)


def test_the_page_may_load_nothing_foreign(server):
    found = server.ask("/")
    assert "default-src 'none'" in found.headers["content-security-policy"]
    assert "unsafe" not in found.headers["content-security-policy"]
    assert found.headers["x-content-type-options"] == "nosniff"
    assert server.token.encode() in found.body


def test_beyond_this_machine_the_token_is_asked_for(runs):
    with serving(runs, host="0.0.0.0") as server:
        assert server.ask("/").status == 401
        assert server.ask("/api/runs").status == 401
        assert server.ask("/?token=wrong").status == 401
        assert server.ask("/", Host="evil.example").status == 403
        page = server.ask(f"/?token={server.token}")
        assert page.status == 303
        assert page.headers["location"] == "/"  # the address has no token any more, nor has a link to a view
        cookie = page.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        name = cookie.partition("=")[0]
        assert str(server.port) in name  # another server on this host has a cookie of its own
        assert server.ask("/", Cookie=cookie.partition(";")[0]).status == 200
        assert server.ask("/api/runs", Cookie=cookie.partition(";")[0]).status == 200
        assert server.ask("/api/runs", Cookie=f"{name}=wrong").status == 401
        assert server.ask("/api/runs", "POST", {}, Cookie=cookie.partition(";")[0]).status == 403


def test_a_port_that_is_taken_is_said(server, runs, capsys):
    with pytest.raises(SystemExit) as left:
        main(["serve", str(runs), "--port", str(server.port)])
    assert left.value.code == 2
    assert "which is taken" in capsys.readouterr().err


# What the description of the server promises ---------------------------------------------------------------


def test_the_types_of_the_page_are_those_of_the_server():
    """After a change of an address: `python -m conet.serve.schema > web/openapi.json`, `npm run types`."""
    from conet.serve.schema import schema

    committed = json.loads((Path(__file__).parents[1] / "web/openapi.json").read_text())
    now = json.loads(schema())
    for said in (committed, now):  # what FastAPI itself answers is another version's affair
        for name in ("HTTPValidationError", "ValidationError"):
            said["components"]["schemas"].pop(name, None)
    assert committed["paths"] == now["paths"]
    assert committed["components"]["schemas"] == now["components"]["schemas"]
    # The committed types are those of the committed description: CI makes them anew where there is Node.
    types = (Path(__file__).parents[1] / "web/src/api/schema.ts").read_text()
    assert {*re.findall('^    "(/[^"]+)": {', types, re.MULTILINE)} == set(now["paths"])
    for name in now["components"]["schemas"]:
        assert re.search(f"^        {name}: {{", types, re.MULTILINE), name


def test_the_words_of_the_page_are_those_of_the_rest():
    """Names that are written out for the types are the names that the rest of CoNet knows."""
    assert get_args(models.Urgency) == tuple(one.name.lower() for one in Urgency)
    assert set(get_args(models.Kind)) == {*SUMMARIES, "log", ""}


SLOW = ("/page", "/figures/{view}")  # which are made of all the others, or drawn


def promise_kept(operation, there):
    """Try what the description of an address allows, in turn with what there is; return the statuses that came."""
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as some

    statuses = set()

    @settings(
        max_examples=4 if operation.path.endswith(SLOW) else 15,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), known=some.fixed_dictionaries(there), real=some.integers(0, 2))
    def holds(case, known, real):
        for parameters in (case.path_parameters, case.query)[:real]:
            for name in known.keys() & (parameters or {}).keys():
                parameters[name] = known[name]
        response = case.call()
        assert response.status_code < 500
        case.validate_response(response)
        statuses.add(response.status_code)

    holds()
    return statuses


def test_every_address_keeps_its_promise(runs, texts):
    """No input that the description allows makes the server fail, or answer what it does not describe.

    Names and numbers that there are take turns with any, so that not only refusals are met.
    """
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import strategies as some

    from conet.serve.app import application

    there = {
        "name": some.sampled_from(["finished", "log", "log~", one_line(EVIL.replace("/", "_"))]),
        "view": some.sampled_from(["learning-curve", "islands"]),
        "node": some.integers(0, 39),
        "words": some.just("a"),
        "index": some.just([0]),
        "step": some.sampled_from([0, 9]),
    }
    described = schemathesis.openapi.from_asgi("/openapi.json", application(Library([runs, texts])))
    seen = {}
    for result in described.get_all_operations():
        operation = result.ok()
        if not operation.path.endswith("/stream") and operation.method.upper() == "GET":
            seen[operation.path] = promise_kept(operation, there)
    assert len(seen) >= 14
    assert not [path for path, statuses in seen.items() if 200 not in statuses], seen


# The web through time --------------------------------------------------------------------------------------


def test_the_web_is_that_of_the_snapshots(server, runs):
    run = conet.Run(runs / "finished")
    found = server.ask("/api/runs/finished/web").json
    assert [moment["step"] for moment in found["moments"]] == run.snapshot_steps()
    for moment, (_, web) in zip(found["moments"], run.webs()):
        ends = [found["edges"][end] for end in ("source", "target")]
        edges = {tuple(found["nodes"]["id"][end[edge]] for end in ends) for edge in moment["edges"]}
        assert edges == set(zip(web.sources.tolist(), web.targets.tolist()))
        assert moment["islands"] == web.components
        inside = {node for node, island in zip(found["nodes"]["id"], moment["island"]) if island >= 0}
        assert inside == set(web.nodes.tolist())
    assert [(merge["step"], merge["parts"]) for merge in found["merges"]] == [
        (merge.step, [list(part) for part in merge.parts]) for merge in run.merges()
    ]


def test_paths_follow_the_best_edges_from_question_to_answer(server, runs):
    run = conet.Run(runs / "finished")
    problems = run.problems()
    for moment in server.ask("/api/runs/finished/web").json["moments"]:
        policy = run.policy(moment["step"])
        for problem, path in enumerate(moment["paths"]):
            if not path:
                continue
            assert path[0] == problems.questions[problem]
            assert path[-1] == problems.answers[problem]
            for node, following in itertools.pairwise(path):
                edges = slice(policy.graph.offsets[node], policy.graph.offsets[node + 1])
                assert policy.graph.targets[edges][policy.probability[edges].argmax()] == following


def test_a_node_says_where_walks_go_from_it(server, runs):
    policy = conet.Run(runs / "finished").policy(9)
    found = server.ask("/api/runs/finished/nodes/3?step=9").json
    edges = slice(policy.graph.offsets[3], policy.graph.offsets[4])
    expected = dict(zip(policy.graph.targets[edges].tolist(), policy.probability[edges].tolist()))
    assert {edge["target"]: edge["probability"] for edge in found["edges"]} == pytest.approx(expected)
    assert isinstance(server.ask("/api/runs/finished/nodes/3/fights?step=9").json, list)
    assert server.ask("/api/runs/finished/nodes/40").status == 404
    assert server.ask("/api/runs/finished/nodes/3?step=8").status == 409
    assert server.ask("/api/runs/log/web").status == 409


# Problems and rollouts ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """A log of texts whose contents are known."""
    place = tmp_path_factory.mktemp("texts")
    rows = [
        {
            "step": step,
            "prompt": f"{EVIL} of problem {problem}?",
            "completion": f"step {step}, sample {sample}: {EVIL} $x^2$ WORD{step}",
            "accuracy_reward": float(step > 3 + problem),
            "format_reward": 0.5,
            "advantage": 0.0,
            "completion_length": 7,
        }
        for step in range(12)
        for problem in range(3)
        for sample in range(4)
    ]
    as_trl(pl.DataFrame(rows), place / "log")
    return place


@pytest.fixture(scope="module")
def read(texts):
    with serving(texts, column_mapping="correct=accuracy_reward>=1") as found:
        yield found


def test_problems_by_steps_are_counted(read):
    found = read.ask("/api/runs/log/problems").json
    assert found["edges"] == list(range(13))
    assert [row["onset"] for row in found["rows"]] == [4, 5, 6]
    assert found["rows"][1]["values"] == [0.0] * 5 + [1.0] * 7
    assert not any("\x1b" in row["name"] for row in found["rows"])


def test_a_cell_has_its_rollouts_and_their_texts(read):
    cell = read.ask("/api/runs/log/rollouts?problem=1&first=5&last=7").json
    assert cell["total"] == 8
    assert {row["step"] for row in cell["rows"]} == {5, 6}
    assert all(row["correct"] for row in cell["rows"])
    assert cell["rows"][0]["components"] == {"accuracy_reward": 1.0, "format_reward": 0.5}
    index = cell["rows"][2]["index"]
    (text,) = read.ask(f"/api/runs/log/texts?index={index}").json
    assert text["completion"] == [{"role": "", "content": f"step 5, sample 2: {EVIL} $x^2$ WORD5"}]
    assert text["prompt"][0]["content"] == f"{EVIL} of problem 1?"
    assert read.ask("/api/runs/log/texts?index=99999").status == 404
    assert read.ask("/api/runs/log/texts?index=-1").status == 404


def test_a_search_finds_what_holds_the_words(read):
    found = read.ask("/api/runs/log/search?words=word7").json
    assert found["found"] == 12
    assert found["searched"] == found["total"] == 12 * 3 * 4
    assert {row["step"] for row in found["rows"]} == {7}
    narrow = read.ask("/api/runs/log/search?words=sample&problem=0&first=2&last=6&correct=true").json
    assert {row["step"] for row in narrow["rows"]} == {4, 5}
    assert read.ask("/api/runs/log/search?words=%20").status == 409


def test_a_run_without_texts_says_so(server):
    assert server.ask("/api/runs/finished/rollouts?problem=0").json["total"] > 0
    assert server.ask("/api/runs/finished/texts?index=0").status == 409


# Actions -----------------------------------------------------------------------------------------------------


def act(server, place, body):
    return server.ask(place, "POST", body, x_conet_token=server.token, content_type="application/json")


def wait_for(what, seconds=300):
    ends = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.2)
    return found


def test_a_run_is_started_steered_and_stopped_from_the_page(tmp_path):
    small = ["graph.nodes=40", "graph.degree=5", "problems.count=6", "learner.learning_rate=0.05"]
    small += ["schedule.max_accuracy=1", "schedule.harvest_samples=64"]
    with serving(tmp_path) as server:
        asked = {"preset": "smoke", "seed": 3, "steps": 1_000_000, "settings": small}
        name = act(server, "/api/runs", asked).json["name"]
        run = tmp_path / name
        wait_for(lambda: server.ask(f"/api/runs/{name}").json["steerable"])
        row = wait_for(lambda: server.ask(f"/api/runs/{name}").json["run"])
        assert row["state"] == "training"
        assert row["settings"]["seed"] == "3"
        actions = f"/api/runs/{name}/actions"
        wait_for(lambda: (server.ask(f"/api/runs/{name}/spark").json.get("step") or 0) > 2)
        assert act(server, actions, {"action": "temperature", "value": 0.01}).status == 200
        assert act(server, actions, {"action": "heat", "value": 3}).status == 200
        assert act(server, actions, {"action": "pause"}).status == 200

        def noted():
            return [event.get("action") for event in conet.Run(run).events() if event["event"] == "steered"]

        wait_for(lambda: "pause" in noted())
        assert noted() == ["temperature", "heat", "pause"]
        wrong = act(server, actions, {"action": "temperature", "value": -1})
        assert wrong.status == 409
        assert "learner.entropy" in wrong.json["got"]
        assert server.ask(actions, "POST", {"action": "stop"}, content_type="application/json").status == 403
        assert act(server, actions, {"action": "stop"}).status == 200
        wait_for(lambda: server.ask(f"/api/runs/{name}").json["run"]["state"] == "killed")
        assert act(server, actions, {"action": "pause"}).status == 409
    assert noted()[-1] == "stop"
    assert conet.Run(run).metrics().height > 2


def test_settings_are_refused_in_the_words_of_the_command_line(tmp_path):
    with serving(tmp_path) as server:
        wrong = act(server, "/api/runs", {"preset": "smoke", "settings": ["graph.nods=4"]})
        assert wrong.status == 409
        assert "graph.nods" in wrong.json["got"]
        assert "graph.nodes" in wrong.json["remedy"] + wrong.json["expected"]
        assert act(server, "/api/runs", {"preset": "smok"}).status == 409
    assert not list(tmp_path.iterdir())


CODE = """from pathlib import Path
Path(__file__).with_name("ran").touch()
def mine(*a, **k): return {}
"""


@pytest.mark.parametrize(
    "pair",
    [
        "learner.name=HERE/mine.py:mine",
        "graph.kind=HERE/mine.py:mine",
        "schedule.name=HERE/mine.py:mine",
        "observables=HERE/mine.py:mine",
        'observables=["HERE/mine.py:mine"]',
        'observables=["HERE/mine\\u002epy:mine"]',
        'graph.more={"inside": ["HERE/mine\\u002epy:mine"]}',
        "graph.file=HERE/pairs",
        "problems.file=HERE/pairs",
        'problems.file="HERE/p\\u0061irs"',
        "tasks.file=HERE/pairs",
    ],
)
def test_the_page_runs_no_code_and_reads_no_file(tmp_path, pair):
    """Each would run or read what is there, were it not refused; the words say where it can be done."""
    here, runs = tmp_path / "elsewhere", tmp_path / "runs"
    here.mkdir()
    runs.mkdir()
    (here / "mine.py").write_text(CODE)
    (here / "pairs").write_text("secret-of-this-machine\n")
    with serving(runs) as server:
        asked = {"preset": "smoke", "steps": 1, "settings": [pair.replace("HERE", str(here))]}
        answer = act(server, "/api/runs", asked)
    assert answer.status == 409
    assert b"secret-of" not in answer.body
    assert "command line" in answer.json["remedy"]
    assert not (here / "ran").exists()
    assert not list(runs.iterdir())


@pytest.mark.parametrize(
    "pair", ["--config", "--config=/etc/passwd", "nothing", "graph.nodes=4\0", "graph.more=\ud800"]
)
def test_what_is_no_setting_is_no_argument(tmp_path, pair):
    with serving(tmp_path) as server:
        answer = act(server, "/api/runs", {"preset": "smoke", "settings": [pair]})
    assert answer.status == 409
    assert answer.json["expected"] == "key=value"
    assert not list(tmp_path.iterdir())


def test_the_process_of_a_run_that_the_page_starts_runs_no_code_either(tmp_path):
    """Whatever way a name may find past the server."""
    (tmp_path / "mine.py").write_text(CODE)
    command = [sys.executable, "-P", "-m", "conet.serve.child", "run", "--preset", "smoke", "--steps", "1"]
    command += ["--out", str(tmp_path / "run"), "--set", f"graph.kind={tmp_path}/mine.py:mine"]
    found = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert found.returncode == 2
    assert "command line" in found.stderr
    assert not (tmp_path / "ran").exists()


def test_every_setting_that_names_a_file_of_data_is_marked():
    """What is marked is refused on the page."""
    config = conet.preset("smoke")
    sections = {name: getattr(config, name) for name in type(config).model_fields}
    named = {
        f"{name}.{key}"
        for name, section in sections.items()
        for key in getattr(type(section), "model_fields", {})
        if key in ("file", "path", "folder", "directory") or key.endswith(("_file", "_path"))
    }
    given = files_read(config.override(dict.fromkeys(named, "x")))
    assert given == dict.fromkeys(named, "x")
    assert {"graph.file", "problems.file"} <= named


SLOW_OR_NOT = """import shutil, sys, time
seed, out = (sys.argv[sys.argv.index(name) + 1] for name in ("--seed", "--out"))
if seed == "1":
    time.sleep(3600)
if seed == "0":
    shutil.copytree(KILLED, out)
    time.sleep(1)
print("update 7\\nMemoryError: \x1b[31m no memory", file=sys.stderr)
sys.exit(1)
"""


@pytest.fixture
def begins(runs, tmp_path, monkeypatch):
    """Of what the page starts, seed 0 trains and crashes, seed 1 does not begin, seed 2 crashes at once."""
    program = SLOW_OR_NOT.replace("KILLED", repr(str(runs / "killed")))
    monkeypatch.setattr("conet.serve.starting.PROGRAM", ("-c", program))
    return Starter(Library([tmp_path]))


def test_what_a_started_run_said_last_is_kept(begins, tmp_path):
    name = begins.start(StartRequest(preset="smoke", seed=0)).name
    with serving(tmp_path) as server:
        wait_for(lambda: not [child for child in begins._children.values() if child.poll() is None])
        found = server.ask(f"/api/runs/{name}").json
    assert found["run"]["state"] == "killed"
    assert found["last_words"] == "MemoryError: \\u001b[31m no memory"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with pytest.raises(ConetError, match="MemoryError"):
        begins.start(StartRequest(preset="smoke", seed=2))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_run_that_does_not_begin_is_ended_and_holds_up_nobody(begins, tmp_path, monkeypatch):
    slow, refused = StartRequest(preset="smoke", seed=1), []

    def start():
        try:
            begins.start(slow)
        except ConetError as error:
            refused.append(str(error))

    waiting = threading.Thread(target=start, daemon=True)
    waiting.start()
    (child,) = wait_for(lambda: list(begins._children.values()))
    assert begins.start(StartRequest(preset="smoke", seed=0)).name
    assert child.poll() is None
    assert not refused
    monkeypatch.setattr("conet.serve.starting.PATIENCE", 0.0)
    with pytest.raises(ConetError, match="was ended"):
        begins.start(slow)
    children = list(begins._children.values())
    child.kill()
    waiting.join(120)
    assert refused
    assert all(one.wait(60) is not None for one in children)
    assert len(list(tmp_path.iterdir())) == 1


def test_only_runs_that_may_be_steered_are(server):
    assert act(server, "/api/runs/finished/actions", {"action": "pause"}).status == 409
    assert not server.ask("/api/runs/finished").json["steerable"]


def test_new_steps_stream_in(runs, tmp_path):
    """A run that grows is told until it ends."""
    shutil.copytree(runs / "killed", tmp_path / "growing")
    with serving(tmp_path) as server, exclusive(tmp_path / "growing"):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
        connection.request("GET", "/api/runs/growing/stream")
        answer = connection.getresponse()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.readline() == b"event: training\n"
        assert json.loads(answer.readline().removeprefix(b"data: "))["step"] == 30
        connection.close()
        assert server.ask("/api/runs/finished-not/stream").status == 404
