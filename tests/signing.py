"""For tests that change a run by hand and want it to be taken as it then is."""

import json
from pathlib import Path

from conet.base.files import digest_of
from conet.base.journal import Journal, read


def sign_again(path: Path) -> None:
    """Write the digests of a run anew, of the files that are there."""
    names = dict.fromkeys(row["name"] for row in read(path / "digests.jsonl"))
    rows = [{"name": name, "sha256": digest_of(path / name)} for name in names if (path / name).exists()]
    journal = Journal(path / "digests.jsonl")
    journal.start(rows)
    journal.close()


def unsign(path: Path) -> None:
    """Make a run one without digests, as version 0.1 left them."""
    (path / "digests.jsonl").unlink()
    provenance = path / "provenance.json"
    kept = {key: value for key, value in json.loads(provenance.read_text()).items() if key != "digests"}
    provenance.write_text(json.dumps(kept))
