"""Question answering, filled masks, zero-shot classes and ranking against transformers 4.57.6 (``pipeline``).

Answers, their places and their order are identical, scores within 1e-4 (logits of text-ranking within 1e-3). Tiny
seeded models of eight families with tokenizers of the three kinds; graphs by Optimum, in fp32.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.parity.conftest import RunScript
from tests.parity.records import record
from workbench.api import Workbench
from workbench.engine.loading import load_model
from workbench.engine.request import ModelChoice
from workbench.resources import assets_dir
from workbench.settings import Settings
from workbench.tasks.base import Pipeline, Run
from workbench.tasks.catalog import check_params
from workbench.tasks.samples import samples

pytestmark = pytest.mark.toolchain

TOLERANCE = {"text-ranking": 1e-3}
MODELS = (
    *(f"{name}-answers" for name in ("bert", "distilbert", "electra", "roberta", "deberta-v2", "xlm-roberta")),
    *("albert-answers", "bert-cased-answers"),
    *(f"{name}-fills" for name in ("bert", "distilbert", "electra", "roberta", "deberta-v2", "xlm-roberta")),
    "modernbert-fills",
    *(f"{name}-entails" for name in ("bert", "distilbert", "roberta", "deberta-v2", "modernbert", "bart")),
    *(f"{name}-ranks" for name in ("bert", "electra", "roberta", "xlm-roberta", "modernbert", "deberta-v2")),
)


@pytest.fixture(scope="module")
def folder(run_toolchain_script: RunScript) -> Path:
    return run_toolchain_script("text_tasks", assets_dir() / "samples" / "texts.json")


@pytest.fixture(scope="module")
def answers(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "answers.json").read_text("utf-8"))
    return value


def pipeline_of(folder: Path, name: str, task: str) -> Pipeline:
    graph = str(folder / name / "onnx" / "model.onnx")
    return load_model(ModelChoice(name, str(folder / name), {"model": graph}, task, "cpu")).pipeline


class Comparison:
    """Equal but for numbers with a fraction; the largest difference of those is kept."""

    def __init__(self) -> None:
        self.largest = 0.0

    def same(self, got: Any, wanted: Any) -> bool:
        if isinstance(wanted, list):
            return len(got) == len(wanted) and all(map(self.same, got, wanted))
        if isinstance(wanted, dict):
            return got.keys() == wanted.keys() and all(self.same(got[key], wanted[key]) for key in wanted)
        if isinstance(wanted, float):
            self.largest = max(self.largest, abs(got - wanted))
            return True
        return bool(got == wanted)


def test_every_model_that_was_made_is_compared(answers: dict[str, Any]) -> None:
    assert set(answers) == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_a_tiny_model_answers_as_transformers(folder: Path, answers: dict[str, Any], name: str) -> None:
    task, family, cases = (answers[name][key] for key in ("task", "family", "cases"))
    pipeline, comparison = pipeline_of(folder, name, task), Comparison()
    wrong = []
    for case in cases:
        got = pipeline(case["input"], case["params"], Run()).to_json()
        if not comparison.same(got, case["answer"]):
            wrong.append((str(case["input"])[:80], case["params"], got, case["answer"]))
    assert wrong == []
    assert comparison.largest <= TOLERANCE.get(task, 1e-4)
    record(task, family, len(cases), f"answers and order identical, scores within {comparison.largest:.0e}")


@pytest.mark.parametrize("name", MODELS)
def test_inputs_in_a_batch_are_answered_as_alone(folder: Path, answers: dict[str, Any], name: str) -> None:
    task, cases = answers[name]["task"], answers[name]["cases"]
    pipeline, comparison = pipeline_of(folder, name, task), Comparison()
    first = next(case["params"] for case in cases if case["params"] is not None)
    items = [case["input"] for case in cases if case["params"] == first]
    prepared = [pipeline.preprocess(item, first, Run()) for item in items]
    together = pipeline.forward_batch(prepared, first, Run())
    assert pipeline.batch_limits is not None, "this graph keeps padding apart"
    for item, outputs in zip(prepared, together, strict=True):
        alone = pipeline.postprocess(pipeline.forward_batch([item], first, Run())[0], item, first, Run())
        assert comparison.same(pipeline.postprocess(outputs, item, first, Run()).to_json(), alone.to_json())
    assert comparison.largest <= TOLERANCE.get(task, 1e-4)


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("roberta-answers", "question-answering"),
        ("modernbert-fills", "fill-mask"),
        ("bart-entails", "zero-shot-classification"),
        ("xlm-roberta-ranks", "text-ranking"),
    ],
)
def test_the_whole_way(
    folder: Path, toolchain_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, task: str
) -> None:
    """A checkpoint is exported, verified against torch's answers on the built-in samples, and runs on them."""
    shutil.copytree(folder / name, tmp_path / "models" / name, ignore=shutil.ignore_patterns("onnx"))
    monkeypatch.setenv("WORKBENCH_MODEL_FOLDERS", json.dumps([str(tmp_path / "models")]))
    monkeypatch.setenv("WORKBENCH_TOOLCHAIN_PYTHON", str(toolchain_python))
    inputs = samples(task)
    with Workbench(Settings.load()) as workbench:
        report = workbench.export(workbench.plan_export(name, task=task))
        for variant in report.variants:
            assert variant.verification["samples"] == len(inputs)
        fp32 = next(variant for variant in report.variants if variant.precision == "fp32")
        assert fp32.verification["agreement"]["worst"] == 1
        assert max(output["max_abs_diff"] for output in fp32.verification["outputs"].values()) < 1e-3
        target = workbench.target(name, task=task, precision="fp32", provider="cpu")
        answers = workbench.run(target, list(inputs), check_params(target.task, {}))
        assert [item.error for item in answers.items] == [None] * len(inputs)
        assert target.task.result == type(answers.items[0].result).__name__
