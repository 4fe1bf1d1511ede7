"""What the server answers to what nobody should ask: every parameter that its OpenAPI names, and every address."""

import json
import os
import re
import shutil
from urllib.parse import quote

import polars as pl
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from logs import as_trl
from page_server import serving

import conet
from conet.cli import main
from conet.serve.app import application
from conet.serve.library import Library

pytestmark = pytest.mark.page
HTML = "<img src=x onerror=alert(1)>"
NAMES = [
    HTML,
    "a\x1b[31mred",
    "right\u202eleft",
    "new\nline",
    "per%cent",
    "que?ry#hash",
    "'\"&amp;",
    "\udcff",
]
VALUES = [
    *(
        "",
        "%20",
        "-1",
        "0",
        "1e9",
        "NaN",
        "inf",
        "0x1",
        "true",
        "null",
        "[1]",
        "{}",
        "9" * 30,
        "-" + "9" * 30,
    ),
    *(
        str(2**31),
        str(2**53 + 1),
        str(2**63),
        "9" * 5000,
        "1" + "0" * 400,
        "a" * 5000,
        "%00",
        "%ff",
        "%ed%a0%80",
    ),
    *(
        "%0d%0aSet-Cookie:%20a=b",
        "%E2%80%AE",
        quote(HTML),
        "..%2f..%2fetc%2fpasswd",
        "%2fetc%2fpasswd",
        "mine.py:f",
    ),
]
WAYS_OUT = [
    "..%2fsecret",
    "%2e%2e%2fsecret",
    "..",
    "%2fetc",
    "secret",
    "linked%2f..%2f..%2fsecret",
    "~",
    ".",
    "%00",
]
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def operations():
    """Method, path and names of query parameters of every address that is described."""
    for path, methods in application(Library([])).openapi()["paths"].items():
        for method, said in methods.items():
            known = [one["name"] for one in said.get("parameters", []) if one["in"] == "query"]
            yield method.upper(), path, known


OPERATIONS = list(operations())
READ = [
    (path, known) for method, path, known in OPERATIONS if method == "GET" and not path.endswith("/stream")
]
QUERIES = [(path, name) for path, known in READ for name in known]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    place = tmp_path_factory.mktemp("hostile") / "shown"
    place.mkdir()
    small = {"steps": 6, "graph.nodes": 40, "graph.degree": 5, "problems.count": 6, "snapshots.steps": (0, 3)}
    conet.run(conet.preset("smoke").override(small), place / "run")
    for name in NAMES:
        shutil.copytree(place / "run", os.path.join(place, name))
    as_trl(texts(), place / "log")
    shutil.copytree(place / "run", place.parent / "secret")
    (place / "linked").symlink_to(place.parent / "secret")
    return place


def texts():
    """Rollouts whose texts are known."""
    rows = [
        {
            "step": step,
            "prompt": f"PROMPT {problem} {HTML}",
            "completion": f"COMPLETION {sample}",
            "answer": f"GOLD {problem}",
            "accuracy_reward": float((step + sample) % 3 > 0),
            "advantage": 0.0,
            "completion_length": 7 + sample,
        }
        for step in range(8)
        for problem in range(4)
        for sample in range(4)
    ]
    return pl.DataFrame(rows)


@pytest.fixture(scope="module")
def server(runs):
    with serving(runs) as found:
        yield found


def filled(path, name):
    """An address of a run that is there."""
    return path.replace("{name}", name).replace("{view}", "learning-curve").replace("{node}", "3")


def needed(known, but):
    """A query that fills what an address cannot do without."""
    given = {"words": "a", "index": "0"}
    return "".join(f"&{name}={given[name]}" for name in known if name in given and name != but)


def answered(answer):
    """Nothing but an answer of ours: no failure of the server, no header and no page made of what was asked."""
    assert answer.status in (200, 404, 409, 422), answer
    assert "set-cookie" not in answer.headers
    if answer.status != 200:
        assert answer.headers["content-type"] == "application/json"
        assert not RAW.search(answer.body.decode())
    assert b"Traceback" not in answer.body
    assert b"root:x:" not in answer.body


