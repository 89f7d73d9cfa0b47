"""Text tasks against transformers 4.57.6 (``pipeline``): labels, words and offsets identical, scores within 1e-4.

Tiny seeded models of eight families with tokenizers of the three kinds (WordPiece, byte-level BPE, Unigram), and the
real all-MiniLM-L6-v2, rampart (entities) and ms-marco-MiniLM-L12-v2 (pairs); graphs by Optimum, in fp32.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.parity.conftest import RunScript
from tests.parity.records import record
from workbench.engine.loading import load_model
from workbench.engine.request import ModelChoice
from workbench.resources import assets_dir
from workbench.results import Embedding, Similarity
from workbench.tasks.agreement import cosine
from workbench.tasks.base import Pipeline, Run

pytestmark = pytest.mark.toolchain

TOLERANCE = 1e-4
TINY = (
    *(f"{name}-features" for name in ("bert", "distilbert", "electra", "roberta", "mpnet", "albert", "deberta-v2")),
    *("xlm-roberta-features", "bert-cased-features", "bert-accents-features"),
    *("bert-classes", "distilbert-classes", "roberta-classes", "roberta-left-classes", "mpnet-classes"),
    *("electra-classes", "deberta-v2-classes", "xlm-roberta-classes"),
    *("bert-tokens", "bert-cased-tokens", "roberta-tokens", "roberta-spaced-tokens", "deberta-v2-tokens"),
    *("xlm-roberta-tokens", "albert-tokens"),
)
REAL = ("minilm", "rampart")


@dataclass(frozen=True)
class Reference:
    """What a script left behind."""

    folder: Path
    answers: dict[str, Any]
    vectors: dict[str, np.ndarray[Any, np.dtype[np.float32]]]

    @classmethod
    def of(cls, folder: Path) -> Reference:
        with np.load(folder / "vectors.npz") as archive:
            vectors = dict(archive)
        return cls(folder, json.loads((folder / "answers.json").read_text("utf-8")), vectors)

    def pipeline(self, name: str, task: str | None = None) -> Pipeline:
        folder = self.folder / name
        task = task or self.answers[name]["task"]
        graph = str(folder / "onnx" / "model.onnx")
        return load_model(ModelChoice(name, str(folder), {"model": graph}, task, "cpu")).pipeline

    def check(self, name: str) -> None:
        """Every case of one model."""
        pipeline, wrong = self.pipeline(name), []
        task, cases = self.answers[name]["task"], self.answers[name]["cases"]
        for number, case in enumerate(cases):
            wanted = case["answer"] if case["answer"] is not None else self.vectors[f"{name}/{number}"]
            result = pipeline(case["input"], case["params"], Run())
            got = result.vectors if isinstance(result, Embedding) else result.to_json()
            if not same(got, wanted):
                wrong.append((str(case["input"])[:80], case["params"], got, wanted))
        assert wrong == []
        vectors = task == "feature-extraction"
        found = "vectors within 1e-4" if vectors else "labels, words and places identical, scores within 1e-4"
        record(task, self.answers[name].get("family", name), len(cases), found)


def same(got: Any, wanted: Any) -> bool:
    """Equal but for numbers, which may differ by the tolerance; whole numbers may not."""
    if isinstance(wanted, np.ndarray):
        return got.shape == wanted.shape and bool(np.max(np.abs(got - wanted), initial=0) <= TOLERANCE)
    if isinstance(wanted, list):
        return len(got) == len(wanted) and all(map(same, got, wanted))
    if isinstance(wanted, dict):
        return got.keys() == wanted.keys() and all(same(got[key], wanted[key]) for key in wanted)
    if isinstance(wanted, float):
        return abs(got - wanted) <= TOLERANCE
    return bool(got == wanted)


@pytest.fixture(scope="module")
def tiny(run_toolchain_script: RunScript) -> Reference:
    return Reference.of(run_toolchain_script("text_tiny", assets_dir() / "samples" / "texts.json"))


@pytest.fixture(scope="module")
def real(run_toolchain_script: RunScript, real_hub: Path) -> Reference:
    texts = assets_dir() / "samples" / "texts.json"
    return Reference.of(run_toolchain_script("text_real", real_hub, texts, *REAL))


@pytest.fixture(scope="module")
def reranker(run_toolchain_script: RunScript, real_hub: Path) -> Reference:
    texts = assets_dir() / "samples" / "texts.json"
    return Reference.of(run_toolchain_script("text_real", real_hub, texts, "reranker"))


def test_every_model_that_was_made_is_compared(tiny: Reference) -> None:
    assert set(tiny.answers) == set(TINY)


def test_the_tokenizers_carry_settings_that_must_not_count(tiny: Reference) -> None:
    stored = json.loads((tiny.folder / "bert-tokens" / "tokenizer.json").read_text("utf-8"))
    assert stored["truncation"]["max_length"] == 16
    assert stored["padding"]["strategy"] == {"Fixed": 24}
    settings = json.loads((tiny.folder / "bert-tokens" / "tokenizer_config.json").read_text("utf-8"))
    assert stored["normalizer"]["lowercase"] != settings["do_lower_case"]


@pytest.mark.parametrize("name", TINY)
def test_a_tiny_model_answers_as_transformers(tiny: Reference, name: str) -> None:
    tiny.check(name)


@pytest.mark.real_model
@pytest.mark.parametrize("name", REAL)
def test_a_real_model_answers_as_transformers(real: Reference, name: str) -> None:
    real.check(name)


@pytest.mark.real_model
@pytest.mark.slow
def test_the_real_reranker_answers_as_transformers(reranker: Reference) -> None:
    reranker.check("reranker")


@pytest.mark.real_model
def test_similar_sentences_are_those_of_the_bare_model(real: Reference) -> None:
    texts = json.loads((assets_dir() / "samples" / "texts.json").read_text("utf-8"))["sentences"]
    pipeline = real.pipeline("minilm", "sentence-similarity")
    matrix = pipeline(texts, {}, Run())
    assert isinstance(matrix, Similarity)
    np.testing.assert_allclose(matrix.scores, real.vectors["similarity"], atol=TOLERANCE)
    row = pipeline({"source_sentence": texts[0], "sentences": texts[1:4]}, {}, Run())
    np.testing.assert_allclose(row.to_json(), real.vectors["similarity"][0, 1:4], atol=TOLERANCE)
    first, other = (int(np.argsort(-real.vectors["similarity"][n])[1]) for n in (0, 2))
    assert (first, other) == (1, 3)
    assert cosine(matrix.scores, real.vectors["similarity"]) > 0.999999
    record("sentence-similarity", "all-MiniLM-L6-v2", len(texts), "cosines within 1e-4")
