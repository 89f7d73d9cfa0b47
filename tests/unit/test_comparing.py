"""Rows of a comparison: which are made, how they are ranked, and what they tell of threads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench import running
from workbench.cancellation import Cancellation
from workbench.comparing import CompareRow, Plan, compare, joined, plan_rows, ranked, thread_rates
from workbench.engine.request import ModelChoice
from workbench.errors import Cancelled, EngineError
from workbench.reports import BenchReport
from workbench.targets import RunTarget
from workbench.tasks.catalog import task_info
from workbench.thread_choice import ThreadChoices, best_of, candidates

TASK = task_info("text-classification")


def choice(folder: Path) -> ModelChoice:
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    (folder / "onnx" / "model.onnx").write_bytes(folder.name.encode())
    return ModelChoice("tiny", str(folder), {"model": str(folder / "onnx" / "model.onnx")}, TASK.id)


def row(precision: str, rate: float | None, threads: int = 1, provider: str = "cpu", batch: int = 1) -> CompareRow:
    report = None
    if rate is not None:
        report = BenchReport(
            TASK.id, "m", precision, provider, (provider,), threads, 0.1, 0.1, 0.1, 0.1, rate, 3, None, None, 1
        )
    error = None if report else EngineError("engine-stopped", doing="measuring", how="SIGSEGV")
    return CompareRow(precision, provider, batch, threads, report, error)


def test_threads_are_the_cpus(tmp_path: Path) -> None:
    target = RunTarget(TASK, choice(tmp_path / "one"), "fp32", "asked")
    plans = plan_rows([target], ["cpu", "cuda"], [1, 8], [1, 2])
    assert [(plan.provider, plan.threads, plan.batch) for plan in plans] == [
        ("cpu", 1, 1),
        ("cpu", 1, 8),
        ("cpu", 2, 1),
        ("cpu", 2, 8),
        ("cuda", 1, 1),
        ("cuda", 1, 8),
    ]
    assert not any(plan.target.choice.allow_fallback for plan in plans)


def test_the_fastest_first_and_ratios_to_the_first_that_was_measured() -> None:
    rows = ranked([row("fp16", None), row("fp32", 10.0), row("int8", 25.0)])
    assert [(item.precision, item.ratio, item.best) for item in rows] == [
        ("int8", 2.5, True),
        ("fp32", 1.0, False),
        ("fp16", None, False),
    ]


def part(threads: int, times_s: tuple[float, ...], peak: int = 1) -> BenchReport:
    spent = sum(times_s)
    return BenchReport(
        *(TASK.id, "m", "fp32", "cpu", ("cpu",), threads, 0.5, 0.4, times_s[0], times_s[-1], len(times_s) / spent),
        *(len(times_s), None, None, peak, (), 1, times_s),
    )


def test_parts_of_a_measurement_are_one(tmp_path: Path) -> None:
    whole = joined([part(1, (0.1, 0.2), 5), part(1, (0.3,), 7)])
    assert (whole.median_s, whole.p95_s, whole.runs, whole.peak_memory_bytes) == (0.2, 0.3, 3, 7)
    assert whole.throughput_per_s == pytest.approx(3 / 0.6)
    assert (whole.load_s, whole.first_s) == (0.5, 0.4)


def plans_of(folder: Path, *counts: int) -> list[Plan]:
    return plan_rows([RunTarget(TASK, choice(folder / "one"), "fp32", "asked")], ["cpu"], [1], counts)


def test_rows_are_measured_in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def bench(host: object, chosen: ModelChoice, *words: Any, **more: Any) -> BenchReport:
        rounds = words[-1]
        asked.append((chosen.threads, rounds))
        return part(chosen.threads, (0.1,) * rounds)

    monkeypatch.setattr(running, "bench", bench)
    told: list[tuple[int, int]] = []
    comparison = compare(
        plans_of(tmp_path, 1, 2),
        ["a"],
        {},
        rounds=10,
        memory_limit_bytes=1,
        on_progress=lambda what, done, total: told.append((done, total)),
    )
    assert asked == [(1, 2), (2, 2), (1, 3), (2, 3), (1, 2), (2, 2), (1, 3), (2, 3)]
    assert [row.report.runs for row in comparison.rows if row.report] == [10, 10]
    assert told == [(number, 8) for number in range(8)]


def test_a_stop_tells_what_was_measured_by_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cancellation = Cancellation()

    def bench(host: object, chosen: ModelChoice, *words: Any, **more: Any) -> BenchReport:
        if cancellation.requested:
            raise Cancelled
        cancellation.cancel()
        return part(chosen.threads, (0.1,))

    monkeypatch.setattr(running, "bench", bench)
    rows: list[CompareRow] = []
    with pytest.raises(Cancelled):
        compare(plans_of(tmp_path, 1, 2), ["a"], {}, rounds=8, memory_limit_bytes=1, on_row=rows.append)
    assert [row.threads for row in rows] == [1]


def test_nothing_measured_has_no_best() -> None:
    (only,) = ranked([row("fp32", None)])
    assert not only.best
    assert only.to_json()["error"]["code"] == "engine-stopped"


def test_rates_of_threads_are_those_of_one_input_on_the_cpu() -> None:
    rows = [
        row("fp32", 10, threads=1),
        row("fp32", 18, threads=2),
        row("fp32", 90, threads=2, batch=8),
        row("fp32", 50, threads=1, provider="cuda"),
        row("int8", 30, threads=1),
        row("int8", None, threads=2),
    ]
    assert thread_rates(rows) == {"fp32": {1: 10, 2: 18}}


def test_the_fewest_threads_that_come_near() -> None:
    assert best_of({1: 50.0, 2: 99.0, 4: 100.0}) == 2
    assert best_of({1: 50.0, 2: 80.0, 4: 100.0}) == 4


def test_counts_worth_measuring() -> None:
    counts = candidates()
    assert counts[0] == 1
    assert list(counts) == sorted(set(counts))


class TestKept:
    def test_what_is_kept_is_known_of_that_model_alone(self, tmp_path: Path) -> None:
        one, other = choice(tmp_path / "one"), choice(tmp_path / "two")
        kept = ThreadChoices(tmp_path / "threads.json")
        assert kept.known(one) == 0
        assert kept.keep(one, {1: 10.0, 2: 19.0}) == 2
        assert ThreadChoices(tmp_path / "threads.json").known(one) == 2
        assert kept.known(other) == 0  # of the same size

    def test_another_graph_in_its_place_is_not_known(self, tmp_path: Path) -> None:
        one = choice(tmp_path / "one")
        kept = ThreadChoices(tmp_path / "threads.json")
        kept.keep(one, {1: 10.0})
        one.paths["model"].write_bytes(b"eno")
        assert kept.known(one) == 0

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", '{"schema": 1, "choices": 3}', '{"schema": 9, "choices": {}}', "[" * 100_000]
    )
    def test_a_file_that_cannot_be_read_counts_as_empty(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "threads.json"
        file.write_text(text)
        kept = ThreadChoices(file)
        assert kept.known(choice(tmp_path / "one")) == 0
        assert kept.keep(choice(tmp_path / "one"), {1: 5.0}) == 1
        assert kept.known(choice(tmp_path / "one")) == 1

    @pytest.mark.parametrize("value", [0, -3, "4", True, None, {}])
    def test_a_value_that_is_no_count_is_not_used(self, tmp_path: Path, value: object) -> None:
        file, one = tmp_path / "threads.json", choice(tmp_path / "one")
        ThreadChoices(file).keep(one, {1: 5.0})
        document = json.loads(file.read_text())
        (key,) = document["choices"]
        document["choices"][key] = {"threads": value}
        file.write_text(json.dumps(document))
        assert ThreadChoices(file).known(one) == 0

    def test_a_place_that_cannot_be_written_costs_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert ThreadChoices(tmp_path / "file" / "threads.json").keep(choice(tmp_path / "one"), {1: 5.0}) == 1
