"""``python -m tests.parity [FILE…]``: run all comparisons, the slow ones too, and write what they found into a table.

That is ``RESULTS.md``. With files, only those are run, and lines of others stay as they are. Nothing is written where a
comparison fails.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from tests.parity.records import VARIABLE, Record, read_records

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "RESULTS.md"
HEAD = """# Agreement with the reference, task by task

Written by `python -m tests.parity`. The reference of a task is `transformers.pipeline` in the export toolchain where
there is one, else the bare torch model with the formula that the test states; graphs are Optimum's, in fp32. Tiny
checkpoints are random but seeded, so they prove the mechanics; names with a slash are real ones.

| task | architecture | cases | agreement | why not more |
|---|---|---|---|---|
"""


def main(*files: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "records"
        os.environ[VARIABLE] = str(lines)
        status = pytest.main([*(files or (str(FOLDER),)), "-q", "-m", "slow or not slow"])
        found = read_records(lines)
    if status == 0:
        write(found, keep=bool(files))
    return int(status)


def write(found: list[Record], *, keep: bool) -> None:
    """With ``keep`` what is known of others stays."""
    known = {(item.task, item.architecture) for item in found}
    others = [item for item in written() if (item.task, item.architecture) not in known] if keep else []
    rows = [
        f"| {item.task} | {item.architecture} | {item.cases} | {item.agreement} | {item.note} |\n"
        for item in sorted([*found, *others], key=lambda item: (item.task, item.architecture))
    ]
    RESULTS.write_text(HEAD + "".join(rows), "utf-8")


def written() -> list[Record]:
    """The lines of the table as it is."""
    rows = RESULTS.read_text("utf-8").split("|---|---|---|---|---|\n", 1)[1].splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return [Record(task, name, int(cases), agreement, note) for task, name, cases, agreement, note in cells]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
