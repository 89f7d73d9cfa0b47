"""Question answering, filled masks, zero-shot classes and ranking against transformers 4.57.6 (``pipeline``).

Answers, their places and their order are identical, scores within 1e-4 (logits of text-ranking within 1e-3). Tiny
seeded models of eight families with tokenizers of the three kinds; graphs by Optimum, in fp32.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
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
# Of each task, a model with each kind of tokenizer; the others are made for the slow tests alone.
QUICK = (
    *(f"{name}-answers" for name in ("bert", "roberta", "xlm-roberta")),
    *(f"{name}-fills" for name in ("bert", "xlm-roberta", "modernbert")),
    *(f"{name}-entails" for name in ("distilbert", "roberta", "bart")),
    *(f"{name}-ranks" for name in ("bert", "xlm-roberta", "modernbert")),
)
LONG = (
    *(f"{name}-answers" for name in ("distilbert", "electra", "deberta-v2", "albert", "bert-cased")),
    *(f"{name}-fills" for name in ("distilbert", "electra", "roberta", "deberta-v2")),
    *(f"{name}-entails" for name in ("bert", "deberta-v2", "modernbert")),
    *(f"{name}-ranks" for name in ("electra", "roberta", "deberta-v2")),
)
slow = pytest.mark.slow
MODELS = [*QUICK, *(pytest.param(name, marks=slow) for name in LONG)]

Made = Callable[[str], tuple[Path, dict[str, Any]]]


@pytest.fixture(scope="module")
def made(run_toolchain_script: RunScript) -> Made:
    """The folder of a model and what the reference answers."""

    def made(name: str) -> tuple[Path, dict[str, Any]]:
        names = QUICK if name in QUICK else LONG
        folder = run_toolchain_script("text_tasks", assets_dir() / "samples" / "texts.json", *names)
        answers: dict[str, Any] = json.loads((folder / "answers.json").read_text("utf-8"))
        assert set(answers) == set(names)
        return folder / name, answers[name]

    return made


def pipeline_of(folder: Path, task: str) -> Pipeline:
    graph = str(folder / "onnx" / "model.onnx")
    return load_model(ModelChoice(folder.name, str(folder), {"model": graph}, task, "cpu")).pipeline


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


@pytest.mark.parametrize("name", MODELS)
def test_a_tiny_model_answers_as_transformers(made: Made, name: str) -> None:
    folder, answers = made(name)
    task, family, cases = (answers[key] for key in ("task", "family", "cases"))
    pipeline, comparison = pipeline_of(folder, task), Comparison()
    wrong = []
    for case in cases:
        got = pipeline(case["input"], case["params"], Run()).to_json()
        if not comparison.same(got, case["answer"]):
            wrong.append((str(case["input"])[:80], case["params"], got, case["answer"]))
    assert wrong == []
    assert comparison.largest <= TOLERANCE.get(task, 1e-4)
    record(task, family, len(cases), f"answers and order identical, scores within {comparison.largest:.0e}")


@pytest.mark.parametrize("name", MODELS)
def test_inputs_in_a_batch_are_answered_as_alone(made: Made, name: str) -> None:
    folder, answers = made(name)
    task, cases = answers["task"], answers["cases"]
    pipeline, comparison = pipeline_of(folder, task), Comparison()
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
        pytest.param("modernbert-fills", "fill-mask", marks=slow),
        pytest.param("bart-entails", "zero-shot-classification", marks=slow),
        pytest.param("xlm-roberta-ranks", "text-ranking", marks=slow),
    ],
)
def test_the_whole_way(
    made: Made, warm_toolchain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, task: str
) -> None:
    """A checkpoint is exported, verified against torch's answers on the built-in samples, and runs on them."""
    shutil.copytree(made(name)[0], tmp_path / "models" / name, ignore=shutil.ignore_patterns("onnx"))
    monkeypatch.setenv("WORKBENCH_MODEL_FOLDERS", json.dumps([str(tmp_path / "models")]))
    monkeypatch.setenv("WORKBENCH_TOOLCHAIN_PYTHON", str(warm_toolchain))
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
