"""What 4 bits cost a real model, whose weights are moved off the grid of the file they were rebuilt from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.exporting.conftest import spec_of
from tests.parity.records import record
from workbench.exporting.job import run_export
from workbench.exporting.toolchains import Toolchain
from workbench.resources import assets_dir
from workbench.runtime.generate import language_decoder, teacher_forced
from workbench.runtime.session import Session, SessionOptions
from workbench.runtime.tokens import Vocabulary
from workbench.tasks.base import ModelFiles, Run

pytestmark = [pytest.mark.toolchain, pytest.mark.real_model, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
TOKENS = 300


def held_out(vocabulary: Vocabulary) -> list[list[int]]:
    """Texts that no calibration has seen: it is done on what the model writes."""
    samples = json.loads((assets_dir() / "samples" / "texts.json").read_text("utf-8"))
    texts = [(ROOT / name).read_text("utf-8") for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md")]
    talk = "<|im_start|>user\nWhat happened?<|im_end|>\n<|im_start|>assistant\n"
    return [
        vocabulary.encode(text, Run())[:TOKENS] for text in [*texts, *(talk + item for item in samples["articles"])]
    ]


def loss(graph: Path, texts: list[list[int]]) -> float:
    """Nats a token, by the engine's own decoder."""
    decoder = language_decoder(Session(graph, SessionOptions("cpu", threads=2)))
    lost: list[float] = []
    for ids in texts:
        logits = teacher_forced(decoder.start(), ids, Run(), singly=0)[:-1].astype(np.float64)
        logits -= logits.max(axis=-1, keepdims=True)
        likely = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        lost += list(-likely[np.arange(len(ids) - 1), ids[1:]])
    return float(np.mean(lost))


def test_four_bits_cost_little(
    run_toolchain_script: Callable[..., Path], toolchain_python: Path, real_hub: Path, tmp_path: Path
) -> None:
    (snapshot,) = (real_hub / "models--HuggingFaceTB--SmolLM2-135M-Instruct" / "snapshots").iterdir()
    source = run_toolchain_script("off_the_grid", snapshot)
    outcome = run_export(
        spec_of(
            source,
            "fp32",
            "q4",
            task="text-generation",
            export_task="text-generation-with-past",
            samples=("The sea was calm that day, and",),
        ),
        toolchain=Toolchain("optimum", toolchain_python, managed=False),
        artifacts_dir=tmp_path / "artifacts",
        data_dir=tmp_path / "data",
        verify=lambda folder, task, precision: {},
    )
    texts = held_out(Vocabulary.of_model(ModelFiles(outcome.folder, {})))
    whole, small = (loss(outcome.folder / f"onnx/model{suffix}.onnx", texts) for suffix in ("", "_q4"))
    record(
        "text-generation", "SmolLM2-135M off its grid, q4", len(texts), f"perplexity {np.exp(small - whole):.3f} times"
    )
    assert np.exp(small - whole) <= 1.10
