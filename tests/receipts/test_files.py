"""Receipts on disk: what is written is read again, and what a stranger wrote is checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.receipts.made import agreed, receipt, row
from workbench.receipts.files import newest_receipt, read_receipts, write_receipt
from workbench.receipts.receipt import Receipt, receipt_json

WHOLE = receipt(
    row("fp32", 900, 0.2), row("int8", 300, 0.1, agreed(0.99, 2, perplexity=3.5)), created="2026-11-29T10:00:00+00:00"
)


def rewritten(folder: Path, change: Callable[[Any], None]) -> None:
    path = write_receipt(folder, WHOLE)
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document), "utf-8")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = write_receipt(tmp_path / "receipts", WHOLE)
    assert path.name.startswith("20261129T100000Z-")
    assert read_receipts(tmp_path / "receipts").receipts == (WHOLE,)
    assert newest_receipt(tmp_path / "receipts") == WHOLE


def test_the_newest_comes_first(tmp_path: Path) -> None:
    times = ("2026-11-29T10:00:00.250+00:00", "2026-11-29T10:00:00.500+00:00", "2027-01-01T00:00:00.000+00:00")
    for created in (times[1], times[2], times[0]):
        write_receipt(tmp_path, receipt(row("fp32", 1, 1), created=created))
    assert [item.created for item in read_receipts(tmp_path).receipts] == [*reversed(times)]
    newest = newest_receipt(tmp_path)
    assert newest is not None
    assert newest.created == times[2]


def test_no_folder_is_no_receipt(tmp_path: Path) -> None:
    assert read_receipts(tmp_path / "none").receipts == ()
    assert newest_receipt(tmp_path / "none") is None


BROKEN: dict[str, Callable[[Any], None]] = {
    "no schema": lambda document: document.pop("schema"),
    "a text for a number": lambda document: document["rows"][0].update(bytes="many"),
    "no number": lambda document: document["rows"][0]["speed"].update(median_s=float("nan")),
    "too large a number": lambda document: document["rows"][0]["agreement"].update(mean=1e301),
    "an unknown reference": lambda document: document.update(reference="a friend"),
    "a row that is none": lambda document: document.update(rows=[7]),
    "an error without a message": lambda document: document["rows"][0].update(error={"code": "x", "arguments": {}}),
    "half a character": lambda document: document.update(repo_id="\ud800"),
    "a long text": lambda document: document.update(recommended="x" * 20_000),
    "something missing": lambda document: document.pop("machine"),
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_a_broken_one_is_told_and_hides_no_other(tmp_path: Path, change: Callable[[Any], None]) -> None:
    rewritten(tmp_path, change)
    other = receipt(row("fp32", 1, 1), created="2026-01-01T00:00:00.000+00:00")
    write_receipt(tmp_path, other)
    stored = read_receipts(tmp_path)
    assert stored.receipts == (other,)
    assert [warning.code for warning in stored.warnings] == ["receipt-broken"]
    assert newest_receipt(tmp_path) == other


def test_one_of_a_newer_workbench_is_told(tmp_path: Path) -> None:
    rewritten(tmp_path, lambda document: document.update(schema=2))
    (warning,) = read_receipts(tmp_path).warnings
    assert warning.code == "receipt-newer"
    assert (warning.arguments["schema"], warning.arguments["known"]) == (2, 1)


def test_what_is_no_plain_file_is_not_read(tmp_path: Path) -> None:
    path = write_receipt(tmp_path / "elsewhere", WHOLE)
    (tmp_path / "receipts").mkdir()
    (tmp_path / "receipts" / path.name).symlink_to(path)
    (tmp_path / "receipts" / "20261130T100000Z-00000000.json").mkdir()
    (tmp_path / "receipts" / "notes.json").write_text("{}")
    stored = read_receipts(tmp_path / "receipts")
    assert stored.receipts == ()
    assert [warning.code for warning in stored.warnings] == ["receipt-broken"] * 2


def test_fields_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    rewritten(tmp_path, lambda document: document["machine"].update(colour="grey"))
    assert read_receipts(tmp_path).receipts == (WHOLE,)


def test_the_schema_stands_first() -> None:
    assert next(iter(receipt_json(WHOLE))) == "schema"
    assert isinstance(WHOLE, Receipt)
