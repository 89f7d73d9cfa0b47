"""Batches through a real engine and onnxruntime: the same answers as alone, whatever else is asked for."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.text.models import CONFIG, session, word_tokenizer
from workbench.cancellation import Cancellation
from workbench.engine.host import EngineHost
from workbench.engine.request import ModelChoice
from workbench.errors import Cancelled, InputError
from workbench.results import Labels
from workbench.running import ItemReport, RunReport, run
from workbench.tasks.catalog import check_params, task_info

PARAMS = check_params(task_info("token-classification"), {"aggregation_strategy": "none"})
COLOURS = ("red", "green", "blue", "Anna", "Paris")
MANY = 10_000
# What the engine may grow by over many inputs: answers wait in its pipe, nothing else.
GROWTH_BYTES = 60 << 20


@pytest.fixture
def tagger(tmp_path: Path) -> ModelChoice:
    """Each word has logits of its own; texts can go together."""
    folder = tmp_path / "tagger"
    (folder / "onnx").mkdir(parents=True)
    word_tokenizer().save(str(folder / "tokenizer.json"))
    config = {**CONFIG, "id2label": {"0": "O", "1": "X"}, "max_position_embeddings": 64}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": "[PAD]"}), "utf-8")
    session(folder / "onnx", output="logits")
    return ModelChoice(
        "tagger", str(folder), {"model": str(folder / "onnx" / "model.onnx")}, "token-classification", "cpu"
    )


def texts(count: int) -> list[str]:
    return [" ".join(COLOURS[(n * k) % 5] for k in range(1, 2 + n % 9)) for n in range(count)]


def ask(host: EngineHost, choice: ModelChoice, inputs: list[Any], **more: Any) -> RunReport:
    return run(host, choice, "fp32", inputs, PARAMS, **more)


def words(report: RunReport) -> list[Any]:
    return [item.result.to_json() if item.result else None for item in report.items]


def test_answers_are_those_of_each_text_alone_in_their_order(host: EngineHost, tagger: ModelChoice) -> None:
    inputs, seen = texts(150), []
    report = ask(host, tagger, inputs, on_item=lambda index, item: seen.append(index))
    assert seen == list(range(150))
    for index in (0, 1, 7, 70, 149):
        (alone,) = words(ask(host, tagger, [inputs[index]]))
        got = words(report)[index]
        assert [row["word"] for row in got] == [row["word"] for row in alone]
        assert [row["score"] for row in got] == pytest.approx([row["score"] for row in alone], abs=1e-6)


def test_a_bad_text_fails_alone(host: EngineHost, tagger: ModelChoice) -> None:
    inputs: list[Any] = [*texts(20), {"no": "text"}, *texts(20)]
    report = ask(host, tagger, inputs)
    assert isinstance(report.items[20].error, InputError)
    assert [item.error is None for item in report.items].count(False) == 1


def test_a_cancel_is_answered_and_the_model_stays(host: EngineHost, tagger: ModelChoice) -> None:
    cancellation, begun = Cancellation(), threading.Event()

    def item(index: int, report: ItemReport) -> None:
        begun.set()
        cancellation.cancel()

    with pytest.raises(Cancelled):
        ask(host, tagger, texts(20_000), on_item=item, cancellation=cancellation)
    assert begun.is_set()
    assert len(words(ask(host, tagger, texts(3)))) == 3


def test_memory_is_flat_over_many_texts(host: EngineHost, tagger: ModelChoice) -> None:
    ask(host, tagger, ["red"])
    pid, sizes = host.pid, list[int]()

    def item(index: int, report: ItemReport) -> None:
        if index in (MANY // 10, MANY - 1):
            sizes.append(psutil.Process(pid).memory_info().rss)

    report = ask(host, tagger, texts(MANY), interactive=False, on_item=item)
    assert len(report.items) == MANY
    assert sizes[1] - sizes[0] < GROWTH_BYTES


def test_a_classifier_that_cannot_pad_answers_one_by_one(
    host: EngineHost, make_tiny: Callable[..., ModelChoice]
) -> None:
    report = run(
        host, make_tiny("one"), "fp32", ["good", "bad bad"] * 20, check_params(task_info("text-classification"), {})
    )
    tops = [item.result.labels[0].label for item in report.items if isinstance(item.result, Labels)]
    assert tops == ["positive", "negative"] * 20
