"""The engine as a front sees it: real processes, a tiny graph with known answers."""

from __future__ import annotations

import os
import signal
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.cli.conftest import TINY, hub_cache, tiny_repo
from tests.engine.tiny import expected
from workbench.api import Workbench
from workbench.cancellation import Cancellation
from workbench.engine import worker
from workbench.engine.host import CRASH_LIMIT, EngineHost, engine_environment
from workbench.engine.loading import LoadedModel, load_model
from workbench.engine.request import ModelChoice
from workbench.engine.residents import Residents
from workbench.errors import Cancelled, EngineError, InputError, ModelError, Notice, ProviderError, UsageError
from workbench.results import Labels
from workbench.running import RunReport, bench, run
from workbench.tasks.catalog import check_params, task_info

ASKING = Notice.of("doing-providers")  # what a host is told that it is asked for

__all__ = ["hub_cache", "tiny_repo"]

PARAMS = check_params(task_info("text-classification"), {})


def answer(host: EngineHost, choice: ModelChoice, *texts: Any, **more: Any) -> RunReport:
    return run(host, choice, "fp32", list(texts), PARAMS, **more)


def scores(report: RunReport, index: int = 0) -> dict[str, float]:
    result = report.items[index].result
    assert isinstance(result, Labels)
    return {item.label: item.score for item in result.labels}


