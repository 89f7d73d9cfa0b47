"""``run --where``, ``--no-node-fallback``, ``bench --compare`` and ``bench --threads auto``."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import TINY, Command
from workbench.settings import data_dir
from workbench.thread_choice import candidates


class TestWhere:
    def test_the_table(self, workbench: Command, tiny_repo: Path) -> None:
        done = workbench("run", TINY, "good", "--where", "--provider", "cpu")
        assert done.status == 0
        lines = done.out.splitlines()
        assert any(line.startswith("graph") and "fell back" in line for line in lines)
        assert any(line.split()[:2] == ["model", "cpu"] for line in lines)
        assert "more than the next" in lines[-1]

    def test_json(self, workbench: Command, tiny_repo: Path) -> None:
        value = workbench("run", TINY, "pause", "--where", "--json").json
        (place,) = value["placements"]
        assert place["provider"] == "cpu"
        assert place["nodes"] == sum(place["operators"].values())
        assert place["time_ms"] > 0
        assert place["operator_times_ms"]["Add"] > 0
        assert value["first_run"]["first_ms"] > 0
        assert value["first_run"]["calls"] == 1

    def test_without_it_nodes_are_told_and_no_times(self, workbench: Command, tiny_repo: Path) -> None:
        value = workbench("run", TINY, "good", "--json").json
        assert value["placements"][0]["time_ms"] is None
        assert "first_run" not in value

    def test_fallback_of_nodes(self, workbench: Command, tiny_repo: Path) -> None:
        assert workbench("run", TINY, "good", "--no-node-fallback").status == 0
        done = workbench("run", TINY, "good", "--no-node-fallback", "--allow-fallback")
        assert done.status == 2
        assert "contradict" in done.err

    def test_a_provider_that_cannot_be_had_says_why(self, workbench: Command, tiny_repo: Path) -> None:
        done = workbench("run", TINY, "good", "--provider", "openvino")
        assert done.status == 1
        assert "onnxruntime-ep-openvino" in done.err
        done = workbench("run", TINY, "good", "--provider", "dml", "--allow-fallback", "--json")
        assert done.json["warnings"][0]["code"] == "provider-fallback"
        assert "built without dml" in done.json["warnings"][0]["message"]


class TestCompare:
    def test_rows(self, workbench: Command, tiny_repo: Path) -> None:
        words = ("--provider", "cpu,dml", "--batch", "1,2", "--threads", "1,2", "--rounds", "2", "--json")
        done = workbench("bench", TINY, "good", "bad", "--compare", *words)
        assert done.status == 0
        rows = done.json["rows"]
        assert len(rows) == 6  # threads are the CPU's
        good = [row for row in rows if row["throughput_per_s"]]
        assert [(row["provider"], row["batch"]) for row in good] == [("cpu", 1)] * 2
        assert rows[: len(good)] == good
        assert [row["best"] for row in rows] == [True] + [False] * 5
        assert good == sorted(good, key=lambda row: -row["throughput_per_s"])
        codes = {(row["provider"], row["batch"]): row["error"]["code"] for row in rows[len(good) :]}
        assert codes == {
            ("cpu", 2): "bench-no-batches",  # its graph knows no padding
            ("dml", 1): "provider-not-got",
            ("dml", 2): "provider-not-got",
        }
        for row in good:
            assert row["median_ms"] > 0
            assert row["peak_memory_bytes"] > 0

    def test_the_table(self, workbench: Command, tiny_repo: Path) -> None:
        done = workbench("bench", TINY, "good", "--compare", "--provider", "cpu,dml", "--threads", "1", "--rounds", "2")
        assert done.status == 0
        lines = done.out.splitlines()
        assert lines[1].startswith("fp32")
        assert lines[1].endswith("█ best")
        assert "1.00×" in lines[1]
        assert "failed" in lines[2]
        assert "built without dml" in lines[3]

    def test_nothing_that_could_be_measured(self, workbench: Command, tiny_repo: Path) -> None:
        done = workbench("bench", TINY, "good", "--compare", "--provider", "dml", "--rounds", "1")
        assert done.status == 1

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--compare", "--provider", "cpu,gpu"), "--provider"),
            (("--compare", "--provider", ","), "--provider"),
            (("--compare", "--batch", "0"), "--batch"),
            (("--compare", "--batch", "two"), "--batch"),
            (("--compare", "--threads", "1,-1"), "--threads"),
            (("--compare", "--precision", "fp33"), "fp33"),
            (("--compare", "--allow-fallback"), "--allow-fallback"),
            (("--provider", "cpu,dml"), "--compare"),
            (("--provider", "gpu"), "--provider"),
            (("--batch", "2"), "--compare"),
            (("--threads", "many"), "--threads"),
        ],
    )
    def test_words_that_are_off(self, workbench: Command, tiny_repo: Path, words: tuple[str, ...], said: str) -> None:
        done = workbench("bench", TINY, "good", *words)
        assert done.status == 2
        assert said in done.err
        assert len(done.err.splitlines()) == 1

    @pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT to send")
    def test_a_stop_shows_what_was_measured(self, workbench: Command, tiny_repo: Path) -> None:
        # Two rows in four turns each; the second begins once the first has had its first, and goes on for seconds.
        process = workbench.start(
            "bench", TINY, "pause", "--compare", "--provider", "cpu", "--threads", "1,2", "--rounds", "100000"
        )
        assert process.stderr is not None
        while b"1/8 turns" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert b"fp32" in out
        assert b"stopped" in err


class TestThreads:
    def test_what_was_measured_is_used_and_an_own_wish_goes_before(self, workbench: Command, tiny_repo: Path) -> None:
        assert workbench("run", TINY, "good", "--json").json["threads"] == 0
        done = workbench("bench", TINY, "good", "--threads", "auto", "--rounds", "1", "--json")
        assert done.status == 0
        known = done.json["threads"]
        assert known in candidates()
        assert len(json.loads((data_dir() / "threads.json").read_text())["choices"]) == 1
        assert workbench("run", TINY, "good", "--json").json["threads"] == known
        assert workbench("run", TINY, "good", "--threads", "0", "--json").json["threads"] == 0
        assert workbench("run", TINY, "good", "--json", WORKBENCH_THREADS="2").json["threads"] == 2