@pytest.mark.parametrize("name", ["run", "log"])
@pytest.mark.parametrize(("path", "parameter"), QUERIES)
def test_no_value_of_a_parameter_makes_the_server_fail(server, path, parameter, name):
    if path.endswith(("/figures/{view}", "/page")):
        values = [
            value for value in VALUES if value not in ("true", "0")
        ]  # these draw, and are tried elsewhere
    else:
        values = VALUES
    known = dict(READ)[path]
    for value in values:
        answered(server.ask(f"{filled(path, name)}?{parameter}={value}{needed(known, parameter)}"))
    answered(server.ask(f"{filled(path, name)}?{parameter}=1&{parameter}=2{needed(known, parameter)}"))


@pytest.mark.parametrize("path", [path for path, _ in READ if "{node}" in path or "{view}" in path])
def test_no_part_of_a_path_makes_the_server_fail(server, path):
    for value in VALUES:
        part = value or "%20"
        answered(server.ask(path.replace("{name}", "run").replace("{node}", part).replace("{view}", part)))


@pytest.mark.parametrize("path", [path for path, _ in READ if "{name}" in path])
def test_no_name_leads_out(server, path, runs):
    for way in [*WAYS_OUT, quote(str(runs / "run"), safe=""), quote(str(runs.parent / "secret"), safe="")]:
        answer = server.ask(filled(path, way) + "?words=a&index=0")
        assert answer.status in (404, 422), (way, answer)
    linked = server.ask(filled(path, "linked") + "?words=a&index=0")
    assert linked.status in (404, 409), linked


def test_a_name_is_only_a_name(server):
    """Of every run its row, its curve and its page can be asked for, whatever it is called."""
    rows = server.ask("/api/runs").json
    shown = {row["name"] for row in rows}
    assert len(shown) == len(NAMES) + 3
    assert HTML in shown
    for row in rows:
        assert not RAW.search(row["name"])
        if row["kind"] != "walks":
            continue
        place = f"/api/runs/{quote(row['name'], safe='')}"
        assert server.ask(place).json["run"]["name"] == row["name"]
        assert server.ask(f"{place}/spark").json["step"] == 6
    page = server.ask(f"/api/runs/{quote(HTML, safe='')}/page")
    assert page.status == 200
    assert HTML.encode() not in page.body


