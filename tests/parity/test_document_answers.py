"""Questions about pages against transformers' pipeline: tiny Donuts of two shapes, greedy and with beams."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.parity.records import record
from tests.parity.verifying import verified
from workbench.errors import InputError, ModelError
from workbench.results import Text
from workbench.runtime.session import Session, SessionOptions
from workbench.tasks.base import ModelFiles, Run
from workbench.tasks.document_question_answering import PIPELINE, DocumentQuestionAnswering

pytestmark = pytest.mark.toolchain

MODELS = ("donut", "donut-upright")


def load(folder: Path, beside: Path | None = None) -> DocumentQuestionAnswering:
    graphs = ("encoder_model", "decoder_model_merged")
    options = SessionOptions("cpu", threads=1)
    opened = {name: Session(folder / "onnx" / f"{name}.onnx", options) for name in graphs}
    return PIPELINE(ModelFiles(beside or folder, {}), opened)


def beside(folder: Path, to: Path, settings: dict[str, Any] | None = None) -> Path:
    """The model's small files, with other settings for its texts."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("onnx", "reference", "*.safetensors"))
    if settings is not None:
        (to / "generation_config.json").write_text(json.dumps(settings), "utf-8")
    return to


@pytest.fixture(scope="session")
def made(run_toolchain_script: Callable[..., Path]) -> Path:
    return run_toolchain_script("document_answers")


@pytest.mark.parametrize("name", MODELS)
def test_tiny_models_answer_what_the_pipeline_answers(made: Path, tmp_path: Path, name: str) -> None:
    found = [case for case in json.loads((made / "cases.json").read_text("utf-8")) if case["model"] == name]
    pipelines: dict[str, DocumentQuestionAnswering] = {}
    for case in found:
        kind = case["kind"]
        if kind not in pipelines:
            pipelines[kind] = load(made / name, beside(made / name, tmp_path / kind, case["settings"]))
        seen: list[Any] = []
        run = Run(on_partial=seen.append)
        item = {"image": str(made / "pictures" / case["picture"]), "question": case["question"]}
        got = pipelines[kind](item, {}, run)
        assert isinstance(got, Text)
        assert got.key == "answer"
        assert got.text == (case["answer"] or ""), case
        assert [notice.code for notice in run.notices] == ["document-no-answer"] * (case["answer"] is None)
        assert seen
        assert seen[-1].text.rstrip("�").startswith(got.text[:3])
    assert {case["kind"] for case in found} == {"plain", "beams", "no end"}
    assert len({case["answer"] for case in found}) >= 4
    record("document-question-answering", name, len(found), "answers identical, greedy and with beams", "tiny, seeded")


@pytest.mark.parametrize("name", MODELS)
def test_reference_outputs_are_those_of_torch(made: Path, tmp_path: Path, name: str) -> None:
    settings = json.loads((made / "settings.json").read_text("utf-8"))
    pipeline = load(made / name, beside(made / name, tmp_path / "beside", settings))
    params = {"max_new_tokens": 48}
    measured = verified(pipeline, made / name, params)
    assert set(measured["outputs"]) == {"encoder.last_hidden_state", "decoder.logits"}
    assert all(output["cosine"] > 0.9999 for output in measured["outputs"].values())
    assert measured["agreement"]["worst"] == 1


def test_a_page_in_the_reference_is_a_copy(made: Path) -> None:
    samples = json.loads((made / "donut" / "reference" / "samples.json").read_text("utf-8"))["samples"]
    for sample in samples:
        assert sample["input"]["image"].startswith("media/")
        assert (made / "donut" / "reference" / sample["input"]["image"]).is_file()


def test_what_is_no_question_is_refused(made: Path, tmp_path: Path) -> None:
    pipeline = load(made / "donut")
    picture = str(made / "pictures" / "grey.png")
    words = tmp_path / "words.png"
    words.write_text("no picture")
    for item, code in (
        (picture, "text-bad-input"),
        ({"image": picture}, "text-bad-input"),
        ({"image": picture, "question": " "}, "text-empty-field"),
        ({"image": picture, "question": "why? " * 60}, "document-question-long"),
        ({"image": str(words), "question": "why?"}, "image-unknown-format"),
        ({"image": str(tmp_path / "none.png"), "question": "why?"}, "input-not-found"),
    ):
        with pytest.raises(InputError) as caught:
            pipeline(item, {}, Run())
        assert caught.value.code == code


def test_a_model_that_was_taught_something_else_is_refused(made: Path, tmp_path: Path) -> None:
    folder = beside(made / "donut", tmp_path / "other")
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    for token in tokenizer["added_tokens"]:
        token["content"] = token["content"].replace("s_docvqa", "s_receipt")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    with pytest.raises(ModelError) as caught:
        load(made / "donut", folder)
    assert caught.value.code == "document-not-asked"
    assert caught.value.arguments["missing"] == "<s_docvqa>"


@pytest.mark.slow
def test_exported_verified_and_run(made: Path, warm_toolchain: Path, tmp_path: Path) -> None:
    source = tmp_path / "donut"
    shutil.copytree(made / "donut", source, ignore=shutil.ignore_patterns("onnx", "reference"))
    shutil.copyfile(made / "settings.json", source / "generation_config.json")
    (source / "README.md").write_text("---\npipeline_tag: document-question-answering\n---\n", "utf-8")
    environment = os.environ | {
        "WORKBENCH_DATA_DIR": str(tmp_path / "data"),
        "WORKBENCH_TOOLCHAIN_PYTHON": str(warm_toolchain),
    }

    def workbench(*words: str) -> Any:
        command = [sys.executable, "-m", "workbench", *words, "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    exported = workbench("export", str(source), "--precision", "fp32")
    assert exported["artifact"].endswith("-document-question-answering")
    checked = exported["variants"][0]["verification"]
    assert checked["samples"] == 6
    assert checked["agreement"]["worst"] == 1
    item = {"image": str(made / "pictures" / "invoice.png"), "question": "What is the total?"}
    answer = workbench("run", str(source), "--input", json.dumps(item), "--out", str(tmp_path / "out"))
    assert answer["task"] == "document-question-answering"
    assert set(answer["results"][0]["result"]) == {"answer", "token_count", "finish_reason"}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["invoice.txt"]
    record("document-question-answering", "donut, exported by the app", 6, "same text 1.00000")
