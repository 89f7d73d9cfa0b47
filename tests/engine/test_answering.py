"""How the inputs of a run go through a pipeline: order, batches, errors, cancel, memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.batching import BatchLimits, Share, batches
from workbench.cancellation import Cancellation
from workbench.engine.answering import LARGEST_WINDOW, WINDOW_BATCHES, Answered, answer_all
from workbench.errors import Cancelled, EngineError, InputError
from workbench.results import Text
from workbench.tasks.base import ModelFiles, Outputs, Pipeline, Run

LIMITS = BatchLimits(items=4, size=40)


class Echo(Pipeline):
    """Answers a text with itself. ``bad`` is refused, ``torn`` fails in the graph, ``late`` when it is read out."""

    def __init__(self, limits: BatchLimits | None = LIMITS) -> None:
        super().__init__(ModelFiles(Path(), {}), {})
        self.limits = limits
        self.together: list[list[str]] = []
        self.alone: list[str] = []
        self.waiting = self.most_waiting = 0

    @property
    def batch_limits(self) -> BatchLimits | None:
        return self.limits

    def batch_share(self, prepared: Any, params: Mapping[str, Any]) -> Share:
        return Share(len(prepared))

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Any:
        if item == "bad":
            raise InputError("text-no-tokens", text=item)
        self.waiting += 1
        self.most_waiting = max(self.waiting, self.most_waiting)
        return item

    def forward(self, prepared: Any, params: Mapping[str, Any], run: Run) -> Outputs:
        run.cancellation.check()
        self.alone.append(prepared)
        if prepared == "torn":
            raise EngineError("graph-failed", file="x", reason="torn")
        return {"text": np.array(prepared)}

    def forward_batch(self, prepared: Sequence[Any], params: Mapping[str, Any], run: Run) -> list[Outputs]:
        run.cancellation.check()
        self.together.append(list(prepared))
        run.times_s["session"] = 1.0
        if "torn" in prepared:
            raise EngineError("graph-failed", file="x", reason="torn")
        return [{"text": np.array(text)} for text in prepared]

    def postprocess(self, outputs: Outputs, prepared: Any, params: Mapping[str, Any], run: Run) -> Text:
        self.waiting -= 1
        if prepared == "late":
            raise EngineError("graph-not-finite")
        return Text(str(outputs["text"]), 1, "end")


def answers(pipeline: Pipeline, inputs: Sequence[Any], cancellation: Cancellation | None = None) -> list[Answered]:
    found: list[Answered] = []
    stop = cancellation or Cancellation()
    for _ in answer_all(pipeline, inputs, {}, lambda index: Run(cancellation=stop), found.append):
        pass
    return found


def said(item: Answered) -> str | None:
    assert isinstance(item.result, (Text, type(None)))
    return item.result.text if item.result else None


@pytest.mark.parametrize("limits", [LIMITS, None])
def test_answers_come_in_the_order_of_the_inputs(limits: BatchLimits | None) -> None:
    texts = ["x" * (1 + 7 * n % 13) + str(n) for n in range(60)]
    found = answers(Echo(limits), texts)
    assert [item.index for item in found] == list(range(60))
    assert [said(item) for item in found] == texts


def test_inputs_of_similar_sizes_go_together() -> None:
    pipeline = Echo()
    answers(pipeline, ["x" * n for n in (1, 9, 2, 10, 3, 9, 1, 10)])
    assert [sorted(map(len, batch)) for batch in pipeline.together] == [[9, 9, 10, 10], [1, 1, 2, 3]]


def test_one_input_is_no_batch() -> None:
    pipeline = Echo()
    assert said(answers(pipeline, ["one"])[0]) == "one"
    assert pipeline.together == []


@pytest.mark.parametrize("word", ["bad", "torn", "late"])
@pytest.mark.parametrize("limits", [LIMITS, None])
def test_what_fails_in_any_step_fails_alone(limits: BatchLimits | None, word: str) -> None:
    found = answers(Echo(limits), ["a", word, "b", word, "c"])
    assert [said(item) for item in found] == ["a", None, "b", None, "c"]
    assert [item.error is not None for item in found] == [False, True, False, True, False]


def test_all_that_are_bad_are_told() -> None:
    assert [item.error is not None for item in answers(Echo(), ["bad"] * 20)] == [True] * 20


def test_the_time_of_a_batch_is_shared() -> None:
    found = answers(Echo(), ["aa", "bb", "cc", "dd"])
    assert [item.run.times_s["session"] for item in found] == [0.25] * 4
    assert all(item.run.times_s["total"] >= 0.25 for item in found)


def test_a_cancel_is_heard_between_batches() -> None:
    pipeline, stop = Echo(), Cancellation()
    found: list[Answered] = []

    def done(item: Answered) -> None:
        found.append(item)
        stop.cancel()

    with pytest.raises(Cancelled):
        for _ in answer_all(pipeline, ["text"] * 100, {}, lambda index: Run(cancellation=stop), done):
            pass
    assert 1 <= len(found) <= LIMITS.items


def test_a_pipeline_may_find_out_that_it_cannot() -> None:
    pipeline = Echo()
    steps = answer_all(pipeline, ["text"] * 100, {}, lambda index: Run(), lambda item: None)
    while not pipeline.together:
        next(steps)
    pipeline.limits = None
    for _ in steps:
        pass
    assert len(pipeline.alone) >= 90


def test_no_more_is_held_than_a_window() -> None:
    many, large = Echo(), Echo()
    assert len(answers(many, ["a"] * 5000)) == 5000
    assert many.most_waiting == LARGEST_WINDOW
    answers(large, ["a" * 40] * 200)
    assert large.most_waiting == WINDOW_BATCHES


def test_a_batch_is_bounded_in_items_and_size() -> None:
    limits = BatchLimits(32, 4096)
    lengths = [3, 512, 7, 512, *[512] * 20, *[4] * 100]
    found = batches([Share(length) for length in lengths], limits)
    assert sorted(index for batch in found for index in batch) == list(range(len(lengths)))
    assert max(map(len, found)) == limits.items
    assert all(len(batch) * max(lengths[index] for index in batch) <= limits.size for batch in found)
    assert sum(len(b) * max(lengths[i] for i in b) for b in found) < 1.1 * sum(lengths)
    assert batches([Share(100_000), Share(100_000)], limits) == [[0], [1]]
    assert batches([], limits) == []


def test_inputs_of_different_kinds_never_go_together() -> None:
    found = batches([Share(5, "a"), Share(5, "b"), Share(5, "a")], BatchLimits(9, 99))
    assert found == [[0, 2], [1]]
