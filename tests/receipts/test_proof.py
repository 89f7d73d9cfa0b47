"""An artifact proves itself where it lands: whole files, and the answers that were recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.receipts.tiny_export import copied, tiny_export
from workbench.api import Workbench
from workbench.errors import ModelError
from workbench.library.artifacts import Artifact
from workbench.receipts.proving import Proof
from workbench.settings import Settings


def proof(workbench: Workbench, model: str, **more: float) -> Proof:
    return workbench.verify(workbench.measured_model(model), **more)  # type: ignore[arg-type]


def test_a_copy_elsewhere_proves_itself(workbench: Workbench, tmp_path: Path) -> None:
    export = tiny_export(Settings.load().artifacts_folder, agreement=0.8)
    there = copied(export, tmp_path / "landed")
    found = proof(workbench, str(there))
    assert found.holds
    assert found.failure is None
    assert found.files == 7
    fp32, int8 = found.rows
    assert fp32.agreement is not None
    assert int8.agreement is not None
    assert (fp32.agreement.mean, fp32.least) == (1.0, 0.97)
    # The export itself measured no more, so no more is asked for.
    assert (int8.agreement.mean, int8.least, int8.recorded) == (pytest.approx(0.8), pytest.approx(0.78), 0.8)
    assert not list(there.glob("receipts/*"))


def test_one_that_answers_otherwise_than_at_its_export(workbench: Workbench, export: Artifact) -> None:
    found = proof(workbench, "someone/tiny")
    assert not found.holds
    assert found.failure is not None
    assert found.failure.code == "proof-under-threshold"
    assert (found.failure.arguments["precision"], found.failure.arguments["mean"]) == ("int8", "0.8000")
    assert proof(workbench, export.id, threshold=0.5).holds
    assert not proof(workbench, export.id, threshold=0.9).holds


def test_a_file_that_was_changed_is_refused(workbench: Workbench, export: Artifact) -> None:
    path = export.folder / "onnx" / "model_int8.onnx"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError) as caught:
        proof(workbench, "someone/tiny")
    assert caught.value.code == "artifact-changed"
    assert caught.value.arguments["file"] == str(path)


def test_a_manifest_of_a_newer_workbench_is_told(workbench: Workbench, export: Artifact) -> None:
    path = export.folder / "workbench.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"schema": 99}), "utf-8")
    with pytest.raises(ModelError) as caught:
        proof(workbench, export.id)
    assert caught.value.code == "manifest-newer"


def test_one_that_lacks_a_file(workbench: Workbench, export: Artifact) -> None:
    (export.folder / "reference" / "answers.npz").unlink()
    with pytest.raises(ModelError) as caught:
        proof(workbench, export.id)
    assert caught.value.code == "model-file-missing"


def test_a_provider_that_cannot_be_had_is_no_proof(workbench: Workbench, export: Artifact) -> None:
    model = workbench.measured_model(export.id)
    found = workbench.verify(model, precisions=("fp32",), providers=("dml",))
    assert not found.holds
    assert found.failure is not None
    assert found.failure.code == "proof-not-run"
    assert found.rows[0].agreement is None