def strings(value):
    """Every text in a JSON value, keys among them."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    return (
        [value]
        if isinstance(value, str)
        else [s for one in value for s in strings(one)]
        if isinstance(value, list)
        else []
    )


BAD = "bad\u202e\x1b[31m\n_reward"


@pytest.fixture(scope="module")
def columns(tmp_path_factory):
    """A log in which columns, prompts and numbers of the trainer have names that should not be shown as they are."""
    place = tmp_path_factory.mktemp("columns")
    rows = texts().with_columns(pl.lit(0.25).alias(BAD), prompt=pl.col("prompt") + "\u202e\x1b[31m")
    as_trl(rows, place / "log")
    numbers = [{"step": step, "entropy": 1 / (step + 1), BAD: 0.5 * step} for step in range(8)]
    (place / "log" / "trainer_state.json").write_text(json.dumps({"log_history": numbers}))
    with serving(place / "log", column_mapping="correct=accuracy_reward>=1") as found:
        yield found


def test_names_of_columns_are_written_out_wherever_they_are_shown(columns):
    """Texts of rollouts alone are as they are: there they are what one wants to see."""
    views = columns.ask("/api/runs/log").json["views"]
    places = [f"/api/runs/log/views/{view}" for view in views] + [
        f"/api/runs/log/figures/{view}" for view in views
    ]
    places += [
        "/api/runs",
        *(f"/api/runs/log{one}" for one in ("", "/headlines", "/problems", "/rollouts", "/search?words=a")),
    ]
    shown = []
    for place in places:
        answer = columns.ask(place)
        assert answer.status == 200, place
        said = [answer.body.decode()] if "/figures/" in place else strings(answer.json)
        assert not [one for one in said if RAW.search(one)], place
        shown += said
    page = columns.ask("/api/runs/log/page?texts=false").body.decode()
    data = page.partition('id="conet-data">')[2].partition("</script>")[0]
    assert not [one for one in strings(json.loads(data)) if RAW.search(one)]
    assert any("bad\\u202e\\u001b[31m\\n_reward" in one for one in shown)


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in OPERATIONS])
def test_nothing_is_answered_to_a_foreign_host_or_page(server, method, path):
    own = f"127.0.0.1:{server.port}"
    body = {} if method == "POST" else None
    for host in ("evil.example", f"evil.example:{server.port}", "127.0.0.1.evil.example", "", "[::1]"):
        given = server.ask(filled(path, "run"), method, body, Host=host, x_conet_token=server.token)
        assert given.status == 403
    for origin in ("http://evil.example", "null", f"https://{own}"):
        given = server.ask(
            filled(path, "run"), method, body, Host=own, Origin=origin, x_conet_token=server.token
        )
        assert given.status == 403


@pytest.mark.parametrize("path", [path for method, path, _ in OPERATIONS if method == "POST"])
@pytest.mark.parametrize("token", [None, "", "wrong", "\u00e9", "a" * 5000])
def test_no_action_without_the_token(server, path, token):
    given = {} if token is None else {"x_conet_token": token}
    assert server.ask(filled(path, "run"), "POST", {"action": "stop"}, **given).status in (401, 403)
    query = f"?token={quote(token or '')}"
    assert server.ask(filled(path, "run") + query, "POST", {"action": "stop"}).status in (401, 403)


@pytest.mark.parametrize(
    "body", [None, [], 1, "x", {}, {"action": HTML}, {"action": "heat", "value": "1"}, {"seed": -1}]
)
def test_a_body_that_is_none_is_refused(server, body):
    for method, path, _ in OPERATIONS:
        if method == "POST" and "{name}" in path:
            given = {"x_conet_token": server.token, "content_type": "application/json"}
            answer = server.ask(filled(path, "run"), "POST", body, **given)
            assert answer.status in (404, 409, 422)
            assert not RAW.search(answer.body.decode())


# Without texts -----------------------------------------------------------------------------------------------

SECRET = re.compile(rb"PROMPT|COMPLETION|GOLD|onerror")


def test_without_texts_no_address_has_any(runs):
    with serving(runs / "log", texts=False) as server:
        seen = server.ask("/api/runs/log").json
        assert not seen["texts"]
        for path, known in READ:
            views = seen["views"] if "{view}" in path else [""]
            for view in views:
                place = path.replace("{name}", "log").replace("{view}", view).replace("{node}", "3")
                answer = server.ask(f"{place}?{needed(known, '').lstrip('&')}")
                assert not SECRET.search(answer.body), place
        assert server.ask("/api/runs/log/texts?index=0").status == 409
        assert server.ask("/api/runs/log/search?words=COMPLETION").status == 409
        assert "--no-text" in server.ask("/api/runs/log/texts?index=0").json["remedy"]
        assert server.ask("/api/runs/log/rollouts").json["total"] == 8 * 4 * 4
        names = {row["name"] for row in server.ask("/api/runs/log/problems").json["rows"]}
        assert all(re.fullmatch("problem [0-9a-f]{12}", name) for name in names)
        assert len(names) == 4


def test_without_texts_a_saved_page_has_none(runs, tmp_path):
    main(["serve", str(runs / "log"), "--export", str(tmp_path / "page.html"), "--no-text"])
    data = (tmp_path / "page.html").read_bytes().partition(b'id="conet-data">')[2].partition(b"</script>")[0]
    assert not SECRET.search(data)
    assert len(json.loads(data)["api/runs/log/problems"]["rows"]) == 4
    with serving(runs / "log") as server:
        page = server.ask("/api/runs/log/page?texts=false").body.partition(b'id="conet-data">')[2]
        assert not SECRET.search(page.partition(b"</script>")[0])
        assert b"PROMPT" in server.ask("/api/runs/log/problems").body


def test_what_cannot_be_read_for_a_saved_page_is_said(runs, tmp_path, monkeypatch, capsys):
    whole, short = tmp_path / "whole.html", tmp_path / "short.html"
    places = [str(runs / "run"), str(runs / "log")]
    main(["serve", *places, "--export", str(whole)])
    assert "incomplete" not in whole.read_text().partition("<script")[0] + capsys.readouterr().err

    def full(*_):
        raise OSError(28, "No space left on <device>")

    monkeypatch.setattr("conet.serve.saved.problem_map", full)
    main(["serve", *places, "--export", str(short)])
    said = capsys.readouterr().err.splitlines()
    assert len([line for line in said if "incomplete" in line and "problems" in line]) == len(said) > 0
    note = short.read_text().partition("<script")[0]
    assert "incomplete" in note
    assert "No space left on &lt;device&gt;" in note
