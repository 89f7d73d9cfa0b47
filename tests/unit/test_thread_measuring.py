"""The short measurement of thread counts, with an engine that only tells rates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from tests.unit.test_comparing import choice
from workbench import thread_measuring
from workbench.doctor import diagnosis
from workbench.engine.host import EngineHost
from workbench.errors import Cancelled, EngineError
from workbench.settings import Settings, data_dir
from workbench.thread_choice import ThreadChoices, threads_file
from workbench.thread_measuring import measure_threads


class Engine:
    """Gives the next rate of a list for each count, and notes what it was asked."""

    def __init__(self, rates: Mapping[int, list[float]], error: Exception | None = None) -> None:
        self.rates = {count: list(values) for count, values in rates.items()}
        self.error = error
        self.asked: list[tuple[int, float]] = []

    def call(self, method: str, body: Mapping[str, Any], **more: Any) -> Mapping[str, Any]:
        assert method == "bench"
        self.asked.append((body["model"]["threads"], body["budget_s"]))
        if self.error:
            raise self.error
        return {"throughput_per_s": self.rates[body["model"]["threads"]].pop(0)}


@pytest.fixture(autouse=True)
def counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_measuring, "candidates", lambda: (1, 4))


def measure(engine: Engine, folder: Path, *names: str) -> ThreadChoices:
    kept = ThreadChoices(folder / "threads.json")
    measure_threads(cast(EngineHost, engine), [choice(folder / name) for name in names], ["a", "b", "c"], {}, kept)
    return kept


def test_counts_are_measured_in_turns_and_the_better_of_each_counts(tmp_path: Path) -> None:
    engine = Engine({1: [90.0, 20.0], 4: [30.0, 100.0]})
    kept = measure(engine, tmp_path, "one")
    assert [count for count, _ in engine.asked] == [1, 4, 1, 4]
    assert kept.known(choice(tmp_path / "one")) == 4


def test_it_is_measured_once_and_all_of_it_within_the_budget(tmp_path: Path) -> None:
    engine = Engine({1: [1.0] * 4, 4: [1.0] * 4})
    measure(engine, tmp_path, "one", "two")
    assert sum(seconds for _, seconds in engine.asked) == pytest.approx(thread_measuring.RUNNING_S)
    before = len(engine.asked)
    kept = measure(engine, tmp_path, "one", "two")
    assert len(engine.asked) == before
    assert [kept.known(choice(tmp_path / name)) for name in ("one", "two")] == [1, 1]
    assert kept.count() == 2


def test_what_does_not_run_stays_unknown(tmp_path: Path) -> None:
    engine = Engine({}, EngineError("engine-stopped", doing="measuring", how="SIGSEGV"))
    kept = measure(engine, tmp_path, "one")
    assert (len(engine.asked), kept.known(choice(tmp_path / "one"))) == (1, 0)


def test_what_takes_too_long_stays_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_measuring, "LATEST_S", -1.0)
    engine = Engine({1: [1.0], 4: [1.0]})
    kept = measure(engine, tmp_path, "one")
    assert (engine.asked, kept.known(choice(tmp_path / "one"))) == ([], 0)


def test_a_stop_is_told(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        measure(Engine({}, Cancelled()), tmp_path, "one")


def test_a_single_core_needs_no_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_measuring, "candidates", lambda: (1,))
    engine = Engine({})
    assert measure(engine, tmp_path, "one").known(choice(tmp_path / "one")) == 1
    assert engine.asked == []


def test_the_doctor_tells_what_is_known(tmp_path: Path) -> None:
    def said(threads: int) -> str:
        return diagnosis._threads(Settings(threads=threads)).detail

    assert "measured so far: 0" in said(0)
    ThreadChoices(threads_file(data_dir())).keep(choice(tmp_path / "one"), {1: 2.0, 4: 9.0})
    assert "measured so far: 1" in said(0)
    assert said(3) == "3 for every model, by the setting"
    assert "names 99999, more than this machine can run" in said(99_999)
