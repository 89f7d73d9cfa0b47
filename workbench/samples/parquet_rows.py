"""``python -m workbench.samples.parquet_rows``: the columns of a Parquet file, or rows of some of them, as JSON lines.

Asked by :mod:`workbench.samples.rows` with ``{"path", "columns", "limit"}`` on stdin: without columns one line with
their names, else one object a row. A process of its own, since pyarrow is native code and the file may be anyone's.
What cannot be said in JSON, such as the bytes in a picture's object, becomes null. Exit status 1 with one line on
stderr for a file that cannot be read.
"""

from __future__ import annotations

import json
import sys
from typing import Any

__all__ = ["main"]

# One text that is repeated takes little of a file, and all of its length in each row of a batch.
BATCH_ROWS = 64
MAX_CHARACTERS = 64 << 20


def main() -> int:
    """Answer one question."""
    asked = json.load(sys.stdin)
    try:
        for line in _answers(asked["path"], asked["columns"], asked["limit"]):
            sys.stdout.write(line + "\n")
    except Exception as error:  # pyarrow has its own classes for every kind of damage
        sys.stderr.write((str(error).strip().splitlines() or [type(error).__name__])[0] + "\n")
        return 1
    return 0


def _answers(path: str, columns: list[str], limit: int) -> Any:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        if not columns:
            yield json.dumps(file.schema_arrow.names)
            return
        rows = characters = 0
        for batch in file.iter_batches(BATCH_ROWS, columns=columns):
            for row in batch.to_pylist():
                line = json.dumps({name: _plain(row[name]) for name in columns})
                rows, characters = rows + 1, characters + len(line)
                yield line
                if rows >= limit or characters >= MAX_CHARACTERS:
                    return


def _plain(value: Any) -> Any:
    """The value as JSON can say it. The hub's pictures and sounds are ``{"bytes", "path"}``."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: None if isinstance(item, bytes) else _plain(item) for name, item in value.items()}
    if isinstance(value, bytes):  # a text whose writer did not say that it is one, or what is not UTF-8
        return value.decode("utf-8", "surrogateescape")
    return value if isinstance(value, (str, int, float, bool)) else None


if __name__ == "__main__":
    sys.exit(main())
