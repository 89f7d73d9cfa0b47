"""Greedy text generation against transformers: tiny seeded models of several architectures, and a real one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.parity.records import record
from tests.parity.verifying import verified
from workbench.results import Text
from workbench.runtime.session import Session, SessionOptions
from workbench.tasks.base import ModelFiles, Run
from workbench.tasks.text_generation import PIPELINE, TextGeneration

pytestmark = pytest.mark.toolchain

TINY = ("llama", "gpt2", "qwen2", "qwen3", "gemma3", "phi3", "smollm3")


def load(folder: Path) -> TextGeneration:
    files = ModelFiles(folder, {"model": folder / "onnx" / "model.onnx"})
    options = SessionOptions("cpu", threads=2)
    return PIPELINE(files, {name: Session(path, options) for name, path in files.graphs.items()})


def check(folder: Path, name: str, count: int = 10) -> list[str]:
    """Compare each prompt's continuation, whose tokens led by a margin; returns how they ended."""
    cases = [case for case in json.loads((folder / "cases.json").read_text("utf-8")) if case["model"] == name]
    assert len(cases) == count
    pipeline, ended = load(folder / name), []
    for case in cases:
        assert case["margin"] > 1e-3, case["prompt"]
        seen: list[Any] = []
        params = {"max_new_tokens": case["max_new_tokens"]}
        run = Run(on_partial=seen.append)
        prepared = pipeline.preprocess(case["prompt"], params, run)
        outputs = pipeline.forward(prepared, params, run)
        assert outputs["token_ids"].tolist() == case["token_ids"]
        got = pipeline.postprocess(outputs, prepared, params, run)
        assert got.text == case["text"]
        assert all(got.text.startswith(item.text) for item in seen)
        ended.append(got.finish)
    record("text-generation", name, len(cases), "tokens and text identical, greedy")
    return ended


@pytest.fixture(scope="session")
def made(run_toolchain_script: Callable[..., Path]) -> Path:
    """Three short texts of each model."""
    return run_toolchain_script("generation", "3", "24")


@pytest.mark.parametrize("name", TINY)
def test_tiny_models_write_what_transformers_writes(made: Path, name: str) -> None:
    check(made, name, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_they_do_so_over_long_texts(run_toolchain_script: Callable[..., Path], name: str) -> None:
    ended = check(run_toolchain_script("generation", "10", "128"), name)
    if name == "llama":
        assert "stop" in ended


@pytest.mark.parametrize("name", TINY)
def test_reference_outputs_are_those_of_torch(made: Path, name: str) -> None:
    compare_recorded(made / name, 1e-4)


def compare_recorded(folder: Path, tolerance: float) -> None:
    """Verify as an export is verified."""
    measured = verified(load(folder), folder)
    assert measured["outputs"]["logits"]["max_abs_diff"] < tolerance
    assert measured["agreement"]["metric"] == "same next token"
    assert measured["agreement"]["worst"] == 1


def test_it_ends_before_a_stop_text(made: Path) -> None:
    case = json.loads((made / "cases.json").read_text("utf-8"))[0]
    stop = case["text"][5:7]
    params = {"max_new_tokens": case["max_new_tokens"], "stop": (stop,)}
    seen: list[Any] = []
    got = load(made / case["model"])(case["prompt"], params, Run(on_partial=seen.append))
    assert isinstance(got, Text)
    assert got.text == case["text"][: case["text"].index(stop)]
    assert got.finish == "stop"
    assert all(got.text.startswith(item.text) for item in seen)


def test_a_prompt_over_the_length_loses_its_beginning(made: Path) -> None:
    run = Run()
    got = load(made / "llama")("abc" * 100, {"max_new_tokens": 5}, run)
    assert isinstance(got, Text)
    assert got.token_count == 5 or got.finish == "stop"
    assert [(notice.code, notice.arguments["kept"]) for notice in run.notices] == [("text-prompt-cut", 251)]


@pytest.mark.slow
@pytest.mark.real_model
def test_a_real_model_writes_what_transformers_writes(
    run_toolchain_script: Callable[..., Path], real_hub: Path
) -> None:
    (snapshot,) = (real_hub / "models--HuggingFaceTB--SmolLM2-135M-Instruct" / "snapshots").iterdir()
    made = run_toolchain_script("generation", "10", "128", snapshot)
    check(made, "real")
    compare_recorded(made / "real", 2e-3)
