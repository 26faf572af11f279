"""The lines of a CSV or TSV file as lists of text cells, whatever wrote it.

Cells stay text here: ``001``, ``1e5`` and ``NA`` are names of samples as often as they are values.
"""

from __future__ import annotations

import csv
import gzip
import io
import logging
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mmvae_cli.errors import DataError, InputNotFoundError

log = logging.getLogger("mmvae_cli")

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
USUAL = {".csv": ",", ".tsv": "\t", ".tab": "\t"}  # .txt promises none
MISSING = frozenset({"", "NA", "NaN", "nan", "N/A", "null", "None"})
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class Delimited:
    """How a text table is laid out.

    Attributes
    ----------
    path
        The file.
    delimiter
        What separates its cells.
    columns
        Names of the columns after the first, which holds the names of the samples.
    """

    path: Path
    delimiter: str
    columns: list[str]

    def rows(self) -> Iterator[tuple[int, str, list[str]]]:
        """Line number (from 1), name of the sample and cells of each row.

        Raises
        ------
        DataError
            If a row has another number of cells than the header, or no name.
        """
        n_cells = len(self.columns) + 1
        with reading(self.path) as text:
            reader = csv.reader(text, delimiter=self.delimiter, strict=True)
            lines = (cells for cells in reader if cells)  # blank lines are no rows
            next(lines)
            try:
                for cells in lines:
                    if len(cells) != n_cells:
                        raise DataError(
                            f"{self.path}, line {reader.line_num}: {len(cells)} cells, the header promises {n_cells}",
                            hint=f"every line needs as many cells, separated by a {DELIMITERS[self.delimiter]}",
                        )
                    if not cells[0].strip():
                        raise DataError(
                            f"{self.path}, line {reader.line_num}: no name of the sample in the first column",
                            hint="give every row a name, and remove rows that are empty",
                        )
                    yield reader.line_num, cells[0], cells[1:]
            except csv.Error as error:
                raise DataError(
                    f"{self.path}, line {reader.line_num}: {error}", hint="look for a stray quotation mark"
                ) from error
            except UnicodeDecodeError as error:
                raise _wrong_encoding(self.path, f", after line {reader.line_num}") from error


def inspect(path: Path) -> Delimited:
    """Find the delimiter and the header of a text table.

    Parameters
    ----------
    path
        The file; may be compressed with gzip.

    Raises
    ------
    InputNotFoundError
        If there is no such file, or it cannot be opened.
    DataError
        If the file is empty, not text, has a header only, or one column only.
    """
    layouts = {delimiter: _first_rows(path, delimiter) for delimiter in DELIMITERS}
    layouts = {delimiter: rows for delimiter, rows in layouts.items() if len(rows) > 1}
    if not layouts:
        raise DataError(f"{path} has no rows", hint="a table has a header line and then one line per sample")
    delimiter = _choose(layouts, path)
    header, first = layouts[delimiter]
    if len(header) + 1 == len(first) and not first[-1].strip():
        raise DataError(
            f"{path}: lines end with a {DELIMITERS[delimiter]}, the header does not",
            hint="remove the separator at the end of the lines",
        )
    # R's write.table gives the column of the row names no header
    columns = header if len(header) + 1 == len(first) else header[1:]
    usual = USUAL.get(plain_suffix(path).removesuffix(".gz"))
    if usual not in (None, delimiter):
        log.info("%s: cells are separated by a %s", path, DELIMITERS[delimiter])
    return Delimited(path, delimiter, columns)


def plain_suffix(path: Path) -> str:
    """The suffix in lower case, ``.gz`` with the one before it: ``.csv.gz``."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return "".join(suffixes[-2:]) if suffixes[-1:] == [".gz"] else "".join(suffixes[-1:])


def _first_rows(path: Path, delimiter: str) -> list[list[str]]:
    """The header and the first row as this delimiter splits them, blank lines aside; fewer where it cannot."""
    with reading(path) as text:
        try:
            rows = list(islice((cells for cells in csv.reader(text, delimiter=delimiter) if cells), 2))
        except csv.Error:  # a field beyond csv's limit: a long line that has other delimiters
            return []
        except UnicodeDecodeError as error:
            raise _wrong_encoding(path) from error
    if any("\0" in cell for row in rows for cell in row):
        raise DataError(f"{path} is not a text table", hint="save it as CSV (UTF-8)")
    return rows


def _choose(layouts: dict[str, list[list[str]]], path: Path) -> str:
    """The delimiter that splits header and first row alike; the one with most cells of several."""
    usual = USUAL.get(plain_suffix(path).removesuffix(".gz"))

    def merit(delimiter: str) -> tuple[bool, int, bool]:
        header, first = (len(row) for row in layouts[delimiter])
        fits = first - header in (0, 1) and first > 1
        return fits, max(header, first), delimiter == usual

    best = max(layouts, key=merit)
    if merit(best)[1] < 2:
        raise DataError(
            f"{path} has one column only",
            hint=f"separate cells by one of: {', '.join(DELIMITERS.values())}; the first column names the samples",
        )
    return best


@contextmanager
def reading(path: Path) -> Iterator[io.TextIOBase]:
    """Open a text file, compressed or not; a byte order mark is dropped.

    Raises
    ------
    InputNotFoundError
        If it cannot be opened.
    DataError
        If it is named .gz but is not gzip, or ends too early.
    """
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            if path.suffix.lower() == ".gz" and not compressed:
                raise DataError(f"{path} is named .gz but is not compressed with gzip", hint="rename or compress it")
            binary = gzip.GzipFile(fileobj=raw) if compressed else raw
            with io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as text:
                yield text
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputNotFoundError(f"no such file: {path}", hint="check the path") from error
    except PermissionError as error:
        raise InputNotFoundError(f"no permission to read {path}", hint="ask its owner, or copy it") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}", hint="the file may be damaged: copy it again") from error


def _wrong_encoding(path: Path, where: str = "") -> DataError:
    return DataError(f"{path} is not UTF-8 text{where}", hint="save it as CSV (UTF-8), or convert it with iconv")
