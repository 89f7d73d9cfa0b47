"""``receipt`` and ``verify`` as commands: documents, texts of 80 columns, one line for what went wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.receipts.made import agreed, receipt, row
from tests.receipts.tiny_export import copied, tiny_export
from workbench.api import Workbench
from workbench.cli.libraries import artifact_json, artifact_text
from workbench.cli.receipts import receipt_text
from workbench.errors import ModelError, error_from_wire, error_to_wire
from workbench.library.artifacts import Artifact
from workbench.receipts.files import RECEIPTS, write_receipt
from workbench.receipts.receipt import Machine
from workbench.receipts.verdicts import verdicts
from workbench.settings import Settings

KEPT = receipt(row("fp32", 3900, 0.19), row("int8", 1000, 0.1, agreed(0.99, 2)))


@pytest.fixture
def export() -> Artifact:
    return tiny_export(Settings.load().artifacts_folder)


def test_a_text_of_eighty_columns() -> None:
    other = receipt(
        row("fp32", 390_000_000, 0.19, agreed(0.9999, 3, "same next token", perplexity=20, reference_perplexity=21)),
        row(
            "int8-static", 100_000_000, 0.1, agreed(0.99, 2, "same next token", perplexity=20, reference_perplexity=21)
        ),
    )
    text = receipt_text(other, verdicts(other))
    assert max(map(len, text.splitlines())) <= 80
    assert "compared with the original model" in text
    assert "0.9900–0.9900" in text
    assert "190 ms" in text


def test_a_processor_that_knows_much_is_told_in_eighty_columns() -> None:
    features = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8")
    machine = Machine(
        "Linux x86_64", "A processor of the newest kind", 128, 8 << 30, features, gpu="A large GPU, 139 GiB"
    )
    text = receipt_text(replace(KEPT, machine=machine), verdicts(KEPT))
    assert max(map(len, text.splitlines())) <= 80
    assert all(word in text for word in features)


def test_show_tells_the_threads_that_were_measured_here(export: Artifact) -> None:
    with Workbench(Settings.load()) as core:
        assert core.threads_of(export) == {}
        assert _last_column(artifact_text(core, export)) == ["–", "–"]
        target = core.target(export.id, precision="int8")
        core.thread_choices.keep(target.choice, {1: 100.0, 2: 150.0})
        assert artifact_json(core, export)["threads"] == {"int8": 2}
        text = artifact_text(core, export)
        assert _last_column(text) == ["–", "2"]
        assert "on 10 samples" in text
        assert max(map(len, text.partition("\n\n")[2].splitlines())) <= 80


def _last_column(text: str) -> list[str]:
    return [line.split()[-1] for line in text.splitlines()[-2:]]


def test_a_receipt_of_nothing_that_could_be_measured_is_a_failure(workbench: Command, export: Artifact) -> None:
    error = error_to_wire(ModelError("model-file-missing", file="model_int8.onnx"))
    failed = replace(row("int8", 1000, 0.1), speed=None, agreement=None, error=error)
    write_receipt(export.folder / RECEIPTS, receipt(failed))
    done = workbench("receipt", export.id, "--precision", "int8")
    assert done.status == 1
    assert "int8 could not be measured" in done.out
    assert done.err == "workbench: int8 could not be measured: " + str(error_from_wire(error)) + "\n"


def test_the_newest_receipt_is_shown_without_measuring(workbench: Command, export: Artifact) -> None:
    write_receipt(export.folder / RECEIPTS, KEPT)
    done = workbench("receipt", "someone/tiny")
    assert done.status == 0, done.err
    assert "int8: 1.9× faster, 3.9× smaller, 2 of 200 labels differ, recommended" in done.out
    assert "wanted  that" in done.out
    found = workbench("receipt", export.id, "--precision", "int8", "--json").json
    assert found["measured_now"] is False
    assert [item["precision"] for item in found["receipt"]["rows"]] == ["int8"]
    assert found["verdicts"][0]["code"] == "verdict"


def test_one_is_measured_on_samples_of_ones_own(workbench: Command, export: Artifact, tmp_path: Path) -> None:
    samples = tmp_path / "mine.csv"
    samples.write_text("number,text\n1,good\n2,fine\n3,\n4,bad fine\n", "utf-8")
    done = workbench("receipt", "someone/tiny", "--samples", samples, "--column", "text", "--provider", "cpu", "--json")
    assert done.status == 0, done.err
    found = done.json
    assert found["measured_now"] is True
    assert found["receipt"]["samples"]["kind"] == "own"
    assert found["receipt"]["samples"]["count"] == 3
    assert len(found["receipt"]["samples"]["skipped"]) == 1
    assert found["receipt"]["rows"][1]["agreement"]["differing"] == 1
    assert [warning["code"] for warning in found["warnings"]] == ["receipt-without-checkpoint"]
    assert "excerpts" in done.err
    assert "passed over" in done.err
    assert Path(found["file"]).parent == export.folder / RECEIPTS


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("receipt", "nobody/nothing"), 1, "nobody/nothing"),
        (("receipt", "someone/tiny", "--precision", "q4"), 1, "no precision q4"),
        (("receipt", "someone/tiny", "--precision", "q5"), 2, "q5"),
        (("receipt", "someone/tiny", "--provider", "tpu"), 2, "--provider cannot be “tpu”: of cpu, cuda"),
        (("receipt", "someone/tiny", "--samples", "nowhere.csv"), 1, "nowhere.csv"),
        (("receipt", "someone/tiny", "--column", "text"), 2, "--column needs --samples"),
        (("receipt", "someone/tiny", "--samples", "x", "--sample-count", "0"), 2, "--sample-count"),
        (("verify", "someone/tiny", "--threshold", "2"), 2, "--threshold"),
        (("verify", "someone/tiny", "--provider", "tpu"), 2, "--provider cannot be “tpu”: of auto, cpu"),
    ],
)
@pytest.mark.usefixtures("export")
def test_one_clear_line_for_what_is_off(workbench: Command, words: tuple[str, ...], status: int, said: str) -> None:
    done = workbench(*words)
    assert (done.status, done.out) == (status, "")
    assert said in done.err.splitlines()[-1]


def test_a_receipt_that_cannot_be_read_is_told(workbench: Command, export: Artifact) -> None:
    path = write_receipt(export.folder / RECEIPTS, receipt(row("fp32", 1, 1), created="2030-01-01T00:00:00.000+00:00"))
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"schema": 9}), "utf-8")
    write_receipt(export.folder / RECEIPTS, KEPT)
    done = workbench("receipt", "someone/tiny", "--json")
    assert done.json["receipt"]["created"] == KEPT.created
    assert [warning["code"] for warning in done.json["warnings"]] == ["receipt-newer"]
    assert "update the workbench" in done.err


def test_a_copy_is_proved_and_a_changed_one_refused(workbench: Command, export: Artifact, tmp_path: Path) -> None:
    there = copied(export, tmp_path / "landed")
    done = workbench("verify", there, "--precision", "fp32", "--json")
    assert done.status == 0, done.err
    assert done.json["holds"] is True
    failed = workbench("verify", there)
    assert failed.status == 1
    assert "FAILS" in failed.out
    assert "at least 0.9700 is asked for" in failed.err.splitlines()[-1]
    graph = there / "onnx" / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")
    refused = workbench("verify", there)
    assert (refused.status, refused.out) == (1, "")
    assert str(graph) in refused.err.splitlines()[-1]
