"""A provider that fails or takes the engine with it: one more run on the CPU where the user left the choice to us."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.engine.dying import AZURE, HAS_AZURE
from tests.engine.tiny import expected
from workbench.comparing import Plan, compare
from workbench.engine.host import EngineHost
from workbench.engine.request import ModelChoice
from workbench.errors import EngineError
from workbench.providers import PROVIDERS
from workbench.results import Labels
from workbench.running import RunReport, run
from workbench.targets import RunTarget
from workbench.tasks.catalog import check_params, task_info

pytestmark = [
    pytest.mark.skipif(not HAS_AZURE, reason="this wheel of onnxruntime has no provider that takes no node"),
    pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL"),
]

TASK = task_info("text-classification")
PARAMS = check_params(TASK, {})
TEXTS = ("good", "bad bad", "fine good")


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineHost]:
    monkeypatch.setitem(PROVIDERS, "azure", AZURE)
    command = [sys.executable, "-m", "tests.engine.dying"]
    monkeypatch.setattr("workbench.engine.host.module_command", lambda module: command)
    host = EngineHost()
    try:
        yield host
    finally:
        host.close()


def check_answers(report: RunReport) -> None:
    for text, item in zip(TEXTS, report.items, strict=True):
        assert isinstance(item.result, Labels)
        assert {label.label: label.score for label in item.result.labels} == pytest.approx(expected(text), abs=1e-6)


def answer(host: EngineHost, choice: ModelChoice, **changes: object) -> tuple[RunReport, list[int]]:
    told: list[int] = []
    report = run(
        host,
        replace(choice, **changes),  # type: ignore[arg-type]
        "fp32",
        list(TEXTS),
        PARAMS,
        on_item=lambda index, item: told.append(index),
    )
    return report, told


def test_without_a_failure_nothing_is_run_again(dying: EngineHost, tiny: ModelChoice) -> None:
    report, _ = answer(dying, tiny, provider="auto")
    check_answers(report)
    assert report.providers_got == ("azure", "cpu")
    assert report.warnings == ()
    (place,) = report.placements
    assert place.provider == "cpu"
    assert "azure" in place.reason


@pytest.mark.parametrize("how", ["crash", "error", "load"])
@pytest.mark.parametrize("changes", [{"provider": "auto"}, {"provider": "azure", "allow_fallback": True}])
def test_the_rest_is_run_on_the_cpu_and_the_user_is_told(
    dying: EngineHost, tiny: ModelChoice, monkeypatch: pytest.MonkeyPatch, how: str, changes: dict[str, object]
) -> None:
    monkeypatch.setenv("DYING", how)
    report, told = answer(dying, tiny, **changes)
    check_answers(report)
    assert sorted(told) == [0, 1, 2]  # each answer is told once
    assert [notice.code for notice in report.warnings] == ["provider-died"]
    assert report.warnings[0].arguments["provider"] == "azure"
    assert report.providers_got == (("cpu",) if how == "load" else ("azure", "cpu"))
    assert {place.reason for place in report.placements} == {""}


def test_a_provider_that_failed_is_not_tried_again_unless_it_is_named(
    dying: EngineHost, tiny: ModelChoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYING", "error")
    answer(dying, tiny, provider="auto")
    report, _ = answer(dying, tiny, provider="auto")
    check_answers(report)
    assert report.provider_asked == "auto"
    assert report.providers_got == ("cpu",)
    (warning,) = report.warnings
    assert warning.code == "provider-died-before"
    assert warning.arguments["provider"] == "azure"
    assert "CUDA error 700" in str(warning)
    named, _ = answer(dying, tiny, provider="azure")  # it is tried, and fails again
    assert [item.error.code if item.error else None for item in named.items] == [None, "graph-failed", "graph-failed"]
    other, _ = answer(dying, replace(tiny, graphs={**tiny.graphs}, folder=tiny.folder + "/."), provider="auto")
    assert [notice.code for notice in other.warnings] == ["provider-died"]  # another model is tried


def test_a_provider_that_works_when_it_is_named_is_trusted_again(dying: EngineHost, tiny: ModelChoice) -> None:
    key = (tiny.folder, tuple(sorted(tiny.graphs.items())), tiny.task)
    dying.failed_providers[key] = ("azure", "CUDA error 700")
    assert [notice.code for notice in answer(dying, tiny, provider="auto")[0].warnings] == ["provider-died-before"]
    assert answer(dying, tiny, provider="azure")[0].warnings == ()
    report, _ = answer(dying, tiny, provider="auto")
    assert report.warnings == ()
    assert report.providers_got[0] == "azure"


@pytest.mark.parametrize("how", ["crash", "load"])
def test_a_named_provider_that_takes_the_engine_along_is_an_error(
    dying: EngineHost, tiny: ModelChoice, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("DYING", how)
    with pytest.raises(EngineError) as caught:
        answer(dying, tiny, provider="azure")
    assert caught.value.code == "engine-stopped"


def test_a_named_provider_that_fails_leaves_the_errors_to_the_inputs(
    dying: EngineHost, tiny: ModelChoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYING", "error")
    report, told = answer(dying, tiny, provider="azure")
    assert told == [0, 1, 2]
    assert [item.error.code if item.error else None for item in report.items] == [None, "graph-failed", "graph-failed"]
    assert report.warnings == ()


def test_a_provider_that_crashes_while_measured_is_one_row(
    dying: EngineHost, tiny: ModelChoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYING", "crash")
    plans = [
        Plan(RunTarget(TASK, replace(tiny, provider=name), "fp32", "asked")) for name in ("azure", "cpu", "nonsense")
    ]
    comparison = compare(plans, ["good"], PARAMS, rounds=3, memory_limit_bytes=1 << 30)
    rows = {row.provider: row for row in comparison.rows}
    assert comparison.rows[0].provider == "cpu"
    assert rows["cpu"].report is not None
    assert rows["cpu"].best
    assert rows["cpu"].ratio == 1.0
    assert rows["azure"].error is not None
    assert rows["azure"].error.code == "engine-stopped"
    assert rows["nonsense"].error is not None
    assert rows["nonsense"].error.code == "provider-unknown"
    assert rows["azure"].to_json()["error"]["code"] == "engine-stopped"
    assert rows["azure"].to_json()["throughput_per_s"] is None
