"""The rows of a user's file of samples: lines of text, CSV and TSV, JSON and JSON lines, Parquet.

Text formats are read with the standard library alone, Parquet by a process of its own
(:mod:`workbench.samples.parquet_rows`), because its decoder is native code and the file may be anyone's.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from workbench.children import module_command
from workbench.errors import InputError
from workbench.file_kinds import HEAD_BYTES, kind_of_head

__all__ = ["Row", "Rows", "read_rows"]

# What lies behind so many rows, or so many characters, has no part.
MAX_ROWS = 100_000
MAX_CHARACTERS = 64 << 20
DELIMITERS = (",", ";", "\t", "|")
BLANK = " \r\n" + "".join(DELIMITERS)
# Of columns that are told to a user, so many, and so many characters of each.
MAX_SHOWN, MAX_SHOWN_NAME = 20, 60
NO_OBJECT = "it is no object with columns"
PARQUET_MAGIC = b"PAR1"
JSON_LINES = frozenset({".jsonl", ".ndjson"})
TABLES = frozenset({".csv", ".tsv"})
LINES = frozenset({".txt", ".md", ".text"})


@dataclass(frozen=True)
class Row:
    """One sample as the file has it. ``name`` tells a user where it stands."""

    name: str
    value: Any


@dataclass
class Rows:
    """The rows in their order, and those that could not even be taken apart, each with the reason."""

    rows: list[Row] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    characters: int = 0

    def add(self, name: str, value: Any) -> bool:
        """Keep a row; whether there is room for more."""
        self.rows.append(Row(name, value))
        self.characters += len(value) if isinstance(value, str) else len(str(value))
        return len(self.rows) < MAX_ROWS and self.characters < MAX_CHARACTERS


def read_rows(path: Path, column: str | None, fields: Sequence[str], usual: Sequence[str]) -> Rows:
    """All rows of a regular file, at most :data:`MAX_ROWS`.

    ``column`` names the one that holds the inputs. Without it a row has those of ``fields`` that are columns, if the
    first of them are; else the first of the ``usual`` names that is a column; else the only column. A row of JSON is
    passed on as it is. Raises InputError: a file that cannot be read, or is of no such format, a column it lacks.
    """
    suffix = path.suffix.lower()
    head = _head(path)
    if suffix == ".parquet" or head.startswith(PARQUET_MAGIC):
        return _parquet(path, column, fields, usual)
    if kind_of_head(head) in ("image", "audio") or (head and b"\0" in head and not _is_utf16(head)):
        raise InputError("samples-format", file=path)
    try:
        if suffix in TABLES:
            return _table(path, _encoding(head), column, fields, usual)
        if suffix == ".json":
            return _json(path, _encoding(head), column)
        if suffix in JSON_LINES:
            return _json_lines(path, _encoding(head), column)
        return _lines(path, _encoding(head), column)
    except OSError as error:
        raise InputError("input-unreadable", file=path, reason=error.strerror or error) from error


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD_BYTES)
    except OSError as error:
        raise InputError("input-unreadable", file=path, reason=error.strerror or error) from error


def _is_utf16(head: bytes) -> bool:
    return head[:2] in (b"\xff\xfe", b"\xfe\xff") and head[2:4] != b"\0\0"  # which is UTF-32


def _encoding(head: bytes) -> str:
    return "utf-16" if _is_utf16(head) else "utf-8-sig"


def _open(path: Path, encoding: str, newline: str | None = None) -> IO[str]:
    # What is not UTF-8 becomes half surrogates, by which the row is known and passed over.
    return path.open(
        encoding=encoding, errors="replace" if encoding == "utf-16" else "surrogateescape", newline=newline
    )


def _lines(path: Path, encoding: str, column: str | None) -> Rows:
    if column is not None:
        raise InputError("samples-no-columns", path=path, column=column)
    found = Rows()
    with _open(path, encoding) as stream:
        for number, line in enumerate(stream, 1):
            if line.strip() and not found.add(f"line {number}", line.strip()):
                break
    return found


def _table(path: Path, encoding: str, column: str | None, fields: Sequence[str], usual: Sequence[str]) -> Rows:
    found = Rows()
    with _open(path, encoding, newline="") as stream:
        first = next((line for line in iter(stream.readline, "") if line.strip(BLANK)), "")
        stream.seek(0)
        delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(first)
        reader = csv.reader(stream, delimiter=delimiter)
        numbered = _table_rows(reader, found)
        header = next((row for row in numbered if any(cell.strip(BLANK) for cell in row[1])), None)
        if header is None:
            return found
        columns = [name.strip() for name in header[1]]
        chosen = choose_columns(path, columns, column, fields, usual)
        for number, row in numbered:
            if not row:
                continue
            cells = {name: row[columns.index(name)] for name in chosen if columns.index(name) < len(row)}
            if len(cells) < len(chosen):
                found.broken.append((f"line {number}", f"it has {len(row)} columns, the header {len(columns)}"))
            elif not found.add(f"line {number}", _cells(cells, column, fields)):
                break
    return found


def _table_rows(reader: Any, found: Rows) -> Iterator[tuple[int, list[str]]]:
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # a cell of more than 128 KiB, which most often is a quote that nobody closed
            found.broken.append((f"line {reader.line_num}", str(error)))
            continue
        yield reader.line_num, row


def _delimiter(header: str) -> str:
    """The sign that makes the most columns of the header; a comma where none makes more than one."""

    def columns(sign: str) -> int:
        try:
            return len(next(csv.reader([header], delimiter=sign), []))
        except csv.Error:
            return 0

    return max(DELIMITERS, key=columns)


def choose_columns(
    path: Path, columns: Sequence[str], column: str | None, fields: Sequence[str], usual: Sequence[str]
) -> tuple[str, ...]:
    """The columns that make a sample, see :func:`read_rows`. Raises InputError."""
    shown = _shown(columns)
    if column is not None:
        if column not in columns:
            raise InputError("samples-no-column", file=path, column=column, columns=shown)
        return (column,)
    if len(fields) > 1 and fields[0] in columns:
        present = tuple(name for name in fields if name in columns)
        if len(present) > 1:
            return present
    if named := next((name for name in usual if name in columns), None):
        return (named,)
    if len(columns) == 1:
        return (columns[0],)
    raise InputError("samples-which-column", file=path, columns=shown)


def _shown(columns: Sequence[str]) -> str:
    more = ", …" if len(columns) > MAX_SHOWN else ""
    return ", ".join(name[:MAX_SHOWN_NAME] for name in columns[:MAX_SHOWN]) + more or "none"


def _cells(cells: dict[str, Any], column: str | None, fields: Sequence[str]) -> Any:
    if len(cells) == 1 and (column is not None or len(fields) <= 1 or not set(cells) & set(fields[1:])):
        return next(iter(cells.values()))
    return cells


def _json_lines(path: Path, encoding: str, column: str | None) -> Rows:
    found = Rows()
    with _open(path, encoding) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                found.broken.append((f"line {number}", f"no JSON: {error}"))
                continue
            if not _add_json(found, f"line {number}", value, column):
                break
    return _with_columns(found, path, column)


def _json(path: Path, encoding: str, column: str | None) -> Rows:
    with _open(path, encoding) as stream:
        text = stream.read(MAX_CHARACTERS + 1)
    if len(text) > MAX_CHARACTERS:
        raise InputError("input-too-large", file=path, limit_mib=MAX_CHARACTERS >> 20)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("input-unreadable", file=path, reason=f"no JSON: {error}") from error
    found = Rows()
    for number, item in enumerate(value if isinstance(value, list) else [value], 1):
        if not _add_json(found, f"entry {number}", item, column):
            break
    return _with_columns(found, path, column)


def _add_json(found: Rows, name: str, value: Any, column: str | None) -> bool:
    if column is None:
        return found.add(name, value)
    if not isinstance(value, dict):
        found.broken.append((name, NO_OBJECT))
        return True
    if column not in value:
        found.broken.append((name, f"it has no {column!r}; it has {_shown(list(value))}"))
        return True
    return found.add(name, value[column])


def _with_columns(found: Rows, path: Path, column: str | None) -> Rows:
    """The rows of JSON. Raises InputError where a column was named and no row is an object."""
    if column is not None and not found.rows and all(reason == NO_OBJECT for _, reason in found.broken):
        raise InputError("samples-no-columns", path=path, column=column)
    return found


def _parquet(path: Path, column: str | None, fields: Sequence[str], usual: Sequence[str]) -> Rows:
    if importlib.util.find_spec("pyarrow") is None:
        raise InputError("samples-no-pyarrow", file=path)
    columns = _ask_parquet(path, [])[0]
    chosen = choose_columns(path, columns, column, fields, usual)
    found = Rows()
    for number, cells in enumerate(_ask_parquet(path, chosen), 1):
        if not found.add(f"row {number}", _cells(cells, column, fields)):
            break
    return found


def _ask_parquet(path: Path, columns: Sequence[str]) -> list[Any]:
    """Raises InputError for a file that pyarrow cannot read, or dies of."""
    asked = json.dumps({"path": os.fspath(path.absolute()), "columns": list(columns), "limit": MAX_ROWS})
    ended = subprocess.run(
        module_command("workbench.samples.parquet_rows"), input=asked.encode(), capture_output=True, check=False
    )
    if ended.returncode == 0:
        return [json.loads(line) for line in ended.stdout.splitlines()]
    said = ended.stderr.decode("utf-8", "replace").strip().splitlines()
    reason = said[-1][:300] if said else f"its reader ended with status {ended.returncode}"
    raise InputError("input-unreadable", file=path, reason=reason)
