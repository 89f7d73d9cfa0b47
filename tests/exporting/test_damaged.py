"""Checkpoints that are broken or hostile, workers that are killed, and answers that disagree, with the real worker."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.exporting.conftest import Export, changed, nothing_published, spec_of, workers
from workbench.cancellation import Cancellation
from workbench.engine.host import EngineHost
from workbench.errors import Cancelled, ExportError
from workbench.exporting.spec import Event, StageStarted
from workbench.library.manifest import read_manifest
from workbench.library.variants import choose_variant, find_variants
from workbench.receipts.verification import verify_variant
from workbench.tasks.catalog import task_info

pytestmark = pytest.mark.toolchain

SENTENCES = ("the cat sat on a mat", "two red birds in rain")
Checkpoint = Callable[[str], Path]
Verify = Callable[[Path, str, str], Mapping[str, Any]]


@pytest.fixture
def verify() -> Any:
    """The engine's own verification, as the app does it."""
    host = EngineHost()

    def run(folder: Path, task: str, precision: str) -> Mapping[str, Any]:
        graphs = choose_variant(find_variants(folder), task_info(task).layouts, folder=folder, precision=precision)
        return verify_variant(host, folder, graphs.graphs, task, precision)

    yield run
    host.close()


class Evil:
    """Unpickled carelessly, it makes a folder."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        import os

        return os.mkdir, (str(self.canary),)


def refused(export: Export, source: Path, **changes: Any) -> ExportError:
    with pytest.raises(ExportError) as caught:
        export(spec_of(source, **{"samples": SENTENCES, **changes}))
    assert "\n" not in str(caught.value)
    assert ".staging" not in str(caught.value)
    return caught.value


def test_a_pickle_that_was_allowed_still_runs_no_code(checkpoint: Checkpoint, export: Export, tmp_path: Path) -> None:
    source = changed(checkpoint("bert"), tmp_path / "evil")
    (source / "model.safetensors").unlink()
    (source / "pytorch_model.bin").write_bytes(pickle.dumps(Evil(tmp_path / "canary")))
    error = refused(export, source, allow_pickle=True)
    assert error.code == "export-load-failed"
    assert str(source / "pytorch_model.bin") in str(error)
    assert not (tmp_path / "canary").exists()
    assert nothing_published(tmp_path)


def test_weights_that_torch_would_make_up_are_refused(checkpoint: Checkpoint, export: Export, tmp_path: Path) -> None:
    # A plain encoder has no classifier.
    task = "token-classification"
    error = refused(export, checkpoint("slow-tokenizer"), task=task, export_task=task)
    assert error.code == "export-untrained"
    assert "classifier.weight" in str(error)
    source = changed(checkpoint("bert"), tmp_path / "strange")
    header = json.dumps({"strange": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    (source / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
    assert refused(export, source).code == "export-untrained"
    assert nothing_published(tmp_path)


def test_a_tokenizer_that_is_missing_or_damaged_is_named(
    checkpoint: Checkpoint, export: Export, tmp_path: Path
) -> None:
    source = changed(checkpoint("bert"), tmp_path / "source")
    whole = (source / "tokenizer.json").read_bytes()
    for content, code in ((whole[:500], "export-source-unreadable"), (b'{"model": 1}', "export-no-inputs")):
        (source / "tokenizer.json").write_bytes(content)
        error = refused(export, source)
        assert error.code == code
        assert "tokenizer.json" in str(error)
    for name in ("tokenizer.json", "vocab.txt"):
        (source / name).unlink()
    assert refused(export, source).code == "export-no-tokenizer"
    assert nothing_published(tmp_path)


def test_a_sentencepiece_tokenizer_becomes_tokenizer_json(
    checkpoint: Checkpoint, export: Export, verify: Verify
) -> None:
    source = checkpoint("pieces")
    assert not (source / "tokenizer.json").exists()
    outcome = export(spec_of(source, samples=SENTENCES), verify=verify)
    # Other tokens than torch got would give other shapes or numbers.
    assert outcome.verification["fp32"]["agreement"]["worst"] > 0.99999
    assert (outcome.folder / "tokenizer.json").exists()


def test_a_worker_that_is_killed_is_said_and_leaves_nothing(
    checkpoint: Checkpoint, cold_export: Export, tmp_path: Path
) -> None:
    def kill(event: Event) -> None:
        if isinstance(event, StageStarted) and event.stage == "export":
            for process in workers():
                process.kill()

    with pytest.raises(ExportError) as caught:
        cold_export(spec_of(checkpoint("bert"), samples=SENTENCES), on_event=kill)
    assert caught.value.code == "export-stopped"
    assert "'export' (SIGKILL)" in str(caught.value)
    assert nothing_published(tmp_path)


def test_an_error_of_the_listener_ends_the_export(checkpoint: Checkpoint, export: Export, tmp_path: Path) -> None:
    def fail(event: Event) -> None:
        if isinstance(event, StageStarted) and event.stage == "load":
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        export(spec_of(checkpoint("bert"), samples=SENTENCES), on_event=fail)
    assert nothing_published(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["stage", "reference", "quantize", "verify", "publish"])
def test_every_stage_can_be_cancelled(checkpoint: Checkpoint, cold_export: Export, tmp_path: Path, stage: str) -> None:
    cancellation = Cancellation()

    def cancel(event: Event) -> None:
        if isinstance(event, StageStarted) and event.stage == stage:
            cancellation.cancel()

    spec = spec_of(checkpoint("bert"), "fp32", "int8", samples=SENTENCES)
    with pytest.raises(Cancelled):
        cold_export(spec, on_event=cancel, cancellation=cancellation)
    assert nothing_published(tmp_path)


def test_a_later_precision_is_made_of_the_published_graph_and_changes_no_file(
    checkpoint: Checkpoint, export: Export, verify: Verify
) -> None:
    source = checkpoint("bert")
    first = export(spec_of(source, "fp32", samples=SENTENCES), verify=verify)
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files(first.folder)}
    stages: list[str] = []
    later = export(
        spec_of(source, "fp32", "fp16", "int8", samples=SENTENCES),
        verify=verify,
        on_event=lambda event: stages.append(event.stage) if isinstance(event, StageStarted) else None,
    )
    assert (later.added, later.already_there) == (("fp16", "int8"), ("fp32",))
    assert stages == ["stage", "quantize", "verify", "publish"]
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in before} == before
    assert later.verification["fp16"]["outputs"]["last_hidden_state"]["cosine"] > 0.9999
    manifest = read_manifest(later.folder)
    assert manifest.file_names == {path.relative_to(later.folder).as_posix() for path in files(later.folder)}
    assert sorted(variant.precision for variant in manifest.variants) == ["fp16", "fp32", "int8"]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "workbench.json")


def test_a_graph_that_computes_something_else_is_not_published(
    checkpoint: Checkpoint, export: Export, verify: Verify, tmp_path: Path
) -> None:
    def tampered(folder: Path, task: str, precision: str) -> Mapping[str, Any]:
        answers = folder / "reference" / "answers.npz"
        with np.load(answers) as arrays:
            turned = {name: arrays[name][..., ::-1] for name in arrays}
        np.savez(answers, **turned)
        return verify(folder, task, precision)

    with pytest.raises(ExportError) as caught:
        export(spec_of(checkpoint("bert"), samples=SENTENCES), verify=tampered)
    assert caught.value.code == "export-disagrees"
    assert "last_hidden_state" in str(caught.value)
    assert nothing_published(tmp_path)
