"""A CSV that is changed cell by cell: every byte that is not changed stays as it was."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vicp.errors import DataError

_MISSING = ("", "NA", "NaN", "nan")  # text that stands for nothing, by the specification


@dataclass(eq=False)
class RawCsv:
    """The text of a CSV, in pieces.

    Attributes:
        header: The names of its columns.
        rows: Of each row its cells as they are written, quotes and all, and its line end as the last piece.
        start: The text up to the first row.
    """

    header: list[str]
    rows: list[list[str]]
    start: str

    @classmethod
    def parse(cls, data: bytes, *, name: str, delimiter: str = ",") -> "RawCsv":
        """Return the pieces of a file.

        Args:
            data: Its bytes.
            name: Of the file, for messages.
            delimiter: What stands between two cells.

        Raises:
            DataError: It is not UTF-8, a quote is not closed, or a row has more or fewer cells than the header.
        """
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{name}: not UTF-8 text (byte {error.start})") from error
        not_end = rf"[^{re.escape(delimiter)}\r\n]"
        cell = re.compile(rf'("(?:[^"]|"")*"{not_end}*|(?!"){not_end}*)({re.escape(delimiter)}|\r\n|\r|\n|\Z)')
        rows: list[list[str]] = []
        position, row = (1 if text.startswith("\ufeff") else 0), list[str]()
        first = position
        while position < len(text):
            found = cell.match(text, position)
            if found is None:
                raise DataError(f"{name}: not a CSV: the quote in row {len(rows)} is not closed")
            row.append(found[1])
            position = found.end()
            if found[2] != delimiter:
                rows.append([*row, found[2]])
                row = []
        if row:  # the file ends behind a delimiter
            rows.append([*row, "", ""])
        if not rows:
            raise DataError(f"{name}: empty, expected a header and a row per record")
        header, *records = rows
        table = cls([unquoted(value) for value in header[:-1]], [], text[:first] + delimiter.join(header[:-1]))
        table.start += header[-1]
        for number, record in enumerate(records, 1):
            if record[:-1] == [""]:
                table._append(record[-1])
            elif len(record) == len(header):
                table.rows.append(record)
            else:
                raise DataError(f"{name}: row {number} has {len(record) - 1} cells, the header has {len(header) - 1}")
        return table

    def _append(self, empty_line: str) -> None:
        """Keep an empty line behind the last row."""
        if self.rows:
            self.rows[-1][-1] += empty_line
        else:
            self.start += empty_line

    def values(self, column: str) -> list[str]:
        """Return a column, "" where nothing stands or there is no such column."""
        if column not in self.header:
            return [""] * len(self.rows)
        at = self.header.index(column)
        found = [unquoted(row[at]).strip() for row in self.rows]
        return ["" if value in _MISSING else value for value in found]

    def set(self, row: int, column: str, value: str) -> None:
        """Change one cell.

        Raises:
            KeyError: No such column.
        """
        if column not in self.header:
            raise KeyError(column)
        needs_quotes = any(sign in value for sign in ',;"\r\n\t')
        self.rows[row][self.header.index(column)] = '"' + value.replace('"', '""') + '"' if needs_quotes else value

    def to_bytes(self, delimiter: str = ",") -> bytes:
        """Return the file."""
        return (self.start + "".join(delimiter.join(row[:-1]) + row[-1] for row in self.rows)).encode()


def require(table: RawCsv, columns: Sequence[str], *, name: str) -> None:
    """Check that a table has some columns.

    Raises:
        DataError: It has not.
    """
    if missing := [column for column in columns if column not in table.header]:
        raise DataError(f"{name}: no column {', '.join(map(repr, missing))}, which Camtrap DP 1.0 has: add it")


def unquoted(cell: str) -> str:
    """Return what a cell says."""
    if len(cell) >= 2 and cell[0] == '"' and cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell
