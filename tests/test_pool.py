"""The pool of completions: on disk and in memory it chooses alike, also after going back to a checkpoint."""

import json
import shutil

import numpy as np
import pytest

from conet.base.errors import ConetError
from conet.rollouts.pool import Pool, Rollout
from conet.rollouts.token_store import InMemory, OnDisk, Tokens


def drawn(step: int, problems: int = 6, group: int = 4) -> list[Rollout]:
    """Rollouts of a step: some correct, some cut off, some with what a tool wrote."""
    rng = np.random.default_rng(step)
    found = []
    for problem in rng.choice(problems, 3, replace=False):
        for _ in range(group):
            tokens = rng.integers(0, 150_000, rng.integers(1, 9)).tolist()
            own = rng.integers(0, 2, len(tokens)).tolist() if rng.random() < 0.3 else None
            reward, cut = float(rng.random() < 0.3), bool(rng.random() < 0.2)
            found.append(Rollout(int(problem), reward, tokens, "", cut, prompt=[7, int(problem)], own=own))
    return found


@pytest.mark.parametrize("pick", ["shortest", "first", "newest", "random"])
def test_what_is_kept_for_one_rule_gives_what_keeping_all_gives(pick, tmp_path):
    whole, lean = Pool(10), Pool(10, {pick}, OnDisk(tmp_path / "pool"))
    for step in range(40):
        for pool in (whole, lean):
            pool.add(step, drawn(step))
        if step % 5 == 0:
            assert lean.demonstrations(0.9, 4, pick) == whole.demonstrations(0.9, 4, pick)
    assert whole.demonstrations(0.9, 4, pick)
    assert {int(path.stem[5:]) for path in (tmp_path / "pool").iterdir()} <= set(range(30, 40))
    assert all(len(kept) < 10 for kept in lean.kept.values())
    if pick != "random":
        assert sum(map(len, lean.kept.values())) < sum(map(len, whole.kept.values()))


def test_going_back_to_a_checkpoint_gives_the_same_pool(tmp_path):
    live, saved = tmp_path / "pool", tmp_path / "checkpoint/pool"
    pool = Pool(10, {"shortest"}, OnDisk(live))
    for step in range(20):
        pool.add(step, drawn(step))
    pool.store.save(saved)
    kept = json.loads(json.dumps(pool.state()))
    assert "tokens" not in json.dumps(kept["kept"])
    before = pool.demonstrations(0.9, 4, "shortest")
    first = next(iter(saved.iterdir()))
    assert first.stat().st_ino == (live / first.name).stat().st_ino  # a second name, not a copy
    for step in range(20, 35):  # goes on, and drops all that the checkpoint needs; then it is killed
        pool.add(step, drawn(step))
    again = Pool(10, {"shortest"}, OnDisk(live))
    again.store.load(saved)
    again.load(kept)
    assert again.demonstrations(0.9, 4, "shortest") == before
    for step in range(20, 35):
        again.add(step, drawn(step))
    assert again.demonstrations(0.9, 4, "shortest") == pool.demonstrations(0.9, 4, "shortest")
    assert again.state() == pool.state()


def test_a_pool_in_memory_has_all_in_its_state():
    pool, again = Pool(10), Pool(10)
    for step in range(12):
        pool.add(step, drawn(step))
    again.load(json.loads(json.dumps(pool.state())))
    assert again.demonstrations(0.9, 4, "first") == pool.demonstrations(0.9, 4, "first")


@pytest.mark.parametrize("store", ["memory", "disk"])
def test_tokens_come_back_as_they_were(store, tmp_path):
    kept = InMemory() if store == "memory" else OnDisk(tmp_path)
    found = [Tokens([1, 2], [151_000, 3], [1, 0]), Tokens(None, [4]), Tokens([5], [6, 7, 8])]
    places = kept.add(3, found)
    assert [kept.read(3, place) for place in places] == found
    kept.forget(4)
    with pytest.raises((ConetError, KeyError)):
        kept.read(3, places[0])


def test_a_damaged_file_is_one_line(tmp_path):
    store = OnDisk(tmp_path)
    (place,) = store.add(0, [Tokens([1], [2, 3])])
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ConetError, match="ends too early"):
        store.read(0, place)


def test_where_there_are_no_links_files_are_copied(tmp_path, monkeypatch):
    store = OnDisk(tmp_path / "pool")
    (place,) = store.add(0, [Tokens([1], [2, 3])])
    monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(OSError("no links")))
    store.save(tmp_path / "saved")
    shutil.rmtree(tmp_path / "pool")
    store.load(tmp_path / "saved")
    assert store.read(0, place).completion == [2, 3]
