"""``python -m tests.parity``: run all comparisons, the slow ones too, and write what they found to ``RESULTS.md``."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from tests.parity.records import VARIABLE, read_records

FOLDER = Path(__file__).parent
HEAD = """# Agreement with the reference, task by task

Written by `python -m tests.parity`. The reference of a task is `transformers.pipeline` in the export toolchain where
there is one, else the bare torch model with the formula that the test states; graphs are Optimum's, in fp32. Tiny
checkpoints are random but seeded, so they prove the mechanics; names with a slash are real ones.

| task | architecture | cases | agreement | why not more |
|---|---|---|---|---|
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "records"
        os.environ[VARIABLE] = str(lines)
        status = pytest.main([str(FOLDER), "-q", "-m", "slow or not slow"])
        rows = [
            f"| {item.task} | {item.architecture} | {item.cases} | {item.agreement} | {item.note} |\n"
            for item in read_records(lines)
        ]
    if status == 0:
        (FOLDER / "RESULTS.md").write_text(HEAD + "".join(rows), "utf-8")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
