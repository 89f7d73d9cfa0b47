"""Where nodes run, and how long they take: of graphs with known nodes, and of files of times made by hand."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.dying import AZURE, HAS_AZURE
from workbench.cancellation import Cancellation
from workbench.engine.host import EngineHost
from workbench.engine.request import ModelChoice
from workbench.errors import Cancelled, EngineError, InputError, ModelError, Notice, ProviderError
from workbench.providers import PROVIDERS
from workbench.running import places, run
from workbench.runtime import opening
from workbench.runtime.profiles import node_times
from workbench.runtime.session import Session, SessionOptions
from workbench.tasks.catalog import check_params, task_info

ASKING = Notice.of("doing-providers")  # what a host is told that it is asked for

PARAMS = check_params(task_info("text-classification"), {})
# What the tiny graph is made of; a loop's inside counts as well.
OPERATORS = {"Gather": 2, "ReduceSum": 2, "Loop": 1, "Identity": 1, "Add": 1}

needs_azure = pytest.mark.skipif(not HAS_AZURE, reason="this wheel has no provider that takes no node")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the engine puts its temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(folder))
    return folder


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "azure", AZURE)


class TestPlacements:
    def test_a_run_tells_them(self, host: EngineHost, tiny: ModelChoice) -> None:
        report = run(host, tiny, "fp32", ["good"], PARAMS)
        (place,) = report.placements
        assert (place.graph, place.provider, place.reason) == ("model", "cpu", "")
        assert place.nodes == sum(place.operators.values())
        assert {name: place.operators.get(name) for name in ("Gather", "ReduceSum", "Loop")} == {
            "Gather": 2,
            "ReduceSum": 2,
            "Loop": 1,
        }
        assert place.operators.keys() <= OPERATORS.keys()
        assert place.time_s is None
        assert report.to_json()["placements"][0]["time_ms"] is None

    def test_times_are_those_of_one_warm_run(self, host: EngineHost, tiny: ModelChoice, temporary: Path) -> None:
        report = places(host, tiny, "pause", PARAMS)
        (place,) = report.placements
        assert place.time_s is not None
        assert 0 < place.time_s <= report.steady_s
        assert place.time_s == pytest.approx(sum(place.operator_times_s.values()))
        assert "Loop" not in place.operator_times_s  # its time is that of what is inside
        assert place.operator_times_s["Add"] > 0
        assert report.calls == 1
        assert not report.cut
        assert report.first_s > 0
        assert report.to_json()["placements"][0]["time_ms"] > 0

    def test_nothing_is_left_of_it(self, host: EngineHost, tiny: ModelChoice, temporary: Path) -> None:
        places(host, tiny, "good", PARAMS)
        places(host, tiny, "good", PARAMS)  # the model was let go and can be looked at again
        assert host.call("status", {}, doing=ASKING)["models"] == []
        assert list(temporary.iterdir()) == []

    def test_a_bad_input_is_an_error_and_leaves_nothing(
        self, host: EngineHost, tiny: ModelChoice, temporary: Path
    ) -> None:
        with pytest.raises(InputError):
            places(host, tiny, {"no": "text"}, PARAMS)
        run(host, tiny, "fp32", ["good"], PARAMS)
        assert [model["name"] for model in host.call("status", {}, doing=ASKING)["models"]] == ["tiny"]
        assert list(temporary.iterdir()) == []

    def test_it_can_be_stopped(self, host: EngineHost, tiny: ModelChoice) -> None:
        cancellation = Cancellation()
        with pytest.raises(Cancelled):
            places(host, tiny, "slow", PARAMS, lambda body: cancellation.cancel(), cancellation)
        assert run(host, tiny, "fp32", ["good"], PARAMS).items[0].error is None


class TestFallback:
    @needs_azure
    def test_nodes_that_a_provider_does_not_take_say_why(self, tiny: ModelChoice, azure: None) -> None:
        (row,) = Session(Path(tiny.graphs["model"]), SessionOptions("azure")).places
        assert row["provider"] == "cpu"
        not_taken = Notice.of("nodes-not-taken", provider="azure")
        assert (row["reason"], row["notice"]) == (str(not_taken), not_taken.to_json())

    @needs_azure
    def test_without_fallback_of_nodes_their_operators_are_named(self, tiny: ModelChoice, azure: None) -> None:
        with pytest.raises(ProviderError) as caught:
            Session(Path(tiny.graphs["model"]), SessionOptions("azure", node_fallback=False))
        assert caught.value.code == "provider-node-fallback"
        assert "Gather ×2" in str(caught.value)

    def test_the_cpu_takes_all(self, tiny: ModelChoice) -> None:
        Session(Path(tiny.graphs["model"]), SessionOptions("cpu", node_fallback=False))

    def test_a_provider_that_is_not_built_in_is_the_reason(self, tiny: ModelChoice) -> None:
        session = Session(Path(tiny.graphs["model"]), SessionOptions("dml", allow_fallback=True))
        assert session.fallback_reason == Notice.of("provider-not-built-in", provider="dml")
        assert session.places[0]["reason"] == str(session.fallback_reason)

    def test_a_plug_in_that_is_not_installed_is_the_reason(
        self, tiny: ModelChoice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(
            PROVIDERS, "toy", opening.Provider("toy", "Toy", "ToyExecutionProvider", module="no_such_plug_in")
        )
        with pytest.raises(ProviderError, match="no-such-plug-in is not installed"):
            Session(Path(tiny.graphs["model"]), SessionOptions("toy"))

    def test_a_plug_in_whose_library_is_none_is_the_reason(
        self, tiny: ModelChoice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "toy_plug_in.py").write_text(f"def get_library_path():\n    return {str(tmp_path / 'none.so')!r}\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setitem(
            PROVIDERS, "toy", opening.Provider("toy", "Toy", "ToyExecutionProvider", module="toy_plug_in")
        )
        session = Session(Path(tiny.graphs["model"]), SessionOptions("toy", allow_fallback=True))
        assert session.fallback_reason is not None
        assert session.fallback_reason.code == "provider-failed-to-load"
        assert session.providers_got == ("CPUExecutionProvider",)

    @needs_azure
    def test_a_provider_that_fails_to_load_is_replaced_with_its_reason(
        self, tiny: ModelChoice, azure: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole: Callable[..., Any] = opening._opened

        def opened(path: Path, options: SessionOptions, names: tuple[str, ...]) -> Any:
            if names[0] == "azure":
                raise RuntimeError("CUDA failure 35: driver version is insufficient\nfile: here")
            return whole(path, options, names)

        monkeypatch.setattr(opening, "_opened", opened)
        session = Session(Path(tiny.graphs["model"]), SessionOptions("azure", allow_fallback=True))
        assert str(session.fallback_reason) == "it failed to load: CUDA failure 35: driver version is insufficient"
        with pytest.raises(ProviderError, match="driver version is insufficient"):
            Session(Path(tiny.graphs["model"]), SessionOptions("azure"))

    @needs_azure
    def test_a_graph_that_is_none_is_not_the_providers_fault(self, tmp_path: Path, azure: None) -> None:
        (tmp_path / "model.onnx").write_bytes(b"\x08\x09 not a graph")
        with pytest.raises(ModelError):
            Session(tmp_path / "model.onnx", SessionOptions("azure"))

    def test_missing_libraries_are_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(opening.ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
        monkeypatch.setattr(opening, "missing_libraries", lambda provider: ("libcudart.so.13", "libcudnn.so.9"))
        assert str(opening._why_not(PROVIDERS["cuda"])).endswith("libcudart.so.13, libcudnn.so.9")
        monkeypatch.setattr(opening, "missing_libraries", lambda provider: ())
        assert opening._why_not(PROVIDERS["cuda"]).code == "provider-no-device"


def event(name: str, start: int, took: int, cat: str = "Session", **about: str) -> str:
    value = {"cat": cat, "pid": 1, "tid": 1, "dur": took, "ts": start, "ph": "X", "name": name, "args": about}
    return json.dumps(value)


def node(start: int, took: int, operator: str, provider: str) -> str:
    return event(f"{operator}_kernel_time", start, took, "Node", op_name=operator, provider=provider)


class TestTimes:
    def write(self, path: Path, *events: str) -> Path:
        path.write_text("[\n" + ",\n".join(events) + "\n]\n", "utf-8")
        return path

    def test_of_the_last_runs(self, tmp_path: Path) -> None:
        cpu, cuda = "CPUExecutionProvider", "CUDAExecutionProvider"
        file = self.write(
            tmp_path / "times.json",
            event("model_loading_uri", 0, 5),
            node(11, 100_000, "MatMul", cuda),
            event("model_run", 10, 200_000),
            node(1_000_001, 1_000, "MatMul", cuda),
            node(1_000_002, 2_000, "MatMul", cuda),
            node(1_000_003, 9_000, "If", cpu),
            node(1_000_004, 500, "Gather", cpu),
            event("model_run", 1_000_000, 20_000),
            node(2_000_001, 3_000, "MatMul", cuda),
            event("model_run", 2_000_000, 20_000),
        )
        assert node_times(file, 2) == {cuda: {"MatMul": pytest.approx(0.006)}, cpu: {"Gather": pytest.approx(0.0005)}}
        assert node_times(file, 1) == {cuda: {"MatMul": pytest.approx(0.003)}}
        assert node_times(file, 0) == {}

    @pytest.mark.parametrize(
        "text", ['{"name": "model_run"}', '{"cat": "Node", "name": "x_kernel_time", "ts": 1', "[{"]
    )
    def test_a_file_that_is_cut_off(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "times.json").write_text(text)
        if text == "[{":
            assert node_times(tmp_path / "times.json", 1) == {}
        else:
            with pytest.raises(EngineError, match="cannot be read"):
                node_times(tmp_path / "times.json", 1)

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(EngineError):
            node_times(tmp_path / f"none-{os.getpid()}.json", 1)
