"""Receipts measured by the real engine on a tiny export whose answers are known."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engine.tiny import tiny_model
from tests.receipts.made import row, speed
from tests.receipts.tiny_export import DIFFERING, TEXTS, published
from workbench import thread_measuring
from workbench.api import Workbench
from workbench.cancellation import Cancellation
from workbench.errors import Cancelled, InputError, ModelError, ProviderError, UsageError
from workbench.library.artifacts import Artifact
from workbench.receipts import measuring
from workbench.receipts.measured_model import of_artifact
from workbench.receipts.receipt import ReceiptRow, Speed, receipt_json

pytestmark = pytest.mark.usefixtures("short")

know_threads = measuring._know_threads  # the fixture puts another in its place


@dataclass(frozen=True)
class Own:
    """A user's samples."""

    samples: tuple[Any, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    sha256: str = "1" * 64


def test_a_receipt_of_an_export(workbench: Workbench, export: Artifact) -> None:
    steps: list[dict[str, Any]] = []
    made = workbench.measure_receipt(export, on_progress=lambda body: steps.append(dict(body)))
    assert (made.repo_id, made.task, made.reference) == ("someone/tiny", "text-classification", "torch")
    assert (made.samples.kind, made.samples.count, made.samples.skipped) == ("built-in", len(TEXTS), ())
    assert [(row.precision, row.provider, row.error) for row in made.rows] == [
        ("fp32", "cpu", None),
        ("int8", "cpu", None),
    ]
    fp32, int8 = made.rows
    assert fp32.agreement is not None
    assert int8.agreement is not None
    assert (fp32.agreement.metric, fp32.agreement.mean, fp32.agreement.differing) == ("same label", 1.0, 0)
    assert (fp32.agreement.low, fp32.agreement.high, fp32.agreement.worst) == (1.0, 1.0, ())
    assert int8.agreement.differing == len(DIFFERING) == 2
    assert int8.agreement.mean == pytest.approx(0.8)
    assert 0.4 < int8.agreement.low < 0.8 < int8.agreement.high <= 1
    assert {item.input for item in int8.agreement.worst} == DIFFERING
    (first, *_) = int8.agreement.worst
    assert first.index == TEXTS.index(first.input)
    assert first.got.startswith("negative")
    assert first.wanted.startswith("positive")
    assert int8.outputs["logits"]["max_abs_diff"] == pytest.approx(4)
    assert fp32.outputs["logits"]["max_abs_diff"] == 0
    assert int8.speed is not None
    assert int8.speed.runs >= len(TEXTS)
    assert int8.speed.peak_memory_bytes > 10 << 20
    assert (int8.providers_got, int8.bytes) == (("cpu",), export.variants[1].bytes)
    assert made.recommended == "fp32"
    assert {(step["stage"], step["precision"]) for step in steps} == {
        ("time", "fp32"),
        ("verify", "fp32"),
        ("time", "int8"),
        ("verify", "int8"),
    }
    assert workbench.receipts(export) == (made,)
    assert workbench.recommended(export) == "fp32"  # the manifest alone says int8
    text = json.dumps(receipt_json(made))
    assert str(Path.home()) not in text
    assert os.uname().nodename not in text


def test_a_variant_that_cannot_be_loaded_has_its_error_and_the_others_go_on(
    workbench: Workbench, export: Artifact
) -> None:
    (export.folder / "onnx" / "model_int8.onnx").write_bytes(b"this is no graph")
    broken = published(export.folder)
    made = workbench.measure_receipt(broken)
    fp32, int8 = made.rows
    assert fp32.error is None
    assert int8.error is not None
    assert int8.error["code"] == "model-graph-unreadable"
    assert int8.agreement is None
    assert made.recommended == "fp32"
    assert "could not be measured" in str(workbench.verdicts(made)[1])
    assert workbench.receipts(broken) == (made,)
    # One that says nothing does not stand before it.
    nothing = workbench.new_receipt(workbench.measured_model(broken.id), precisions=("int8",))
    assert [row.error is None for row in nothing.receipt.rows] == [False]
    assert nothing.file is None
    assert workbench.receipts(broken) == (made,)


def test_files_that_were_changed_are_not_measured(workbench: Workbench, export: Artifact) -> None:
    graph = export.folder / "onnx" / "model_int8.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelError) as caught:
        workbench.measure_receipt(export)
    assert caught.value.code == "artifact-changed"
    assert caught.value.arguments["file"] == str(graph)
    assert workbench.receipts(export) == ()


def test_threads_are_known_before_rows_are_measured_with_them(
    workbench: Workbench, export: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_know_threads", know_threads)
    monkeypatch.setattr(thread_measuring, "RUNNING_S", 0.05)
    monkeypatch.setattr(thread_measuring, "candidates", lambda: (1, 2))
    rows = workbench.measure_receipt(export).rows
    counts = [row.speed.threads for row in rows if row.speed]
    assert len(counts) == 2
    assert set(counts) <= {1, 2}
    for precision, count in zip(("fp32", "int8"), counts, strict=True):
        assert workbench.target(export.id, precision=precision).choice.threads == count  # as a run has it
        assert workbench.target(export.id, precision=precision, threads=0).choice.threads == 0
    workbench.change_setting("threads", "3")
    (row,) = workbench.new_receipt(of_artifact(export), precisions=["int8"]).receipt.rows
    assert row.speed is not None
    assert row.speed.threads == 3


def test_a_variant_that_brings_the_engine_down(
    workbench: Workbench, export: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine of this variant is ended while it is compared."""
    call = measuring.EngineHost.call

    def killing(host: Any, method: str, body: Any, **more: Any) -> Any:
        if method == "verify" and "int8" in body["model"]["name"]:
            os.kill(host.pid, 9)
        return call(host, method, body, **more)

    monkeypatch.setattr(measuring.EngineHost, "call", killing)
    fp32, int8 = workbench.measure_receipt(export).rows
    assert fp32.error is None
    assert int8.error is None or int8.error["code"] == "engine-stopped"
    if int8.error is None:  # its end was seen before the request, which then went to a new engine
        assert int8.agreement is not None
    assert int8.speed is not None


def test_one_that_seems_slower_is_timed_once_more() -> None:
    asked: list[str] = []

    def again(row: ReceiptRow) -> Speed | None:
        asked.append(row.precision)
        return {"int8": speed(0.06), "q4": speed(0.9)}.get(row.precision)

    rows = [row("fp32", 900, 0.1), row("fp16", 450, 0.105), row("int8", 300, 0.3), row("q4", 100, 0.5), row("q8", 1, 2)]
    found = [measuring._confirmed(item, rows, again) for item in rows]
    assert [item.median_s for item in found if item] == [0.1, 0.105, 0.06, 0.5, 2]
    assert asked == ["int8", "q4", "q8"]


def test_own_samples_without_the_checkpoint_are_compared_with_fp32(workbench: Workbench, export: Artifact) -> None:
    own = Own(("fine", "good", 7, "bad fine"), (("row 9", "it is empty"),))
    made = workbench.new_receipt(of_artifact(export), samples=own)
    assert made.receipt.reference == "fp32"
    assert [warning.code for warning in made.warnings] == ["receipt-without-checkpoint"]
    assert (made.receipt.samples.kind, made.receipt.samples.count) == ("own", 3)
    assert made.receipt.samples.sha256 == own.sha256
    (empty, unreadable) = made.receipt.samples.skipped
    assert empty == ("row 9", "it is empty")
    assert unreadable[0] == "7"
    _, int8 = made.receipt.rows
    assert int8.agreement is not None
    assert [item.input for item in int8.agreement.worst] == ["fine"]
    added = {path.parent.name for path in export.folder.rglob("*") if path.is_file()}
    assert added == {export.folder.name, "onnx", "reference", "receipts"}


def test_own_samples_of_which_none_can_be_read(workbench: Workbench, export: Artifact) -> None:
    with pytest.raises(InputError):
        workbench.measure_receipt(export, samples=Own((7, 8)))
    with pytest.raises(UsageError) as caught:
        workbench.measure_receipt(export, samples=Own(()))
    assert caught.value.code == "receipt-no-samples"
    assert workbench.receipts(export) == ()


def test_graphs_that_came_with_a_model(workbench: Workbench, tmp_path: Path) -> None:
    """No answers of a checkpoint are there: fp32 answers, and nothing is written where the model lies."""
    folder = tmp_path / "theirs"
    tiny_model(folder)
    before = sorted(folder.rglob("*"))
    model = workbench.measured_model(str(folder), task="text-classification")
    made = workbench.new_receipt(model)
    assert made.receipt.reference == "fp32"
    assert made.file is not None
    assert made.file.is_relative_to(Path(os.environ["WORKBENCH_DATA_DIR"]))
    (row,) = made.receipt.rows
    assert row.agreement is not None
    assert row.agreement.mean == 1.0
    assert row.agreement.samples > 20
    assert workbench.stored_receipts(model).receipts == (made.receipt,)
    assert sorted(folder.rglob("*")) == before


def test_what_has_neither_answers_nor_fp32_cannot_be_measured(workbench: Workbench, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    tiny_model(folder)
    shutil.move(folder / "onnx" / "model.onnx", folder / "onnx" / "model_int8.onnx")
    with pytest.raises(ModelError) as caught:
        workbench.new_receipt(workbench.measured_model(str(folder), task="text-classification"))
    assert caught.value.code == "receipt-no-reference"


def test_a_receipt_that_cannot_be_written_is_shown_all_the_same(workbench: Workbench, export: Artifact) -> None:
    (export.folder / "receipts").write_text("a file in the way")
    made = workbench.new_receipt(of_artifact(export))
    assert made.file is None
    assert [warning.code for warning in made.warnings] == ["receipt-not-written"]
    assert len(made.receipt.rows) == 2


def test_only_what_is_asked_for(workbench: Workbench, export: Artifact) -> None:
    model = of_artifact(export)
    made = workbench.new_receipt(model, precisions=("int8",), providers=("cpu",))
    assert [row.precision for row in made.receipt.rows] == ["int8"]
    with pytest.raises(ModelError):
        workbench.new_receipt(model, precisions=("q4",))
    with pytest.raises(ProviderError) as caught:
        workbench.new_receipt(model, providers=("dml",))
    assert caught.value.code == "provider-not-working"


def test_a_cancelled_measurement_leaves_nothing(workbench: Workbench, export: Artifact) -> None:
    cancellation = Cancellation()
    with pytest.raises(Cancelled):
        workbench.measure_receipt(export, cancellation=cancellation, on_progress=lambda body: cancellation.cancel())
    assert workbench.receipts(export) == ()
    assert not (export.folder / "receipts").exists()