class Watch:
    """Remembers what came, and lets a test wait for it."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self._changed = threading.Condition()

    def __call__(self, *what: Any) -> None:
        with self._changed:
            self.seen.append(what)
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.seen) >= count, 30), self.seen


def running(host: EngineHost, choice: ModelChoice) -> tuple[ThreadPoolExecutor, Future[RunReport], Cancellation]:
    """A run that will not end by itself and has begun for sure."""
    pool, watch, cancellation = ThreadPoolExecutor(1), Watch(), Cancellation()
    future = pool.submit(
        lambda: answer(host, choice, "good", "slow", interactive=False, on_item=watch, cancellation=cancellation)
    )
    watch.wait_for(1)
    return pool, future, cancellation


HEAP = "glibc.malloc.mmap_threshold=33554432:glibc.malloc.arena_max=1:glibc.malloc.tcache_count=4096"


@pytest.mark.parametrize(
    ("users", "engines"),
    [
        ("", f"glibc.malloc.hugetlb=1:{HEAP}"),
        (
            "glibc.malloc.arena_max=2:glibc.malloc.perturb=1",
            "glibc.malloc.arena_max=2:glibc.malloc.perturb=1:glibc.malloc.hugetlb=1"
            ":glibc.malloc.mmap_threshold=33554432:glibc.malloc.tcache_count=4096",
        ),
        ("glibc.malloc.hugetlb=0", f"glibc.malloc.hugetlb=0:{HEAP}"),
    ],
)
def test_the_engine_asks_for_large_pages_unless_the_user_said_otherwise(
    users: str, engines: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", users)
    assert engine_environment()["GLIBC_TUNABLES"] == engines


class TestAnswers:
    def test_answers_are_those_of_the_graph_in_the_order_of_the_inputs(
        self, host: EngineHost, tiny: ModelChoice
    ) -> None:
        texts = ["good", "bad bad", "fine good", "unknown words"]
        report = answer(host, tiny, *texts)
        for index, text in enumerate(texts):
            assert scores(report, index) == pytest.approx(expected(text), abs=1e-6)
        assert report.providers_got == ("cpu",)
        assert report.provider_asked == "cpu"
        assert report.warnings == ()

    def test_times_are_told_apart(self, host: EngineHost, tiny: ModelChoice) -> None:
        timing = answer(host, tiny, "pause").to_json()["timing_ms"]
        assert timing["session"] > timing["postprocess"]
        assert timing["total"] >= timing["session"] + timing["preprocess"] + timing["postprocess"]
        assert timing["load"] > 0

    def test_a_bad_input_has_its_error_and_the_others_their_answers(self, host: EngineHost, tiny: ModelChoice) -> None:
        report = answer(host, tiny, "good", {"no": "text"}, "bad")
        assert isinstance(report.items[1].error, InputError)
        assert report.items[1].result is None
        assert scores(report, 0) == pytest.approx(expected("good"), abs=1e-6)
        assert scores(report, 2) == pytest.approx(expected("bad"), abs=1e-6)

    def test_answers_come_one_by_one(self, host: EngineHost, tiny: ModelChoice) -> None:
        watch = Watch()
        answer(host, tiny, "good", "bad", "fine", on_item=watch)
        assert [index for index, _ in watch.seen] == [0, 1, 2]

    def test_a_model_is_loaded_once(self, host: EngineHost, tiny: ModelChoice) -> None:
        first, second = answer(host, tiny, "good"), answer(host, tiny, "good")
        assert first.load_s == second.load_s
        assert [item["name"] for item in host.call("status", {}, doing=ASKING)["models"]] == ["tiny"]

    def test_the_same_answers_out_of_many_threads(
        self, host: EngineHost, make_tiny: Callable[..., ModelChoice]
    ) -> None:
        choices = [make_tiny(name) for name in ("one", "two", "three")]
        with ThreadPoolExecutor(12) as pool:
            reports = list(pool.map(lambda n: answer(host, choices[n % 3], "good " * (n % 5 + 1)), range(60)))
        for n, report in enumerate(reports):
            assert scores(report) == pytest.approx(expected("good " * (n % 5 + 1)), abs=1e-6)

    def test_a_benchmark_tells_the_graph_from_the_rest(self, host: EngineHost, tiny: ModelChoice) -> None:
        report = bench(host, tiny, "fp32", ["pause", "good"], PARAMS, rounds=3)
        assert report.runs == 6
        assert report.bare_s is not None
        assert report.paired_s is not None
        assert report.bare_s > 0
        assert report.median_s <= report.p95_s
        assert report.peak_memory_bytes > 10_000_000


class TestRefusals:
    def test_a_graph_that_is_none_is_named(self, host: EngineHost, tiny: ModelChoice) -> None:
        graph = Path(tiny.graphs["model"])
        graph.write_bytes(b"\x08\x09 not a graph")
        with pytest.raises(ModelError) as caught:
            answer(host, tiny, "good")
        assert caught.value.code == "model-graph-unreadable"
        assert str(graph) in str(caught.value)

    def test_a_graph_that_is_cut_off_is_named(self, host: EngineHost, tiny: ModelChoice) -> None:
        graph = Path(tiny.graphs["model"])
        graph.write_bytes(graph.read_bytes()[:200])
        with pytest.raises(ModelError, match="model\\.onnx"):
            answer(host, tiny, "good")

    def test_a_missing_file_of_the_model_is_named(self, host: EngineHost, tiny: ModelChoice) -> None:
        (Path(tiny.folder) / "tokenizer.json").unlink()
        with pytest.raises(ModelError, match=r"tokenizer\.json"):
            answer(host, tiny, "good")

    def test_a_provider_that_is_not_built_in(self, host: EngineHost, tiny: ModelChoice) -> None:
        with pytest.raises(ProviderError) as caught:
            answer(host, replace(tiny, provider="dml"), "good")
        assert caught.value.code == "provider-not-got"

    def test_a_fallback_that_was_allowed_is_told(self, host: EngineHost, tiny: ModelChoice) -> None:
        report = answer(host, replace(tiny, provider="dml", allow_fallback=True), "good")
        assert report.providers_got == ("cpu",)
        assert [notice.code for notice in report.warnings] == ["provider-fallback"]

    def test_an_unknown_task(self, host: EngineHost, tiny: ModelChoice) -> None:
        with pytest.raises(UsageError, match="known tasks"):
            answer(host, replace(tiny, task="mind-reading"), "good")

    def test_an_unknown_method(self, host: EngineHost) -> None:
        with pytest.raises(EngineError, match="no method 'sing'"):
            host.call("sing", {}, doing=ASKING)

    def test_a_request_that_lacks_everything_is_a_bug_and_no_silence(self, host: EngineHost) -> None:
        with pytest.raises(EngineError) as caught:
            host.call("run", {}, doing=ASKING)
        assert caught.value.code == "engine-bug"

    def test_a_model_over_the_budget(self, make_tiny: Callable[..., ModelChoice]) -> None:
        host = EngineHost(memory_budget_bytes=1_000_000)
        try:
            with pytest.raises(EngineError) as caught:
                answer(host, make_tiny("large", 4_000_000), "good")
            assert caught.value.code == "engine-over-budget"
            assert scores(answer(host, make_tiny("small"), "good")) == pytest.approx(expected("good"), abs=1e-6)
        finally:
            host.close()


class TestMemory:
    def test_the_least_recently_used_model_goes_first(self, make_tiny: Callable[..., ModelChoice]) -> None:
        one, two, three = (make_tiny(name, 1_000_000) for name in ("one", "two", "three"))
        host = EngineHost(memory_budget_bytes=2_600_000)
        try:
            for choice in (one, two, one, three):
                answer(host, choice, "good")
            names = {item["name"] for item in host.call("status", {}, doing=ASKING)["models"]}
            assert names == {"one", "three"}
            assert scores(answer(host, two, "bad")) == pytest.approx(expected("bad"), abs=1e-6)
        finally:
            host.close()

    def test_a_model_in_use_stays_and_the_next_waits_for_room(self, make_tiny: Callable[..., ModelChoice]) -> None:
        one, two = make_tiny("one", 1_000_000), make_tiny("two", 1_000_000)
        host = EngineHost(memory_budget_bytes=1_500_000)
        try:
            pool, slow, cancellation = running(host, one)
            with pool, ThreadPoolExecutor(1) as second:
                waiting = second.submit(answer, host, two, "bad")
                assert host.call("status", {}, doing=ASKING)["models"][0]["name"] == "one"
                cancellation.cancel()
                with pytest.raises(Cancelled):
                    slow.result(10)
                assert scores(waiting.result(10)) == pytest.approx(expected("bad"), abs=1e-6)
        finally:
            host.close()

    def test_a_folder_is_let_go_when_asked(self, host: EngineHost, tiny: ModelChoice) -> None:
        answer(host, tiny, "good")
        host.call("unload", {"folder": tiny.folder}, doing=ASKING)
        assert host.call("status", {}, doing=ASKING)["models"] == []
        assert scores(answer(host, tiny, "good")) == pytest.approx(expected("good"), abs=1e-6)

    def test_its_memory_goes_back_to_the_system(self, tiny: ModelChoice, monkeypatch: pytest.MonkeyPatch) -> None:
        alive: list[bool] = []
        loaded: list[weakref.ref[Any]] = []

        def load(choice: ModelChoice) -> LoadedModel:
            model = load_model(choice)
            loaded.append(weakref.ref(model))
            return model

        def nothing(model: LoadedModel) -> worker.Steps:
            yield from ()

        monkeypatch.setattr(worker, "load_model", load)
        monkeypatch.setattr(worker, "give_back", lambda: alive.append(loaded[0]() is not None))
        done = threading.Event()
        model_worker = worker.ModelWorker(tiny, Residents(1 << 30))
        model_worker.submit(worker.Job(nothing, lambda error: done.set(), Cancellation()))
        assert done.wait(30)
        model_worker.unload()
        model_worker.join()
        assert alive == [False]

    def test_nothing_is_let_go_for_a_folder_beside_it(self, host: EngineHost, tiny: ModelChoice) -> None:
        answer(host, tiny, "good")
        host.call("unload", {"folder": f"{tiny.folder}-other"}, doing=ASKING)
        assert len(host.call("status", {}, doing=ASKING)["models"]) == 1
        host.call("unload", {"folder": str(Path(tiny.folder).parent)}, doing=ASKING)
        assert host.call("status", {}, doing=ASKING)["models"] == []

    def test_what_is_deleted_is_let_go_first(self, tiny_repo: Path) -> None:
        with Workbench() as workbench:
            target = workbench.target(TINY)
            workbench.run(target, ["good"], check_params(target.task, {}))
            workbench.delete(workbench.plan_deletion(TINY))
            assert workbench.engine.call("status", {}, doing=ASKING)["models"] == []


class TestOrder:
    def test_an_interactive_run_goes_before_the_rest_of_a_batch(self, host: EngineHost, tiny: ModelChoice) -> None:
        order: list[str] = []
        began = Watch()
        with ThreadPoolExecutor(2) as pool:
            batch = pool.submit(
                lambda: (
                    answer(host, tiny, *["pause"] * 200, interactive=False, on_item=began),
                    order.append("batch"),
                )
            )
            began.wait_for(2)
            assert scores(answer(host, tiny, "good")) == pytest.approx(expected("good"), abs=1e-6)
            order.append("interactive")
            batch.result(60)
        assert order == ["interactive", "batch"]

    def test_models_do_not_wait_for_each_other(
        self, host: EngineHost, tiny: ModelChoice, make_tiny: Callable[..., ModelChoice]
    ) -> None:
        pool, slow, cancellation = running(host, tiny)
        with pool:
            assert scores(answer(host, make_tiny("other"), "good")) == pytest.approx(expected("good"), abs=1e-6)
            assert not slow.done()
            cancellation.cancel()
            with pytest.raises(Cancelled):
                slow.result(10)


class TestEnds:
    def test_a_cancelled_run_answers_at_once_and_the_session_stays(self, host: EngineHost, tiny: ModelChoice) -> None:
        pool, slow, cancellation = running(host, tiny)
        pid = host.pid
        with pool:
            started = time.monotonic()
            cancellation.cancel()
            with pytest.raises(Cancelled):
                slow.result(10)
            assert time.monotonic() - started < 2.0  # by then the engine would have been ended by force
        assert scores(answer(host, tiny, "good")) == pytest.approx(expected("good"), abs=1e-6)
        assert host.pid == pid

    def test_a_queued_run_can_be_cancelled(self, host: EngineHost, tiny: ModelChoice) -> None:
        pool, slow, cancellation = running(host, tiny)
        pid = host.pid
        with pool, ThreadPoolExecutor(1) as second:
            of_second = Cancellation()
            queued = second.submit(lambda: answer(host, tiny, "good", interactive=False, cancellation=of_second))
            of_second.cancel()
            with pytest.raises(Cancelled):
                queued.result(10)
            assert not slow.done()
            cancellation.cancel()
            with pytest.raises(Cancelled):
                slow.result(10)
        assert scores(answer(host, tiny, "good")) == pytest.approx(expected("good"), abs=1e-6)
        assert host.pid == pid  # the one that ran was not ended for the one that waited

    @pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL; TerminateProcess does the same to a process")
    def test_an_engine_killed_in_a_run_is_one_clear_error_and_the_next_run_works(
        self, host: EngineHost, tiny: ModelChoice
    ) -> None:
        pool, slow, _ = running(host, tiny)
        pid = host.pid
        assert pid is not None
        with pool:
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(EngineError) as caught:
                slow.result(10)
        assert caught.value.code == "engine-stopped"
        assert "running tiny (text-classification)" in str(caught.value)
        assert scores(answer(host, tiny, "good")) == pytest.approx(expected("good"), abs=1e-6)
        assert host.pid != pid

    @pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL; TerminateProcess does the same to a process")
    def test_an_engine_that_keeps_dying_is_told_so(self, host: EngineHost, tiny: ModelChoice) -> None:
        codes = []
        for _ in range(CRASH_LIMIT):
            pool, slow, _ = running(host, tiny)
            with pool:
                assert host.pid is not None
                os.kill(host.pid, signal.SIGKILL)
                with pytest.raises(EngineError) as caught:
                    slow.result(10)
                codes.append(caught.value.code)
        assert codes == ["engine-stopped"] * (CRASH_LIMIT - 1) + ["engine-keeps-stopping"]
        assert host.pid is None
        assert scores(answer(host, tiny, "good")) == pytest.approx(expected("good"), abs=1e-6)

    def test_closing_ends_the_process_and_the_runs(self, tiny: ModelChoice) -> None:
        host = EngineHost()
        pool, slow, _ = running(host, tiny)
        assert host.pid is not None
        process = psutil.Process(host.pid)
        with pool:
            host.close()
            with pytest.raises(Cancelled):
                slow.result(10)
        assert psutil.wait_procs([process], timeout=5)[1] == []

    def test_the_engine_ends_with_its_parent(self, tmp_path: Path) -> None:
        import subprocess
        import sys

        code = (
            "import os\nfrom workbench.engine.host import EngineHost\n"
            "host = EngineHost(); host.start(); print(host.pid, flush=True); os._exit(1)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        pid = int(done.stdout)
        deadline = time.monotonic() + 5
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline, "the engine outlived its parent"
            threading.Event().wait(0.02)


class TestBeside:
    def test_a_preview_is_upright_and_small(self, host: EngineHost, tmp_path: Path) -> None:
        picture = Image.new("RGB", (400, 200), "red")
        exif = picture.getexif()
        exif[0x0112] = 6  # to be turned by a quarter
        picture.save(tmp_path / "turned.jpg", exif=exif)
        body = host.call("preview", {"path": str(tmp_path / "turned.jpg"), "max_px": 100}, doing=ASKING)
        pixels = body["pixels"].array()
        assert pixels.shape == (100, 50, 3)
        assert pixels.dtype == np.uint8
        assert pixels[50, 25, 0] > 240

    def test_a_cancelled_preview_costs_nobody_the_engine(
        self, host: EngineHost, tiny: ModelChoice, tmp_path: Path
    ) -> None:
        Image.new("RGB", (7000, 5000)).save(tmp_path / "large.png")
        answer(host, tiny, "good")
        pid, cancellation = host.pid, Cancellation()
        cancellation.cancel()
        started = time.monotonic()
        body = {"path": str(tmp_path / "large.png"), "max_px": 100}
        with pytest.raises(Cancelled):
            host.call("preview", body, doing=ASKING, cancellation=cancellation)
        assert time.monotonic() - started < 2.0  # by then the engine would have been ended by force
        assert scores(answer(host, tiny, "good")) == pytest.approx(expected("good"), abs=1e-6)
        assert host.pid == pid

    def test_a_picture_that_is_none(self, host: EngineHost, tmp_path: Path) -> None:
        (tmp_path / "no.png").write_bytes(b"no picture")
        with pytest.raises(InputError, match=r"no\.png"):
            host.call("preview", {"path": str(tmp_path / "no.png"), "max_px": 100}, doing=ASKING)

    def test_the_outline_of_a_sound(self, host: EngineHost, tmp_path: Path) -> None:
        import soundfile

        soundfile.write(tmp_path / "half.wav", np.concatenate([np.zeros(8000), np.full(8000, 0.5)]), 16000)
        body = host.call("peaks", {"path": str(tmp_path / "half.wav"), "buckets": 4}, doing=ASKING)
        np.testing.assert_allclose(body["peaks"].array(), [[0, 0], [0, 0], [0.5, 0.5], [0.5, 0.5]], atol=1e-3)
        assert body["duration_s"] == 1.0

    def test_a_stretch_of_a_sound_to_play(self, host: EngineHost, tmp_path: Path) -> None:
        import soundfile

        steps = np.arange(16_000, dtype=np.int16)
        soundfile.write(tmp_path / "steps.wav", steps, 16_000)
        asked = {"path": str(tmp_path / "steps.wav"), "start_s": 0.25, "duration_s": 0.5}
        body = host.call("samples", asked, doing=ASKING)
        np.testing.assert_array_equal(body["samples"].array(), steps[4000:12_000])
        assert body["samples"].dtype == "int16"
        assert (body["rate_hz"], body["duration_s"]) == (16_000, 1.0)

    def test_a_stretch_of_what_is_no_sound(self, host: EngineHost, tmp_path: Path) -> None:
        (tmp_path / "no.mp3").write_bytes(b"no sound" * 500)
        with pytest.raises(InputError, match=r"no\.mp3"):
            host.call("samples", {"path": str(tmp_path / "no.mp3"), "start_s": 0, "duration_s": 1}, doing=ASKING)

    def test_providers_are_told_by_what_they_did(self, host: EngineHost) -> None:
        rows = {row["name"]: row for row in host.call("providers", {}, doing=ASKING)["providers"]}
        assert rows["cpu"]["works"]
        assert rows["cpu"]["reason"] is None
        for name in ("cuda", "dml"):
            assert rows[name]["works"] or rows[name]["reason"]

    def test_previews_do_not_wait_for_a_model(self, host: EngineHost, tiny: ModelChoice, tmp_path: Path) -> None:
        Image.new("L", (10, 10)).save(tmp_path / "small.png")
        pool, slow, cancellation = running(host, tiny)
        with pool:
            body = host.call("preview", {"path": str(tmp_path / "small.png"), "max_px": 100}, doing=ASKING)
            assert body["pixels"].array().shape == (10, 10, 3)
            cancellation.cancel()
            with pytest.raises(Cancelled):
                slow.result(10)
