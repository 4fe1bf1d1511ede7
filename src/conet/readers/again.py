"""Reading the texts of some rollouts again, from the files that they came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.errors import ConetError
from conet.readers.base import Reader
from conet.readers.memory import bounded
from conet.readers.recognise import format_of
from conet.readers.texts import as_token_ids, pick, token_id_columns
from conet.rollouts import RolloutRecord
from conet.rollouts.record import TokenIds

if TYPE_CHECKING:
    import polars

WALKS = "walks have no texts: name a run of a language model"  # of a table of `conet run`


@dataclass(frozen=True, kw_only=True)
class Again:
    """How the files of a record are read again.

    Attributes
    ----------
    reader : Reader
        Which read them.
    columns : mapping of str to str
        Column of each role.
    all_columns : tuple of str
        That the files have.
    memory : float or None
        GiB that reading may take; 2 where absent.
    lines : mapping of int to numpy.ndarray
        Of some files, by their place in the record: the byte at which the line of each row begins, int64.
    """

    reader: Reader
    columns: Mapping[str, str]
    all_columns: tuple[str, ...]
    memory: float | None = None
    lines: Mapping[int, np.ndarray] = field(default_factory=dict)

    def texts(
        self,
        record: RolloutRecord,
        rows: "polars.DataFrame",
        roles: tuple[str, str] = ("prompt", "completion"),
    ) -> list[tuple[Any, Any]]:
        """Read prompts and completions of some rows; see :meth:`RolloutRecord.texts`."""
        missing = "prompt" in roles and "prompt" not in self.columns
        asked = self.reader.prompts(record.path) if missing else {}
        for role in roles:
            if role not in self.columns and not (role == "prompt" and asked):
                raise ConetError(
                    f"{record.path} without {role}s",
                    " and ".join(f"{one}s" for one in dict.fromkeys(roles)),
                    WALKS if self.reader.name == "conet" else f"name them with --map {role}=COLUMN",
                )
        if asked:  # the format keeps once what was asked, and not in every row
            titles, column = self.reader.titles(record.path), self.columns["completion"]
            named = {titles.get(number, number): prompt for number, prompt in asked.items()}
            answers = self._read(record, rows, [column, column])
            return [
                (named.get(record.names[problem]), text)
                for problem, (_, text) in zip(rows["problem"], answers)
            ]
        return self._read(record, rows, [self.columns[role] for role in roles])

    def token_ids(self, record: RolloutRecord, rows: "polars.DataFrame") -> TokenIds | None:
        """Read token ids of some rows; see :meth:`RolloutRecord.token_ids`."""
        columns = token_id_columns(self.all_columns)
        return None if columns is None else as_token_ids(self._read(record, rows, columns))

    def _read(
        self, record: RolloutRecord, rows: "polars.DataFrame", columns: list[str]
    ) -> list[tuple[Any, Any]]:
        """Read two columns of some rows."""
        wanted: dict[int, set[int]] = {}
        places = list(rows.select("file", "row").iter_rows())
        for file, row in places:
            wanted.setdefault(file, set()).add(row)
        source = format_of(self.reader)
        with bounded(self.memory):
            found = {
                file: pick(source, record.files[file], columns, chosen, self.lines.get(file))
                for file, chosen in wanted.items()
            }
        return [found[file][row] for file, row in places]
