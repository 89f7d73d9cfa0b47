"""Measuring batches: how many inputs go together, and what counts as one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.batching import BatchLimits, Share
from workbench.cancellation import Cancellation
from workbench.errors import Cancelled, UsageError
from workbench.results import Result, Text
from workbench.runtime import benchmark
from workbench.runtime.benchmark import Benchmark, is_settled
from workbench.tasks.base import ModelFiles, Outputs, Pipeline, Run

LIMITS = BatchLimits(4, 100)


class Together(Pipeline):
    """Takes texts, those of one first letter together; notes what went through at once."""

    def __init__(self, limits: BatchLimits | None = LIMITS, gives_up_after: int = 1000) -> None:
        super().__init__(ModelFiles(Path(), {}), {})
        self.limits, self.gives_up_after = limits, gives_up_after
        self.groups: list[list[str]] = []

    @property
    def batch_limits(self) -> BatchLimits | None:
        return self.limits if len(self.groups) < self.gives_up_after else None

    def batch_share(self, prepared: Any, params: Mapping[str, Any]) -> Share:
        return Share(1, prepared[0])

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Any:
        return item

    def forward(self, prepared: Any, params: Mapping[str, Any], run: Run) -> Outputs:
        self.groups.append([prepared])
        return {"out": np.zeros(1)}

    def forward_batch(self, prepared: Sequence[Any], params: Mapping[str, Any], run: Run) -> list[Outputs]:
        self.groups.append(list(prepared))
        return [{"out": np.zeros(1)} for _ in prepared]

    def postprocess(self, outputs: Outputs, prepared: Any, params: Mapping[str, Any], run: Run) -> Result:
        return Text(prepared, 1, "stop")


def bench(pipeline: Pipeline, inputs: Sequence[str], batch: int, cancellation: Cancellation | None = None) -> Benchmark:
    return Benchmark(pipeline, {}, inputs, {}, cancellation or Cancellation(), batch)


def test_inputs_go_together_again_and_again_until_batches_are_full() -> None:
    pipeline = Together()
    measured = bench(pipeline, ["a1", "a2", "a3"], 2)
    pipeline.groups.clear()
    measured.round()
    assert pipeline.groups == [["a1", "a2"], ["a3", "a1"]]
    figures = measured.figures()
    assert figures["runs"] == 2
    assert figures["bare_s"] is None
    assert figures["throughput_per_s"] == pytest.approx(4 / (2 * figures["median_s"]), rel=1e-6)


def test_those_of_other_kinds_go_by_themselves() -> None:
    pipeline = Together()
    measured = bench(pipeline, ["a1", "b1", "a2", "b2"], 4)
    pipeline.groups.clear()
    measured.round()
    assert sorted(pipeline.groups) == [["a1", "a2"], ["b1", "b2"]]


def test_one_that_takes_none_says_so() -> None:
    with pytest.raises(UsageError) as caught:
        bench(Together(None), ["a"], 2)
    assert caught.value.code == "bench-no-batches"


def test_more_than_the_model_takes() -> None:
    with pytest.raises(UsageError) as caught:
        bench(Together(), ["a"], 5)
    assert caught.value.arguments == {"batch": 5, "limit": 4}


def test_one_that_finds_out_in_use_that_it_cannot() -> None:
    measured = bench(Together(gives_up_after=2), ["a", "b"], 2)
    with pytest.raises(UsageError) as caught:
        measured.round()
    assert caught.value.code == "bench-no-batches"


def test_a_stop_between_groups() -> None:
    cancellation = Cancellation()
    measured = bench(Together(), ["a", "b"], 2, cancellation)
    cancellation.cancel()
    with pytest.raises(Cancelled):
        measured.round()


def test_times_have_settled_when_their_halves_agree() -> None:
    turn = [1.0, 2.0, 9.0]
    assert not is_settled(turn * 10, 3)  # too few
    assert is_settled(turn * 50, 3)
    assert not is_settled(turn * 25 + [1.0, 2.2, 9.0] * 25, 3)
    assert not is_settled([1.0] * 500, 400)  # not twice around


def test_what_has_settled_does_not_take_its_whole_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(number * 0.01 for number in range(100_000))
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: next(clock))
    measured = bench(Together(), ["a", "b"], 1)
    spent = list(measured.budgeted(1000.0))
    assert benchmark.SETTLED_RUNS <= len(spent) <= benchmark.SETTLED_RUNS + 1
    assert spent[-1] >= benchmark.SETTLED_S
